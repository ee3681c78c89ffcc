// Who has met which event of a key, followed from hand to hand: what the oracle judges contexts by.
#include "replication/node/op_table.h"
#include "tests/sim/cluster.h"
#include "tests/sim/shard_host.h"

namespace kindred::sim {

/// What this node has met of the key, by its copy and its hints.
Knowledge ShardHost::held(uint32_t key) const {
  Disk& disk = node_.disk();
  Knowledge all = disk.at(key).visible.met;
  for (uint32_t place = 0; place < disk.size(); ++place) {
    if (place != key && disk.key_of(place) == key) {
      all = join(all, disk.at(place).visible.met);
    }
  }
  return step_.gathered_key == key ? join(all, step_.gathered) : all;
}

Knowledge ShardHost::shown(uint32_t key, bool by_hints) const {
  Disk& disk = node_.disk();
  Knowledge all;
  for (uint32_t place = 0; place < disk.size(); ++place) {
    if (disk.key_of(place) == key && (disk.target_of(place) != 0) == by_hints) {
      all = join(all, disk.at(place).visible.shown);
    }
  }
  return all;
}

/// What the read that this step goes on with has gathered. Steps that may be about any op (a tick,
/// a peer's end, hints that several may wait for) are taken to know all that is being read of the
/// key.
Knowledge ShardHost::read_by_step(uint32_t key) const {
  if (step_.id != 0 && TableId::kind_of(step_.id) != IdKind::kHintRead) {
    auto place = reading_.find(step_.id);
    return place == reading_.end() ? nullptr : place->second.met;
  }
  if (step_.write != kNone) {
    return nullptr;
  }
  Knowledge all;
  for (const auto& [id, reading] : reading_) {
    if (reading.key == key) {
      all = join(all, reading.met);
    }
  }
  return all;
}

/// The write that a request under way is about, whatever step it goes on in.
uint32_t ShardHost::write_of(uint64_t id) {
  const Origin* origin =
      TableId::kind_of(id) == IdKind::kCoordinated ? shard_.origin_of(id) : nullptr;
  if (origin == nullptr) {
    return kNone;
  }
  if (origin->passed_on()) {
    const auto passed = passed_in_.find({origin->passer, origin->passed_id});
    return passed == passed_in_.end() ? kNone : passed->second.write;
  }
  const auto asked = asked_.find(origin->client);
  return asked == asked_.end() ? kNone : asked->second;
}

/// A read of a key's hints loads them side by side and takes in what is stored meanwhile, which may
/// be handed over before its last load ends.
void ShardHost::gather(uint32_t key, const Knowledge& met) {
  for (auto& [token, waiting] : loading_) {
    if (waiting.gathered_key == key) {
      waiting.gathered = join(waiting.gathered, met);
    }
  }
}

/// What the answer to a read of `key` shows.
Knowledge ShardHost::answer_met(uint32_t key) const {
  if (step_.is_answer) {
    return step_.answer;
  }
  if (auto place = reading_.find(step_.id); place != reading_.end()) {
    return place->second.met;
  }
  return step_.key != kNone ? held(key) : join(held(key), read_by_step(key));
}

Ghost ShardHost::ghost_of(NodeId to, const Message& message) {
  Ghost ghost;
  if (const auto* replicate = std::get_if<Replicate>(&message)) {
    const uint32_t key = cluster_.key_index(replicate->key);
    if (replicate->id != 0) {
      // A fallback keeps the record for later hints, also where its own is delivered meanwhile.
      Knowledge& met = sent_met_[replicate->id];
      met = join(met, held(key));
      sent_of_key_[key] = join(sent_of_key_[key], met);
      ghost.met = met;
    } else {
      ghost.met = read_by_step(key);
      step_.brought = join(step_.brought, ghost.met);
    }
  } else if (const auto* fetch = std::get_if<Fetch>(&message)) {
    const uint32_t key = cluster_.key_index(fetch->key);
    auto [place, is_new] = reading_.try_emplace(fetch->id);
    if (is_new) {
      place->second = Reading{key, held(key), cluster_.queue().now_us()};
      reading_order_.push_back(fetch->id);
    }
  } else if (const auto* pass_on = std::get_if<PassOn>(&message)) {
    ghost.write = write_of(pass_on->id);
  } else if (const auto* answer = std::get_if<PassOnReply>(&message)) {
    if (auto place = passed_in_.find({to, answer->id}); place != passed_in_.end()) {
      ghost.met = answer_met(place->second.key);
    }
  } else if (std::holds_alternative<FetchReply>(message)) {
    ghost.met = step_.key == kNone ? nullptr : held(step_.key);
  } else if (const auto* range = std::get_if<FetchRangeReply>(&message)) {
    for (const RangeEntry& entry : range->entries) {
      const uint32_t key = cluster_.key_index(entry.key);
      ghost.entries.emplace_back(key, held(key));
    }
  }
  return ghost;
}

}  // namespace kindred::sim
