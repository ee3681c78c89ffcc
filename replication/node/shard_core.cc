#include "replication/node/shard_core.h"

#include <algorithm>

#include "replication/causal/bug_bank.h"

namespace kindred {

void ShardCore::set_cluster(std::shared_ptr<const ClusterDocument> document) {
  cluster_ = std::move(document);
  ++quorum_version_;
  for (const Member& member : cluster_->members) {
    Peer& peer = peers_[member.id];
    peer.zone = member.zone;
    peer.up = peer.up || member.id == self;
  }
  refresh_reach();
}

void ShardCore::refresh_reach() {
  const Ring& ring = cluster_->ring;
  reach_.assign(ring.partition_count(), Reach{});
  for (uint32_t partition = 0; partition < ring.partition_count(); ++partition) {
    Reach& reach = reach_[partition];
    for (NodeId node : ring.owners(partition)) {
      if (!is_up(node)) {
        continue;
      }
      ++reach.up;
      if (node != self) {
        reach.others.push_back(node);
      }
    }
  }
}

bool ShardCore::is_up(NodeId node) const {
  auto place = peers_.find(node);
  return place != peers_.end() && place->second.up;
}

void ShardCore::set_up(NodeId node, bool up) {
  peers_[node].up = up || node == self;
  if (cluster_ != nullptr) {
    refresh_reach();
  }
}

Ack ShardCore::ack_of(NodeId node, Durability durability) const {
  Ack ack;
  ack.node = node;
  ack.durability = durability;
  if (auto place = peers_.find(node); place != peers_.end()) {
    ack.zone = place->second.zone;
  }
  return ack;
}

LoadStatus ShardCore::load(const KeyRef& key, State* state) {
  const LoadStatus status = ports.try_load(key, state);
  if (status == LoadStatus::kLoaded) {
    filter(*state);
  }
  return status;
}

StoreStatus ShardCore::commit(const KeyRef& key, const LiveMark& before, const LiveMark& after,
                              std::string_view record, Durability durability, StoreToken token,
                              Now now) {
  const StoreStatus status = ports.store(key, record, durability, token);
  if (status == StoreStatus::kFailed) {
    ++metrics.storage_failures;
    end_actor(key.partition);
    return status;
  }
  copies.at(key.partition).count.change(before, after, now.cluster_ms);
  return status;
}

Stamp ShardCore::stamp(Now now, const State& state, Stamp above) {
  return clock.next(now.cluster_ms,
                    std::max({above, state.highest_stamp(), cluster_->flush_stamp}));
}

void ShardCore::end_actor(uint16_t partition) {
  copies.at(partition).actor = ports.random();
}

void ShardCore::lose_writes(uint16_t partition) {
  end_actor(partition);
  if (copies_wanted() > 1) {
    copies.at(partition).state = CopyState::kFilling;
    has_new_filling = true;
  }
}

void ShardCore::quarantine(const KeyRef& key) {
  ++metrics.quarantined_records;
  ports.quarantine(key);
  lose_writes(key.partition);
}

}  // namespace kindred
