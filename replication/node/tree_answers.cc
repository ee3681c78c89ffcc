#include "replication/node/tree_answers.h"

#include <algorithm>

#include "replication/entropy/descent.h"

namespace kindred {

namespace {

constexpr size_t kReadingsMax = 1000;
constexpr uint32_t kAnswerPageEntriesMax = 1024;
constexpr uint32_t kAnswerPageBytesMax = 256U << 10;

}  // namespace

TreeAnswers::TreeAnswers(ShardCore& core)
    : core_(core), table_(core.config.shard_index, IdKind::kTreeAnswer, core.config.id_seed) {}

FetchStatus TreeAnswers::status_for(NodeId from, uint16_t partition, Step step,
                                    Stamp flush_stamp) const {
  if (!core_.has_cluster()) {
    return FetchStatus::kNotOwner;
  }
  if (partition >= core_.copies.size()) {
    core_.ports.document_wanted(from);  // it knows of more layers
    return FetchStatus::kBehind;
  }
  if (const Step mine = core_.step(partition); step != mine) {
    if (step > mine) {
      core_.ports.document_wanted(from);
    }
    return step < mine ? FetchStatus::kStale : FetchStatus::kBehind;
  }
  const Copy& copy = core_.copies.at(partition);
  const bool is_comparable = copy.state == CopyState::kWhole && copy.tree.is_exact() &&
                             flush_stamp == core_.cluster().flush_stamp;
  return is_comparable ? FetchStatus::kOk : FetchStatus::kFilling;
}

void TreeAnswers::on_tree_fetch(NodeId from, const TreeFetch& message) {
  TreeReply reply;
  reply.id = message.id;
  reply.status = status_for(from, message.partition, message.step, message.flush_stamp);
  hashes_.clear();
  if (reply.status == FetchStatus::kOk) {
    const MerkleTree& tree = core_.copies.at(message.partition).tree.tree();
    reply.leaf_level = tree.level();
    reply.keys = tree.keys();
    if (message.level > tree.level()) {
      reply.status = FetchStatus::kFailed;  // it was deeper when the asker last heard of it
    } else {
      for (const uint32_t node : message.nodes) {
        hashes_.push_back(tree.node(message.level, node));
      }
    }
  }
  reply.hashes = hashes_;
  core_.ports.send(from, reply);
}

void TreeAnswers::on_key_digests_fetch(NodeId from, const KeyDigestsFetch& message) {
  KeyDigestsReply refusal;
  refusal.id = message.id;
  refusal.status = status_for(from, message.partition, message.step, message.flush_stamp);
  if (refusal.status == FetchStatus::kOk && table_.size() >= kReadingsMax) {
    refusal.status = FetchStatus::kOverloaded;
  }
  if (refusal.status != FetchStatus::kOk) {
    return core_.ports.send(from, refusal);
  }
  Reading& reading = table_.make();
  reading.from = from;
  reading.request = message.id;
  reading.step = message.step;
  reading.flush_stamp = message.flush_stamp;
  reading.partition = message.partition;
  FetchRange range;
  range.id = reading.id;
  range.partition = message.partition;
  range.from_slot = message.from_slot;
  range.from_hash = message.from_hash;
  range.after_key = message.after_key;
  range.last_slot = message.last_slot;
  range.last_hash = message.last_hash;
  range.entries_max = std::clamp<uint32_t>(message.entries_max, 1, kAnswerPageEntriesMax);
  range.bytes_max = kAnswerPageBytesMax;
  range.values_wanted = false;
  core_.ports.read_range(range, reading.id);
}

void TreeAnswers::on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries,
                                bool done) {
  Reading* reading = table_.find(id);
  if (reading == nullptr) {
    return;
  }
  KeyDigestsReply reply;
  reply.id = reading->request;
  reply.status = status_for(reading->from, reading->partition, reading->step, reading->flush_stamp);
  reply.status = ok ? reply.status : FetchStatus::kFailed;
  reply.done = done;
  digests_.clear();
  for (const RangeEntry& entry : entries) {
    State state;
    if (reply.status != FetchStatus::kOk) {
      break;
    }
    if (!core_.ports.decode(entry.key, entry.record, &state)) {
      core_.quarantine(entry.key);
      reply.status = FetchStatus::kFailed;
      break;
    }
    core_.filter(state);
    digests_.push_back({entry.key, tree_digest(state)});
  }
  if (reply.status == FetchStatus::kOk) {
    reply.entries = digests_;
    core_.budget.spend_for_peer(BackgroundWork::kExchanges,
                                digests_.size() * BackgroundBudget::kBytesPerKey);
  }
  core_.ports.send(reading->from, reply);
  table_.free(*reading);
}

}  // namespace kindred
