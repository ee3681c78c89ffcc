#include "replication/membership/flushes.h"

#include <algorithm>

#include "replication/causal/dot.h"

namespace kindred {

bool Flushes::begin(FlushId id, FlushToken token, std::span<const Member> members,
                    uint64_t deadline_us) {
  if (states_.size() >= kFlushesMax || states_.contains(id)) {
    return false;
  }
  State& state = states_[id];
  state.token = token;
  state.deadline_us = deadline_us;
  for (const Member& member : members) {
    state.members.insert(member.id);
  }
  state.awaited = state.members;
  return true;
}

std::optional<Stamp> Flushes::stamp_answered(FlushId id, NodeId member, Stamp highest,
                                             uint64_t cluster_ms, std::vector<Finished>* finished) {
  const auto at = states_.find(id);
  if (at == states_.end() || at->second.is_second_phase || at->second.awaited.erase(member) == 0) {
    return std::nullopt;
  }
  State& state = at->second;
  state.highest = std::max(state.highest, highest);
  state.clock_least_ms = std::min(state.clock_least_ms, cluster_ms);
  state.clock_most_ms = std::max({state.clock_most_ms, cluster_ms, stamp_unix_ms(highest)});
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
  state.is_second_phase = true;
  state.awaited = state.members;
  // A stamp in the millisecond after the highest clock is above whatever any member issues now.
  return std::max(state.highest + 1, stamp_at_ms(state.clock_most_ms + 1));
}

void Flushes::acknowledged(FlushId id, NodeId member, std::vector<Finished>* finished) {
  const auto at = states_.find(id);
  if (at == states_.end() || !at->second.is_second_phase || at->second.awaited.erase(member) == 0 ||
      !at->second.awaited.empty()) {
    return;
  }
  finished->push_back({at->second.token, {}});
  states_.erase(at);
}

void Flushes::member_down(NodeId member, std::vector<Finished>* finished) {
  for (auto at = states_.begin(); at != states_.end();) {
    const State& state = at->second;
    const bool is_needed = (state.is_second_phase ? state.awaited : state.members).contains(member);
    at = is_needed ? fail(at, finished) : std::next(at);
  }
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
  finished->push_back(
      {state.token, state.is_second_phase
                        ? "NOQUORUM FLUSHALL needs all " + needed + " members, acked=" + seen +
                              ", it may still take effect"
                        : "NOREPLICAS FLUSHALL needs all " + needed + " members, up=" + seen});
  return states_.erase(at);
}

}  // namespace kindred
