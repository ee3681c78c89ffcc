#include "replication/causal/state.h"

#include <algorithm>
#include <utility>

#include "replication/causal/bug_bank.h"

namespace kindred {

namespace {

bool by_dot(const Sibling& sibling, const Dot& dot) {
  return sibling.dot < dot;
}

__extension__ typedef unsigned __int128 Wide;  // NOLINT(modernize-use-using): not of an extension

/// Both halves of a product, the step of wyhash (Wang Yi, 2019): every write digests its key's
/// state twice, and this is four instructions a pair.
uint64_t absorb(uint64_t sum, uint64_t first, uint64_t second) {
  const Wide product = Wide{first ^ 0x9e3779b97f4a7c15ULL} * Wide{second ^ sum};
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

bool dropped_by_floor(const Sibling& sibling, const Dot& floor) {
  if (KINDRED_BUG(merge_without_floor)) {
    return false;
  }
  return sibling.is_register && sibling.dot < floor;
}

}  // namespace

const Sibling* State::find(const Dot& dot) const {
  auto place = std::lower_bound(siblings.begin(), siblings.end(), dot, by_dot);
  return place != siblings.end() && place->dot == dot ? &*place : nullptr;
}

bool State::has_live_sibling(uint64_t now_ms) const {
  return std::any_of(siblings.begin(), siblings.end(),
                     [now_ms](const Sibling& sibling) { return !sibling.expired(now_ms); });
}

Stamp State::highest_stamp() const {
  Stamp highest = std::max(context.highest_stamp(), floor.stamp);
  return siblings.empty() ? highest : std::max(highest, siblings.back().dot.stamp);
}

bool State::is_newer_than(Stamp stamp) const {
  return highest_stamp() > stamp && (siblings.empty() || siblings.front().dot.stamp > stamp);
}

Dot State::highest_dot() const {
  return siblings.empty() ? floor : std::max(floor, siblings.back().dot);
}

void State::own() {
  for (Sibling& sibling : siblings) {
    sibling.value.own();
  }
}

State merge(const State& a, const State& b) {
  State result;
  result.context = a.context;
  result.context.join(b.context);
  result.floor = std::max(a.floor, b.floor);
  auto keep = [&result](const Sibling& sibling) {
    if (!dropped_by_floor(sibling, result.floor)) {
      result.siblings.push_back(sibling);
    }
  };
  auto left = a.siblings.begin();
  auto right = b.siblings.begin();
  while (left != a.siblings.end() || right != b.siblings.end()) {
    if (right == b.siblings.end() || (left != a.siblings.end() && left->dot < right->dot)) {
      if (!b.context.covers(left->dot)) {
        keep(*left);
      }
      ++left;
    } else if (left == a.siblings.end() || right->dot < left->dot) {
      if (!a.context.covers(right->dot)) {
        keep(*right);
      }
      ++right;
    } else {
      keep(*left);
      ++left;
      ++right;
    }
  }
  return result;
}

bool includes(const State& held, const State& incoming) {
  if (incoming.floor > held.floor) {
    return false;
  }
  for (const CausalContext::Entry& entry : incoming.context.vector()) {
    if (held.context.stamp_of(entry.actor) < entry.stamp) {
      return false;
    }
  }
  for (const Dot& dot : incoming.context.dots()) {
    if (!held.context.covers(dot)) {
      return false;
    }
  }
  // A sibling that the other side knows of and no longer has must go.
  return std::all_of(held.siblings.begin(), held.siblings.end(), [&](const Sibling& sibling) {
    return !incoming.context.covers(sibling.dot) || incoming.find(sibling.dot) != nullptr;
  });
}

Digest digest(const State& state) {
  uint64_t sum = 0xd1b54a32d192ed03ULL + state.context.vector().size();
  for (const CausalContext::Entry& entry : state.context.vector()) {
    sum = absorb(sum, entry.actor, entry.stamp);
  }
  for (const Dot& dot : state.context.dots()) {
    sum = absorb(sum, ~dot.actor, dot.stamp);
  }
  sum = absorb(sum, state.floor.actor, state.floor.stamp);
  for (const Sibling& sibling : state.siblings) {
    sum = absorb(sum, sibling.dot.actor, sibling.dot.stamp);
  }
  return sum;
}

bool prune(State& state, std::span<const ActorId> in_use) {
  const auto is_kept = [&](ActorId actor) {
    return std::binary_search(in_use.begin(), in_use.end(), actor) ||
           std::any_of(state.siblings.begin(), state.siblings.end(),
                       [actor](const Sibling& sibling) { return sibling.dot.actor == actor; });
  };
  CausalContext kept;
  bool changed = false;
  for (const CausalContext::Entry& entry : state.context.vector()) {
    const bool keeps = is_kept(entry.actor);
    changed = changed || !keeps;
    if (keeps) {
      kept.raise(entry.actor, entry.stamp);
    }
  }
  for (const Dot& dot : state.context.dots()) {
    const bool keeps = is_kept(dot.actor);
    changed = changed || !keeps;
    if (keeps) {
      kept.add_dot(dot);
    }
  }
  if (changed) {
    state.context = std::move(kept);
  }
  return changed;
}

bool apply_flush(State& state, Stamp flush_stamp) {
  if (flush_stamp == 0 || state.never_written()) {
    return false;
  }
  if (state.highest_stamp() <= flush_stamp) {
    state = State{};
    return true;
  }
  auto flushed = [flush_stamp](const Sibling& sibling) { return sibling.dot.stamp <= flush_stamp; };
  auto kept = std::remove_if(state.siblings.begin(), state.siblings.end(), flushed);
  bool changed = kept != state.siblings.end();
  state.siblings.erase(kept, state.siblings.end());
  return changed;
}

}  // namespace kindred
