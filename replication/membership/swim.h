#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "replication/membership/accrual.h"
#include "replication/membership/rumours.h"
#include "replication/ring/ring.h"

namespace kindred {

enum class SwimKind : uint8_t {
  kPing = 1,     // "are you there?"
  kAck = 2,      // `subject` is: the answerer itself, or the one that a helper has reached
  kPingRequest,  // "ask `subject` for me"
  kDigest,       // hashes of all that the sender knows, by bucket
  kExchange,     // all that the sender knows in `buckets`, which differed; wants the same back
  kExchangeReply,
};

/// A message from one machine to another. A value; its bytes are the codec's.
struct SwimMessage {
  SwimKind kind = SwimKind::kPing;
  uint64_t sequence = 0;  // an answer repeats the question's
  NodeId subject = 0;
  uint64_t incarnation = 0;  // the sender's own
  uint8_t flags = 0;         // the sender's own
  uint32_t buckets = 0;      // of kExchange and its reply: a bit a bucket
  std::vector<Rumour> rumours;
  std::vector<uint64_t> digests;  // of kDigest
  friend bool operator==(const SwimMessage&, const SwimMessage&) = default;
};

/// How many bytes a message takes, without the frame around it.
std::size_t encoded_bytes(const SwimMessage& message);

/// What a step makes happen, in order. The caller clears it between steps.
struct SwimEffects {
  struct Send {
    NodeId to = 0;
    SwimMessage message;
  };
  struct Change {
    NodeId member = 0;
    bool is_up = false;
  };
  /// A member answered a question of this node's.
  struct Answer {
    NodeId member = 0;
    uint64_t round_trip_us = 0;  // with what of it this node slept through
  };
  std::vector<Send> sends;  // may be lost
  std::vector<Change> changes;
  std::vector<Answer> answers;
};

struct SwimConfig {
  uint64_t period_us = 500'000;
  uint32_t fan_out = 6;  // members probed a period; all of them where there are no more
  uint32_t helpers = 3;
  uint32_t rumours_a_message = 48;   // a kilobyte with what else a message holds
  uint64_t exchange_us = 2'000'000;  // between exchanges of digests
  // An answer is late, and helpers are asked, when phi reaches 3, within these bounds.
  uint64_t late_us_min = 150'000;
  uint64_t late_us_max = 400'000;
  // A link is down when a question and all after it stay unanswered until phi reaches 8.
  uint64_t silence_us_min = 1'200'000;
  uint64_t silence_us_max = 2'000'000;
  // A suspicion that nobody refutes becomes a death after this and a step for each doubling of the
  // cluster, the time that a refutation takes to come round.
  uint64_t suspicion_us = 600'000;
  uint64_t suspicion_step_us = 50'000;
};

struct SwimMetrics {
  uint64_t messages_sent = 0;
  uint64_t bytes_sent = 0;  // as encoded_bytes() counts
  uint64_t bytes_received = 0;
  uint64_t rejected = 0;  // messages that are malformed, or words that jump too far
  uint64_t ping_requests = 0;
  uint64_t suspicions = 0;  // raised by this node
  uint64_t refutations = 0;
  uint64_t exchanges = 0;  // that found a difference
};

enum class LinkState : uint8_t { kUnknown, kUp, kDown };

/// What this node holds of another member.
struct SwimPeer {
  Rumour word;  // the highest heard; incarnation 0 and kUnknown before the first
  LinkState link = LinkState::kUnknown;
  bool is_up = false;
  AccrualEstimator answers;
  uint64_t answered_us = 0;          // when the last answer came; on the machine's own clock
  uint64_t unanswered_since_us = 0;  // the oldest question after that; 0: none
  uint64_t probed_us = 0;
  uint64_t accepted_from = 0;  // answers to questions before this sequence are too old
  uint64_t suspicion_ends_us = 0;
  uint64_t suspicion_began_us = 0;  // 0: it is not suspected
};

/// Who is up, in this node's own opinion, and how all nodes come to hold one (SWIM: Das, Gupta and
/// Motivala 2002). Its own link to a member comes first: an answer means up, silence or a broken
/// link means down, whatever others say. Where it has asked nobody lately, the others' word counts:
/// a member is probed by someone each period, through others where it doesn't answer, then
/// suspected, and dead unless it refutes that by a higher incarnation. Words ride on probes;
/// exchanges of digests mend what they missed. Who is a member is not decided here.
///
/// A plain state machine: time, chance (the seed) and messages are arguments, sends and changes of
/// opinion come out as effects. A step that comes later than it was asked for is taken for this
/// node's own pause, for which it blames nobody. Not thread-safe. docs/design/gossip.md.
class Swim {
 public:
  static constexpr uint64_t kNever = UINT64_MAX;
  static constexpr std::size_t kBuckets = 32;
  static constexpr std::size_t kRumoursMax = 64;      // in a message that isn't an exchange
  static constexpr std::size_t kExchangedMax = 1024;  // in one that is
  /// How far above what is known an incarnation may lie: a corrupt or hostile word can't take so
  /// high a one that its member could never go above it.
  static constexpr uint64_t kIncarnationJumpMax = 1 << 20;
  /// No incarnation is believed above it; to get there takes longer than any cluster lives.
  static constexpr uint64_t kIncarnationMax = uint64_t{1} << 62;

  /// Bounds of a message of a kind: rumours at most, and digests.
  static constexpr std::size_t rumours_max(SwimKind kind) {
    return kind == SwimKind::kExchange || kind == SwimKind::kExchangeReply ? kExchangedMax
                                                                           : kRumoursMax;
  }
  static constexpr std::size_t digests_of(SwimKind kind) {
    return kind == SwimKind::kDigest ? kBuckets : 0;
  }

