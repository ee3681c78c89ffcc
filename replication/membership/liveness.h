#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "replication/membership/cluster.h"
#include "replication/membership/cluster_clock.h"
#include "replication/membership/messages.h"
#include "replication/membership/swim.h"

namespace kindred {

/// What this node knows of another member.
struct MemberView {
  NodeId id = 0;
  Address peer_address;
  bool is_up = false;
  bool is_whole = false;          // as it said last
  uint64_t ping_sent_ms = 0;      // unix ms of the oldest unanswered probe, 0: none
  uint64_t pong_received_ms = 0;  // unix ms of the last answer, 0: none yet
  uint64_t answered_us = 0;       // when that was on the clock of LocalTime::mono_us
  Rumour word;                    // the highest heard about it
  double phi = 0;                 // of the oldest unanswered probe, at the last step
};

/// Who of the cluster's members is up, in this node's own opinion: Swim, with what each member's
/// answers tell besides: its clock, and when it was heard. Not thread-safe.
class Liveness {
 public:
  static constexpr uint64_t kNever = Swim::kNever;
  /// An answer that took longer says nothing about its sender's clock.
  static constexpr uint64_t kReadingUsMax = 1'500'000;

  /// Watches all members but `self`. New ones are down, and asked by look_at(); what is known of
  /// the others stays. `prng_seed` counts the first time.
  void set_members(const ClusterDocument& document, NodeId self, uint64_t prng_seed);
  /// Whether all copies of this node are whole; the others are told.
  void set_whole(bool is_whole);

  /// Steps; what is to be sent and who turned up or down is added to `effects`. Nothing happens
  /// before set_members(). `gossip` is a watched member's.
  void receive(const Gossip& gossip, LocalTime now, SwimEffects* effects);
  void look_at(NodeId member, LocalTime now, SwimEffects* effects);
  /// See Swim::expect().
  void expect(NodeId member, LocalTime now, SwimEffects* effects);
  void link_lost(NodeId member, LocalTime now, SwimEffects* effects);
  void tick(LocalTime now, SwimEffects* effects);
  uint64_t next_deadline_us() const;
  /// See Swim::clear_gossip().
  void clear_gossip();

  /// Wall clock of each member that is up and has answered since it turned up, less ours.
  std::vector<int64_t> clock_differences_ms() const;
  /// In the order of the document. Good until the next step.
  std::span<const MemberView> views() const { return views_; }
  const MemberView* find(NodeId member) const;
  /// Why a member turned down whose link did not break, in words for a log.
  std::string_view why_down(NodeId member) const;
  /// Members up, this node included.
  std::size_t up_count() const;
  /// This node's own incarnation; 0 before set_members().
  uint64_t incarnation() const { return swim_ ? swim_->incarnation() : 0; }
  SwimMetrics metrics() const { return swim_ ? swim_->metrics() : SwimMetrics{}; }

 private:
  std::optional<std::size_t> index_of(NodeId member) const;
  void refresh(LocalTime now);
  void take_clock(const SwimEffects::Answer& answer, uint64_t their_unix_ms, LocalTime now);

  std::optional<Swim> swim_;
  bool is_whole_ = false;
  std::vector<MemberView> views_;
  std::vector<std::optional<int64_t>> clock_differences_ms_;  // beside views_
};

}  // namespace kindred
