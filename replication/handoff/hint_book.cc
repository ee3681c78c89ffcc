#include "replication/handoff/hint_book.h"

#include <algorithm>

#include "replication/causal/bug_bank.h"

namespace kindred {

namespace {

constexpr uint64_t kHintHeadBytes = 64;  // stored key, checksum and head of the record
constexpr uint64_t kBytesADot = 16;

/// False where nothing was counted there.
template <typename At>
bool take_one(std::map<At, uint64_t>& counts, At at) {
  const auto place = counts.find(at);
  if (place == counts.end()) {
    return false;
  }
  if (--place->second == 0) {
    counts.erase(place);
  }
  return true;
}

}  // namespace

HintMark hint_mark(const KeyRef& hint, const State& state) {
  HintMark mark;
  mark.is_there = !state.never_written();
  if (mark.is_there) {
    mark.since_ms = stamp_unix_ms(state.highest_stamp());
    mark.bytes = kHintHeadBytes + hint.key.size() +
                 kBytesADot * (state.context.vector().size() + state.context.dots().size());
    for (const Sibling& sibling : state.siblings) {
      mark.bytes += kBytesADot + sibling.value.size();
    }
  }
  return mark;
}

void HintCounts::add(const HintCounts& other) {
  stored += other.stored;
  delivered += other.delivered;
  superseded += other.superseded;
  expired += other.expired;
}

void HintBook::stored(const KeyRef& hint, const HintMark& before, const HintMark& after) {
  if (before.is_there) {
    remove(hint, before);
    ++counts_.superseded;
  }
  if (after.is_there) {
    add(hint, after);
    ++counts_.stored;
  }
}

void HintBook::ended(const KeyRef& hint, const HintMark& before, HintEnd why) {
  if (!KINDRED_BUG(fallback_actor_kept)) {
    end_actor(hint);
  }
  if (!before.is_there) {
    return;
  }
  remove(hint, before);
  switch (why) {
    case HintEnd::kDelivered:
      ++counts_.delivered;
      return;
    case HintEnd::kSuperseded:
      ++counts_.superseded;
      return;
    case HintEnd::kExpired:
      ++counts_.expired;
      return;
  }
}

void HintBook::damaged(const KeyRef& hint) {
  HintMark unknown;
  unknown.is_there = true;
  unknown.since_ms = oldest_ms(hint.hint_for);
  const uint64_t before = count_;
  remove(hint, unknown);
  counts_.expired += before - count_;
  end_actor(hint);
}

void HintBook::reverted(const KeyRef& hint, const HintMark& lost, const HintMark& shown) {
  end_actor(hint);
  stored(hint, lost, shown);  // what took the place of a lost hint, be it nothing, supersedes it
}

ActorId HintBook::actor(const KeyRef& hint) const {
  if (actors_.empty()) {
    return 0;
  }
  const auto place = actors_.find(name_of(hint));
  return place == actors_.end() ? 0 : place->second;
}

void HintBook::set_actor(const KeyRef& hint, ActorId actor) {
  actors_[name_of(hint)] = actor;
}

void HintBook::end_actor(const KeyRef& hint) {
  if (!actors_.empty()) {
    actors_.erase(name_of(hint));
  }
}

std::vector<NodeId> HintBook::targets_in(uint16_t partition) const {
  std::vector<NodeId> targets;
  for (const auto& [target, tally] : tallies_) {
    if (tally.by_partition.contains(slots_of(partition))) {
      targets.push_back(target);
    }
  }
  return targets;
}

std::vector<NodeId> HintBook::targets() const {
  std::vector<NodeId> targets;
  for (const auto& [target, tally] : tallies_) {
    targets.push_back(target);
  }
  return targets;
}

std::vector<uint16_t> HintBook::partitions_of(NodeId target) const {
  std::vector<uint16_t> partitions;
  if (const auto place = tallies_.find(target); place != tallies_.end()) {
    for (const auto& [partition, count] : place->second.by_partition) {
      partitions.push_back(partition);
    }
  }
  return partitions;
}

std::vector<HintsOfTarget> HintBook::pending() const {
  std::vector<HintsOfTarget> pending;
  for (const auto& [target, tally] : tallies_) {
    HintsOfTarget one;
    one.target = target;
    one.bytes = tally.bytes;
    one.oldest_ms = oldest_ms(target);
    for (const auto& [partition, count] : tally.by_partition) {
      one.count += count;
    }
    pending.push_back(one);
  }
  return pending;
}

uint64_t HintBook::oldest_ms(NodeId target) const {
  const auto place = tallies_.find(target);
  if (place == tallies_.end() || place->second.by_age.empty()) {
    return 0;
  }
  return place->second.by_age.begin()->first * kAgeTickMs;
}

void HintBook::add(const KeyRef& hint, const HintMark& mark) {
  Tally& tally = tallies_[hint.hint_for];
  tally.bytes += mark.bytes;
  ++tally.by_partition[slots_of(hint.partition)];
  ++tally.by_age[mark.since_ms / kAgeTickMs];
  ++count_;
  ++version_;
  bytes_ += mark.bytes;
}

void HintBook::remove(const KeyRef& hint, const HintMark& mark) {
  const auto place = tallies_.find(hint.hint_for);
  if (place == tallies_.end()) {
    return;
  }
  Tally& tally = place->second;
  if (!take_one(tally.by_partition, slots_of(hint.partition))) {
    return;
  }
  take_one(tally.by_age, mark.since_ms / kAgeTickMs);
  tally.bytes -= std::min(tally.bytes, mark.bytes);
  --count_;
  bytes_ -= std::min(bytes_, mark.bytes);
  if (tally.by_partition.empty()) {
    tallies_.erase(place);
  }
}

std::string HintBook::name_of(const KeyRef& hint) {
  std::string name(reinterpret_cast<const char*>(&hint.hint_for), sizeof(hint.hint_for));
  name.append(hint.key);
  return name;
}

}  // namespace kindred