  /// `prng_seed` differs from node to node and run to run.
  Swim(NodeId self, SwimConfig config, uint64_t prng_seed);

  /// Watches `others`, none of them self or twice. New ones are down; what is known of the rest
  /// stays. Forgets, without an effect, those no longer named.
  void set_members(std::span<const NodeId> others);
  /// What this node says of itself; spreads under a new incarnation.
  void set_flags(uint8_t flags);
  void receive(NodeId from, const SwimMessage& message, uint64_t now_us, SwimEffects* effects);
  /// Something says that the member may be there, such as a link that connected: asks it soon,
  /// unless it is known to be up.
  void look_at(NodeId member, uint64_t now_us, SwimEffects* effects);
  /// The cluster has just taken the member in, so it was there a moment ago: up, unless something
  /// is known of it already, until its link breaks or it leaves this question unanswered.
  void expect(NodeId member, uint64_t now_us, SwimEffects* effects);
  /// TCP's word on the link: it was reset, refused or closed.
  void link_lost(NodeId member, uint64_t now_us, SwimEffects* effects);
  /// Call at next_deadline_us(); more calls do no harm.
  void tick(uint64_t now_us, SwimEffects* effects);
  /// 0 before the first step; kNever with nobody to watch.
  uint64_t next_deadline_us() const;
  /// Forgets every word about others, as a new process does, and keeps the links: for an operator
  /// who finds gossip gone wrong. The exchanges bring back what the others hold.
  void clear_gossip();

  NodeId self() const { return self_.node; }
  uint64_t incarnation() const { return self_.incarnation; }
  /// By id. Good until the next step.
  std::span<const SwimPeer> peers() const { return peers_; }
  const SwimPeer* find(NodeId member) const;
  /// Phi of the member's oldest unanswered question at the last step; 0 where none is open.
  double phi(const SwimPeer& peer) const;
  bool is_up(NodeId member) const;
  /// Members up, this node included.
  std::size_t up_count() const;
  const SwimMetrics& metrics() const { return metrics_; }

 private:
  struct Question {
    uint64_t sequence = 0;
    NodeId member = 0;
    uint64_t sent_us = 0;
    uint64_t slept_us = 0;  // of this node's pauses, when it was sent
    bool helpers_asked = false;
    bool is_judged = false;  // somebody reached the member, or it was accused
    NodeId asked_for = 0;    // the node that this one helps; 0: none
    uint64_t their_sequence = 0;
  };
  enum class Source { kItself, kOther, kExchange };  // of a word: its member, another, an exchange

  // swim.cc: steps and opinions
  uint64_t begin_step(uint64_t now_us);
  void end_step();
  uint64_t deadline() const;
  SwimPeer* find_peer(NodeId member);
  void refresh(SwimPeer& peer);
  void link_failed(SwimPeer& peer);
  void begin_period();
  void probe_one_lost();
  void probe_doubtful();
  void judge(Question& question);
  void expire_questions();
  void expire_suspicions();
  bool answered_lately(const SwimPeer& peer) const;
  bool answered_since_suspected(const SwimPeer& peer) const;
  uint64_t late_us(const SwimPeer& peer) const;
  uint64_t silence_us(const SwimPeer& peer) const;
  uint64_t suspicion_us() const;
  uint64_t random();

  // swim_words.cc: messages and what they say
  void send(NodeId to, SwimMessage message);
  void ask(SwimPeer& peer, const Rumour* accusation = nullptr);
  void ask_sooner(SwimPeer& peer, const Rumour* accusation = nullptr);
  void ask_helpers(Question& question);
  void answered(SwimPeer& peer, uint64_t sequence);
  void on_ping(SwimPeer& from, const SwimMessage& message);
  void on_ack(SwimPeer& from, const SwimMessage& message);
  void on_ping_request(SwimPeer& from, const SwimMessage& message);
  void on_digest(const SwimPeer& from, const SwimMessage& message);
  void on_exchange(const SwimPeer& from, const SwimMessage& message);
  bool hear(const Rumour& rumour, Source source);
  void hear_of_self(const Rumour& rumour);
  void take_word(SwimPeer& peer, const Rumour& rumour, Source source);
  void accuse(SwimPeer& peer);
  void begin_exchange();
  std::vector<uint64_t> digests() const;
  std::vector<Rumour> words_in(uint32_t buckets) const;
  bool is_valid(const SwimMessage& message) const;

  Rumour self_;
  const SwimConfig config_;
  const double late_deviations_;
  const double silence_deviations_;
  uint64_t prng_state_;
  SwimMetrics metrics_;
  std::vector<SwimPeer> peers_;  // by id
  RumourQueue rumours_;
  std::vector<Question> questions_;  // by sequence
  uint64_t last_sequence_;
  std::vector<NodeId> suspected_;
  std::vector<NodeId> round_;  // whom to probe, in this round's order
  std::size_t round_next_ = 0;
  NodeId lost_last_ = 0;  // of the members that are down, whom was probed last

  uint64_t now_us_ = 0;  // of the step, less the node's own pauses
  uint64_t paused_us_ = 0;
  uint64_t deadline_us_ = 0;  // as asked for by the last step, on the clock of now_us_
  uint64_t heard_us_ = 0;     // when somebody answered last, or the machine started
  uint64_t next_period_us_ = 0;
  uint64_t next_exchange_us_ = 0;
  SwimEffects* effects_ = nullptr;  // of the step
};

}  // namespace kindred
