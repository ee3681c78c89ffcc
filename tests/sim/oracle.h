#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "replication/causal/state.h"
#include "replication/node/operation.h"
#include "tests/sim/knowledge.h"
#include "tests/sim/plan.h"

namespace kindred::sim {

inline constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
inline constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

/// The true wall clock.
inline uint64_t true_ms(uint64_t now_us) {
  constexpr uint64_t kUnixMsAtStart = 1'750'000'000'000;
  return kUnixMsAtStart + now_us / 1000;
}

/// What became of a write, as its client knows it.
enum class Fate : uint8_t { kOpen, kAcked, kRefused, kUnknown };

/// One write as a client asked for it.
struct Write {
  uint32_t number = 0;
  uint32_t key = 0;
  OpKind kind = OpKind::kSet;
  Modification modification = Modification::kNone;
  std::string value;  // unique among the writes of its key, where it has one
  uint64_t invoked_us = 0;
  uint64_t acked_us = kNever;
  Fate fate = Fate::kOpen;
  bool applied = true;         // acknowledged and changed something
  bool is_strict = true;       // primaries alone met its quorum
  int64_t integer = 0;         // what an INCR returned
  uint64_t expire_at_ms = 0;   // as the node that took the request worked it out; 0: never
  Knowledge past;              // DPUT, DDEL: what the client's context had met
  Knowledge direct;            // DPUT, DDEL: the versions that the client had been shown
  std::vector<uint32_t> dots;  // that stand for it

  bool is_put() const { return kind == OpKind::kPut || kind == OpKind::kRemove; }
  bool may_delete() const {
    return kind == OpKind::kRemove || modification == Modification::kDelete ||
           modification == Modification::kGetDelete;
  }
};

/// One dot as it was first stored, with what its write descends from.
struct DotRecord {
  Dot dot;
  uint32_t write = kNone;
  uint32_t modify = kNone;  // the read-modify-write that computed it
  bool has_value = false;
  bool is_put = false;
  std::string value;
  Knowledge past;
  Knowledge direct;
};

/// What the step that stores a state is about.
struct StoreCause {
  uint32_t put = kNone;            // the DPUT or DDEL being coordinated
  uint32_t modify = kNone;         // the read-modify-write being coordinated
  uint32_t restamped_dot = kNone;  // the first round of a register write being stamped again
  Knowledge met;                   // held before, and brought by this step
  Knowledge shown_before;          // the siblings that the copy held before
};

/// A read that is being judged.
struct ReadCheck {
  uint32_t key = 0;
  uint64_t invoked_us = 0;
  uint64_t newest_register_us = 0;  // as Oracle::newest_register() said when it began
  uint32_t newest_register = kNone;
  bool is_quorum = true;
};

/// The copies of an acknowledged write at that moment, and those that it had to have.
struct CopiesSeen {
  uint32_t held = 0;
  uint32_t needed = 0;
  uint32_t durable = 0;
  uint32_t durable_needed = 0;
};

/// A whole SCAN that is being judged; by key.
struct ScanCheck {
  uint64_t began_us = 0;
  std::vector<bool> must_show;
  std::vector<bool> seen;
};

/// Keeps every write event and judges what clients and copies show. Uses none of the store's merge
/// rules: it follows who met which event, from hand to hand.
class Oracle {
 public:
  explicit Oracle(const Plan& plan)
      : plan_(plan), keys_(plan.keys.size()), is_calm_(plan.is_calm()) {}

  bool failed() const { return !verdict_.empty(); }
  const std::string& verdict() const { return verdict_; }
  /// The first one counts.
  void fail(const std::string& verdict);

  uint32_t begin_write(Write write);
  void end_write(uint32_t number, Fate fate, const Outcome* outcome, uint64_t now_us);
  const Write& write(uint32_t number) const { return writes_[number]; }

  /// A copy stored `state`; `actor` is the copy's own. What it has met from now on.
  Knowledge stored(uint32_t key, const State& state, ActorId actor, const StoreCause& cause);
  /// A copy let go of a state by a reap round; `met` is what it had met of the key.
  void reaped(uint32_t key, const State& state, const Knowledge& met, uint64_t now_us);
  /// Dots of the siblings in `state`.
  Knowledge shown(uint32_t key, const State& state);
  /// The number of a dot, kNone where it was never stored.
  uint32_t number_of(uint32_t key, const Dot& dot) const;
  /// A context may cover only what its holder has met.
  void check_claims(uint32_t key, const CausalContext& context, const Knowledge& met,
                    const std::string& whose);

