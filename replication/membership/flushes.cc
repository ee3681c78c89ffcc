#include "replication/membership/flushes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "replication/causal/dot.h"

namespace kindred {

bool Flushes::begin(FlushId id, FlushToken token, std::vector<NodeId> members,
                    uint64_t deadline_us) {
  if (states_.size() >= kFlushesMax || states_.contains(id)) {
    return false;
  }
  State& state = states_[id];
  state.token = token;
  state.deadline_us = deadline_us;
  state.members.insert(members.begin(), members.end());
  state.awaited = state.members;
  return true;
}

std::optional<Flushes::Collected> Flushes::stamp_answered(FlushId id, NodeId member, Stamp highest,
                                                          uint64_t cluster_ms,
                                                          std::vector<Finished>* finished) {
  const auto at = states_.find(id);
  if (at == states_.end() || at->second.phase != Phase::kCollecting ||
      at->second.awaited.erase(member) == 0) {
    return std::nullopt;
  }
  State& state = at->second;
  state.highest = std::max(state.highest, highest);
  state.clock_least_ms = std::min(state.clock_least_ms, cluster_ms);
  state.clock_most_ms = std::max({state.clock_most_ms, cluster_ms, stamp_unix_ms(highest)});
  return end_collection(at, finished);
}

std::optional<Flushes::Collected> Flushes::end_collection(States::iterator at,
                                                          std::vector<Finished>* finished) {
  State& state = at->second;
  if (!state.awaited.empty()) {
    return std::nullopt;
  }
  if (state.clock_most_ms - state.clock_least_ms > kClocksApartMsMax) {
    finished->push_back({state.token,
                         "ERR FLUSHALL refused: clocks or stamps of members are more than a day "
                         "apart, nothing was flushed"});
    states_.erase(at);
    return std::nullopt;
  }
  state.phase = Phase::kCommitting;
  // A stamp in the millisecond after the highest clock is above whatever any member issues now.
  return Collected{at->first, std::max(state.highest + 1, stamp_at_ms(state.clock_most_ms + 1))};
}

std::vector<NodeId> Flushes::committed(FlushId id, std::string_view error,
                                       std::vector<Finished>* finished) {
  const auto at = states_.find(id);
  if (at == states_.end() || at->second.phase != Phase::kCommitting) {
    return {};
  }
  State& state = at->second;
  if (!error.empty()) {
    finished->push_back({state.token, std::string(error)});
    states_.erase(at);
    return {};
  }
  state.phase = Phase::kAwaiting;
  state.awaited = state.members;
  return {state.members.begin(), state.members.end()};
}

void Flushes::acknowledged(FlushId id, NodeId member, std::vector<Finished>* finished) {
  const auto at = states_.find(id);
  if (at == states_.end() || at->second.phase != Phase::kAwaiting ||
      at->second.awaited.erase(member) == 0 || !at->second.awaited.empty()) {
    return;
  }
  finished->push_back({at->second.token, {}});
  states_.erase(at);
}

std::vector<Flushes::Collected> Flushes::member_down(NodeId member,
                                                     std::vector<Finished>* finished) {
  std::vector<Collected> collected;
  for (auto at = states_.begin(); at != states_.end();) {
    const auto next = std::next(at);
    State& state = at->second;
    state.members.erase(member);
    if (state.awaited.erase(member) != 0 && state.awaited.empty()) {
      if (state.phase == Phase::kAwaiting) {
        finished->push_back({state.token, {}});
        states_.erase(at);
      } else if (const auto each = end_collection(at, finished)) {
        collected.push_back(*each);
      }
    }
    at = next;
  }
  return collected;
}

void Flushes::expire(uint64_t mono_us, std::vector<Finished>* finished) {
  for (auto at = states_.begin(); at != states_.end();) {
    at = at->second.deadline_us <= mono_us ? fail(at, finished) : std::next(at);
  }
}

uint64_t Flushes::next_deadline_us() const {
  uint64_t next = UINT64_MAX;
  for (const auto& [id, state] : states_) {
    next = std::min(next, state.deadline_us);
  }
  return next;
}

Flushes::States::iterator Flushes::fail(States::iterator at, std::vector<Finished>* finished) {
  const State& state = at->second;
  const std::string needed = std::to_string(state.members.size());
  const std::string seen = std::to_string(state.members.size() - state.awaited.size());
  std::string error;
  switch (state.phase) {
    case Phase::kCollecting:
      error = "NOREPLICAS FLUSHALL needs all " + needed + " live members, answered=" + seen +
              ", nothing was flushed";
      break;
    case Phase::kCommitting:
      error = "NOQUORUM FLUSHALL needs a majority of the members, it may still take effect";
      break;
    case Phase::kAwaiting:
      error = "NOQUORUM FLUSHALL needs all " + needed + " live members, acked=" + seen +
              ", it may still take effect";
      break;
  }
  finished->push_back({state.token, std::move(error)});
  return states_.erase(at);
}

}  // namespace kindred
