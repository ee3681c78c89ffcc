#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "replication/membership/cluster.h"
#include "replication/membership/messages.h"
#include "replication/membership/ports.h"

namespace kindred {

using FlushId = uint64_t;

/// The FLUSHALLs that this node coordinates. Every live member tells how high its stamps have come;
/// a flush stamp above all of them is committed; and every live member tells that it goes by it.
/// Members that are down, or turn down meanwhile, get it with the document. Decides only; messages
/// and commits are Membership's. Not thread-safe.
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

  /// A stamp that is to be committed.
  struct Collected {
    FlushId id = 0;
    Stamp flush_stamp = 0;
  };

  /// `id` is new; `members` are those that are up, this node included. False where too many run
  /// already.
  [[nodiscard]] bool begin(FlushId id, FlushToken token, std::vector<NodeId> members,
                           uint64_t deadline_us);
  /// A member's answer in the first phase. Once all have answered: what to commit; or nothing, with
  /// the flush over and in `finished`.
  std::optional<Collected> stamp_answered(FlushId id, NodeId member, Stamp highest,
                                          uint64_t cluster_ms, std::vector<Finished>* finished);
  /// The stamp is committed, or `error` says why not. The members to ask for acknowledgements.
  std::vector<NodeId> committed(FlushId id, std::string_view error,
                                std::vector<Finished>* finished);
  void acknowledged(FlushId id, NodeId member, std::vector<Finished>* finished);
  /// Nobody waits for a member that is down. What is to be committed, now that it is left out.
  std::vector<Collected> member_down(NodeId member, std::vector<Finished>* finished);
  void expire(uint64_t mono_us, std::vector<Finished>* finished);
  uint64_t next_deadline_us() const;

 private:
  enum class Phase : uint8_t { kCollecting, kCommitting, kAwaiting };
  struct State {
    FlushToken token = 0;
    Phase phase = Phase::kCollecting;
    std::set<NodeId> members;
    std::set<NodeId> awaited;
    Stamp highest = 0;
    uint64_t clock_least_ms = UINT64_MAX;
    uint64_t clock_most_ms = 0;
    uint64_t deadline_us = 0;
  };
  using States = std::map<FlushId, State>;

  std::optional<Collected> end_collection(States::iterator at, std::vector<Finished>* finished);
  States::iterator fail(States::iterator at, std::vector<Finished>* finished);

  States states_;
};

}  // namespace kindred