  void begin_read(ReadCheck& check, uint32_t key, uint64_t now_us) const;
  /// `state` without what the node that answered took for expired.
  void check_read(const ReadCheck& check, const State& state, uint64_t now_us);

  /// What the read told as the one value of `state`, if it told one.
  void check_resolved(uint32_t key, const State& state, bool is_told, std::string_view told);

  [[nodiscard]] ScanCheck begin_scan(uint64_t now_us) const;
  void end_scan(const ScanCheck& check);

  /// A request with an expiry time reached its first node.
  void set_expiry(uint32_t number, uint64_t expire_at_ms) {
    writes_[number].expire_at_ms = expire_at_ms;
  }
  void check_copies(uint32_t number, const CopiesSeen& copies);

  /// A FLUSHALL was asked for; its number here.
  size_t flush_began(uint64_t now_us);
  void flush_refused(size_t flush) { flushes_[flush].fate = Fate::kRefused; }
  void flush_unknown(size_t flush) { flushes_[flush].fate = Fate::kUnknown; }
  /// It was acknowledged, when every node had stored `everywhere` as flush stamp.
  void flush_done(size_t flush, Stamp everywhere, bool asked_all, uint64_t now_us);
  /// Some node goes by this flush stamp from now on.
  void flush_installed(Stamp stamp) { flush_stamps_.try_emplace(stamp, kNever); }

  /// After healing: the state that all owners of a key hold, and what they have met.
  void check_final(uint32_t key, const State& state, const Knowledge& met);

  /// From now on two nodes may coordinate read-modify-writes of one key at once.
  void disturbed() { is_calm_ = false; }

  uint64_t writes_acked() const { return acked_; }
  uint64_t siblings_max() const { return siblings_max_; }

 private:
  struct DotHash {
    size_t operator()(const Dot& dot) const {
      return dot.stamp * 0x9e3779b97f4a7c15ULL ^ dot.actor;
    }
  };
  struct KeyHistory {
    std::vector<DotRecord> dots;
    std::unordered_map<Dot, uint32_t, DotHash> numbers;
    std::unordered_map<std::string, uint32_t> by_value;  // value -> write
    std::vector<uint32_t> writes;
    Dot reaped_floor;                 // the highest that went with a tombstone
    Knowledge reaped_dots;            // versions that went as they had expired
    Knowledge reaped_met;             // by copies that let go, whose nodes may have left since
    uint64_t newest_register_us = 0;  // latest beginning of an acknowledged register write
    uint32_t newest_register = kNone;
  };
  struct Flush {
    uint64_t began_us = 0;
    uint64_t done_us = kNever;
    Stamp stamp = 0;
    bool asked_all = false;  // no member was taken for down
    Fate fate = Fate::kOpen;
  };

  uint32_t add_dot(uint32_t key, const Dot& dot, const StoreCause& cause);
  void bind(uint32_t key, uint32_t dot_number, uint32_t write_number);
  void check_values(uint32_t key, const State& state, const char* where);
  void check_tokens(const std::string& value);
  bool must_be_live(uint32_t key) const;
  bool may_delete_since(uint32_t key, uint64_t since_us) const;
  bool may_be_gone_beside(const Write& newest, uint32_t top) const;
  void check_not_expired(const State& state, uint64_t now_us);
  bool may_have_expired(const Write& write, uint64_t now_us) const;
  /// How wrong a node's cluster clock may be.
  uint64_t clock_error_ms_max() const;
  bool is_covered(const KeyHistory& history, uint32_t dot, const Knowledge& met) const;
  bool is_flushed(const Write& write, const DotRecord& dot) const;
  bool may_be_flushed(const Write& write, uint64_t now_us) const;
  void check_kept(uint32_t key, const Write& write, const State& state, const Knowledge& met);
  void check_siblings(uint32_t key, const State& state);
  void check_replaced(uint32_t key, const Sibling& sibling, const State& state);
  void check_counter(uint32_t key, const State& state);
  void check_log(uint32_t key, const State& state);
  std::string name(const Write& write) const;

  const Plan& plan_;
  std::string verdict_;
  std::vector<Write> writes_;
  std::vector<KeyHistory> keys_;
  std::vector<Flush> flushes_;
  std::map<Stamp, uint64_t> flush_stamps_;  // when a flush above it was acknowledged
  bool is_calm_ = true;
  uint64_t acked_ = 0;
  uint64_t siblings_max_ = 0;
};

}  // namespace kindred::sim
