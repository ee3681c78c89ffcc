#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "replication/causal/state.h"
#include "replication/entropy/saved_copy.h"
#include "replication/node/copy_tree.h"
#include "replication/node/messages.h"
#include "replication/node/operation.h"

namespace kindred {

/// What a partition's copy here is good for (DESIGN: a copy is whole or filling).
enum class CopyState : uint8_t {
  kNone,       // not an owner
  kFilling,    // stores writes, counts for no quorum, coordinates nothing
  kArriving,   // of a new owner that has lost nothing: counts for W of the new, serves nothing yet
  kWhole,      // serves where its node is among the serving owners
  kDeparting,  // no owner's any more: takes part in nothing, goes once all owners hold what it
               // holds
};

/// How a key counts: whether it has a version, when its last version dies, how many it has; and
/// what the copy's tree knows of it.
struct LiveMark {
  bool live = false;
  uint64_t dies_at_ms = 0;  // 0: never
  bool written = false;     // live or a tombstone
  size_t siblings = 0;      // expired ones too, as long as they are kept
  bool is_crowded = false;  // its context knows many actors beside those of its siblings
  size_t clock = 0;         // entries and single dots of its context
  Digest digest = 0;        // tree_digest()
};
[[nodiscard]] LiveMark live_mark(const State& state);

/// Live keys of one copy, expired ones taken off as time passes without touching them: expiry times
/// are counted in ticks of kTickMs, rounded up.
class LiveCount {
 public:
  static constexpr uint64_t kTickMs = 64;
  /// Keys by siblings: tombstones, 1, 2, 3-4, 5-8, 9-16, 17 and more.
  using SiblingHistogram = std::array<uint64_t, 7>;

  void change(const LiveMark& before, const LiveMark& after, uint64_t now_ms);
  uint64_t live(uint64_t now_ms);
  /// Live keys that have an expiry time.
  uint64_t expiring(uint64_t now_ms);
  const SiblingHistogram& by_siblings() const { return by_siblings_; }
  /// Keys without a version, and those whose versions have all expired.
  uint64_t dead(uint64_t now_ms);
  /// Keys whose contexts should be pruned.
  uint64_t crowded() const { return static_cast<uint64_t>(std::max<int64_t>(crowded_, 0)); }
  /// The same by the size of their clocks, tombstones among them; the first is always none.
  const SiblingHistogram& by_clock() const { return by_clock_; }
  void reset();
  /// All that it knows, and what another one knew.
  CountFigures figures() const;
  void restore(const CountFigures& figures);

 private:
  void expire(uint64_t now_ms);
  static uint64_t tick_of(uint64_t ms) { return ms / kTickMs + 1; }

  SiblingHistogram by_siblings_{};
  SiblingHistogram by_clock_{};
  int64_t live_ = 0;
  int64_t written_ = 0;
  int64_t crowded_ = 0;
  int64_t expiring_ = 0;
  uint64_t passed_tick_ = 0;           // all ticks up to this one are taken off
  std::map<uint64_t, int64_t> dying_;  // tick -> keys that die then
};

/// How far a sweep has come in a copy, and what was written ahead of it since it began: a record
/// that the sweep finds there is as it was only where its key is not among these. Keys are told
/// apart by their hash: of two with one hash the sweep may pass one by.
struct SweepTrack {
  bool counts_anew = false;  // the copy's count began at nothing when the sweep did
  bool has_begun = false;
  uint16_t slot = 0;  // of the last record swept
  uint64_t hash = 0;
  std::string key;
  std::unordered_set<uint64_t> written;

  bool is_ahead(const KeyRef& other) const;
};

/// Where the reaping of a partition stands at this node (docs/design/reaping.md); kept in the
/// engine, beside the records. Each number only grows in the life of a copy.
struct RoundMark {
  Round round = 0;   // the last one agreed: the copy takes in nothing that is clean for less
  Round clean = 0;   // the copy shows nothing that a round up to this one reaped
  Round bar = 0;     // what hints must be clean for to be taken in
  Round begins = 0;  // what a hint is clean for that begins here: an owner has voted for it
};

struct Copy {
  CopyState state = CopyState::kNone;
  /// Whole for the old list of a move, and on its way to be so for the new one, of which fewer have
  /// to be read.
  bool catches_up = false;
  ActorId actor = 0;
  LiveCount count;
  CopyTree tree;
  RoundMark mark;
  RoundMark saved_mark;      // as handed to the engine last
  bool knows_round = false;  // where not, an owner has to be asked before anything is taken in
  Round empties_to = 0;      // not 0: it may show what this round reaped, and is being emptied
  std::vector<std::pair<uint64_t, Digest>> reaped;  // key hash, state; by the last round; sorted
  std::optional<SweepTrack> sweep;                  // while one is to go over the copy or does
  double read_p99_us = 1000;  // streaming estimate; decides when a read is hedged
};

/// The copies of one shard, by partition. Partitions of other shards stay kNone.
class Copies {
 public:
  void resize(uint32_t partitions) { copies_.resize(partitions); }
  uint32_t size() const { return static_cast<uint32_t>(copies_.size()); }
  Copy& at(uint16_t partition) { return copies_[partition]; }
  const Copy& at(uint16_t partition) const { return copies_[partition]; }
  uint32_t count(CopyState state) const;
  /// Counts a key's change in its copy, and tells the copy's tree.
  void note_change(const KeyRef& key, const LiveMark& before, const LiveMark& after,
                   uint64_t now_ms);

 private:
  std::vector<Copy> copies_;
};

}  // namespace kindred
