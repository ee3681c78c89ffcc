#include "replication/membership/ring_lists.h"

#include <algorithm>
#include <utility>

#include "replication/causal/bug_bank.h"
#include "replication/ring/invariant.h"

namespace kindred::ring_plan_detail {

bool contains(std::span<const NodeId> list, NodeId node) {
  return std::ranges::find(list, node) != list.end();
}

Lists::Lists(ClusterDocument* document)
    : document_(document), slot_partitions_(document->ring.slot_partitions()) {
  const Ring& ring = document->ring;
  old_.resize(ring.partition_count());
  new_.resize(ring.partition_count());
  for (PartitionIndex partition = 0; partition < ring.partition_count(); ++partition) {
    const auto owners = ring.owners(partition);
    old_[partition].assign(owners.begin(), owners.end());
  }
  for (const Move& move : document->moves) {
    new_[move.partition] = move;
  }
  document->steps.resize(ring.partition_count(), 1);
}

bool Lists::names(NodeId node) const {
  return std::ranges::any_of(old_, [&](const Owners& list) { return contains(list, node); }) ||
         std::ranges::any_of(new_, [&](const std::optional<Move>& move) {
           return move && contains(move->new_owners, node);
         });
}

void Lists::set_owners(PartitionIndex partition, Owners owners) {
  old_[partition] = std::move(owners);
  document_->steps[partition] = document_->epoch;
}

void Lists::set_move(PartitionIndex partition, std::optional<Move> move) {
  new_[partition] = std::move(move);
  document_->steps[partition] = document_->epoch;
}

void Lists::add_layer(uint32_t around) {
  for (PartitionIndex slots = 0; slots < slot_partitions_; ++slots) {
    const PartitionIndex split = around * slot_partitions_ + slots;
    const PartitionIndex added = count();
    old_.push_back(old_[split]);
    new_.push_back(new_[split]);
    if (new_.back()) {
      new_.back()->partition = added;
    }
    if (KINDRED_BUG(layer_split_without_a_step)) {
      document_->steps.push_back(document_->steps[split]);
      continue;
    }
    document_->steps.push_back(document_->epoch);
    document_->steps[split] = document_->epoch;
  }
}

void Lists::put_together() {
  std::size_t copies = 0;
  uint32_t replicas = document_->replicas;
  for (uint32_t layer = 1; layer <= document_->layers.size(); ++layer) {
    replicas = std::max(replicas, document_->replicas_of_layer(layer));
  }
  for (const Owners& list : old_) {
    copies = std::max(copies, list.size());
  }
  Owners flat;
  flat.reserve(old_.size() * copies);
  for (const Owners& list : old_) {
    flat.insert(flat.end(), list.begin(), list.end());
    flat.resize(flat.size() + copies - list.size(), 0);
  }
  replicas = std::max(replicas, static_cast<uint32_t>(copies));  // while lists get shorter
  auto ring = Ring::make(count(), replicas, static_cast<uint32_t>(copies), std::move(flat),
                         count() / slot_partitions_);
  ring_detail::require(ring.has_value(), "lists that changed make a ring");
  document_->ring = *std::move(ring);
  document_->moves.clear();
  for (std::optional<Move>& move : new_) {
    if (move) {
      document_->moves.push_back(std::move(*move));
    }
  }
}

}  // namespace kindred::ring_plan_detail
