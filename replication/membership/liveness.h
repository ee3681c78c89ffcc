#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "replication/membership/cluster.h"
#include "replication/membership/messages.h"

namespace kindred {

/// What this node knows of another member.
struct MemberView {
  NodeId id = 0;
  Address peer_address;
  bool is_up = false;
  bool is_whole = false;          // as it said last
  uint64_t ping_sent_ms = 0;      // unix ms of the oldest unanswered probe, 0: none
  uint64_t pong_received_ms = 0;  // unix ms of the last answer, 0: none yet
  DocumentVersion version;        // as it said last
};

/// Who is up, in this node's own opinion: a member is down when its link breaks, or when it has
/// answered no probe for kSilenceUsMax; up on its next answer. Not thread-safe.
class Liveness {
 public:
  static constexpr uint64_t kSilenceUsMax = 1'500'000;
  static constexpr uint64_t kNever = UINT64_MAX;

  /// Watches all members but `self`. New ones are down; what is known of the others stays.
  /// `first_sequence` differs from run to run, so that no answer to an earlier run's probe counts.
  void set_members(const ClusterDocument& document, NodeId self, uint64_t first_sequence);

  /// Notes that a watched member is being probed now; the probe's sequence number.
  uint64_t begin_probe(NodeId member, uint64_t mono_us, uint64_t unix_ms);
  /// True where the member turned up. Answers to old or unknown probes change nothing.
  bool answered(const Probe& reply, uint64_t mono_us, uint64_t unix_ms);
  /// True where the member turned down. Only probes sent from now on can bring it up again.
  bool link_lost(NodeId member);
  /// The members that have been silent for too long turn down, and are returned.
  std::vector<NodeId> expire(uint64_t mono_us);
  /// When expire() may next have something to say.
  uint64_t next_expiry_us() const;

  /// Wall clock of each member that is up less ours.
  std::vector<int64_t> clock_differences_ms() const;
  std::span<const MemberView> views() const { return views_; }
  const MemberView* find(NodeId member) const;
  /// Members up, this node included.
  std::size_t up_count() const;

 private:
  static constexpr uint64_t kProbesKept = 8;

  struct SentProbe {
    uint64_t sequence = 0;
    uint64_t sent_us = 0;
  };
  struct Track {
    uint64_t last_sequence = 0;
    uint64_t accepted_from = 0;  // answers to earlier probes are too old
    uint64_t silence_ends_us = 0;
    int64_t clock_difference_ms = 0;
    std::array<SentProbe, kProbesKept> sent{};
  };

  std::optional<std::size_t> index_of(NodeId member) const;

  std::vector<MemberView> views_;
  std::vector<Track> tracks_;  // beside views_
};

}  // namespace kindred
