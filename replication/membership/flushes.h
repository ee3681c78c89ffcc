#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "replication/membership/cluster.h"
#include "replication/membership/messages.h"
#include "replication/membership/ports.h"

namespace kindred {

using FlushId = uint64_t;

/// The FLUSHALLs that this node coordinates, each in two phases: every member tells how high its
/// stamps have come, then every member takes a flush stamp above all of them. Decides only; the
/// messages are Membership's. Not thread-safe.
class Flushes {
 public:
  /// More at a time are refused.
  static constexpr std::size_t kFlushesMax = 64;
  /// Members whose clocks are further apart are not flushed: the stamp would be far ahead of
  /// somebody's clock for ever.
  static constexpr uint64_t kClocksApartMsMax = 24ULL * 3600 * 1000;

  struct Finished {
    FlushToken token = 0;
    std::string error;
  };

  /// `id` is new; `members` includes this node. False where too many run already.
  [[nodiscard]] bool begin(FlushId id, FlushToken token, std::span<const Member> members,
                           uint64_t deadline_us);
  /// A member's answer in the first phase. Once all have answered: the stamp to send to all; or
  /// nothing, with the flush over and in `finished`.
  std::optional<Stamp> stamp_answered(FlushId id, NodeId member, Stamp highest, uint64_t cluster_ms,
                                      std::vector<Finished>* finished);
  void acknowledged(FlushId id, NodeId member, std::vector<Finished>* finished);
  /// Ends the flushes that need a member which is down now.
  void member_down(NodeId member, std::vector<Finished>* finished);
  void expire(uint64_t mono_us, std::vector<Finished>* finished);
  uint64_t next_deadline_us() const;

 private:
  struct State {
    FlushToken token = 0;
    bool is_second_phase = false;
    std::set<NodeId> members;
    std::set<NodeId> awaited;
    Stamp highest = 0;
    uint64_t clock_least_ms = UINT64_MAX;
    uint64_t clock_most_ms = 0;
    uint64_t deadline_us = 0;
  };
  using States = std::map<FlushId, State>;

  States::iterator fail(States::iterator at, std::vector<Finished>* finished);

  States states_;
};

}  // namespace kindred
