#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <span>

#include "replication/node/messages.h"
#include "replication/ring/ring.h"

namespace kindred {

/// One node's word that it holds a write, or its answer to a read. Quorum decisions look at the set
/// of these, never at a count, so that fallbacks and two rings at once find their place; a node's
/// zone stands in the cluster document.
struct Ack {
  NodeId node = 0;
  bool is_primary = true;    // else a fallback: it holds a hint
  bool is_empty = false;     // a read: a fallback without a hint, which knows nothing by itself
  bool is_old_owner = true;  // owner in the ring before / after the partition's last change
  bool is_new_owner = true;
  Durability durability = Durability::kMemory;
};

/// The acks of one request: at most one a node.
class AckSet {
 public:
  /// False where the node has answered already.
  bool add(const Ack& ack);
  void remove(NodeId node);
  bool contains(NodeId node) const;
  void clear() { acks_.clear(); }
  std::span<const Ack> all() const { return {acks_.data(), acks_.size()}; }
  size_t size() const { return acks_.size(); }

 private:
  boost::container::small_vector<Ack, 3> acks_;
};

/// What a request needs, resolved against N and the members.
struct QuorumRule {
  uint8_t needed = 1;      // R or W: distinct nodes
  uint8_t durable = 0;     // DW: copies that are synced
  uint8_t primary = 0;     // PR or PW: primaries
  bool is_strict = false;  // fallbacks count for nothing
};

/// Who may still answer.
struct Outstanding {
  size_t primaries = 0;
  size_t fallbacks = 0;
};

enum class Verdict : uint8_t { kPending, kMet, kImpossible };

/// Judges `acks` while others may still answer.
[[nodiscard]] Verdict judge(const AckSet& acks, const QuorumRule& rule, Outstanding outstanding);

/// Whether primaries alone meet the rule.
[[nodiscard]] bool is_strictly_met(const AckSet& acks, QuorumRule rule);

/// The same of each list, while a partition moves.
struct OutstandingOfLists {
  Outstanding of_old;
  Outstanding of_new;
};

/// Judges a write on a partition between two preference lists: each list must meet its own rule.
[[nodiscard]] Verdict judge_both(const AckSet& acks, const QuorumRule& of_old,
                                 const QuorumRule& of_new, const OutstandingOfLists& outstanding);

/// The same for both lists.
[[nodiscard]] bool are_strictly_met(const AckSet& acks, QuorumRule of_old, QuorumRule of_new);

/// What is missing: the first part of the rule that `acks` don't meet.
struct Shortfall {
  QuorumPart part = QuorumPart::kCopies;
  uint8_t needed = 0;
  uint8_t seen = 0;
};
[[nodiscard]] Shortfall shortfall(const AckSet& acks, const QuorumRule& rule);
/// The same before anything is asked: what so many nodes in reach can't meet, `primaries` of which
/// are primaries.
[[nodiscard]] Shortfall shortfall(uint8_t in_reach, uint8_t primaries, const QuorumRule& rule);

enum class RuleError : uint8_t { kNone, kAboveReplicas, kAboveMembers };

struct QuorumDefaults {
  uint8_t read = 2;
  uint8_t write = 2;
  uint8_t durable = 0;
  bool is_sloppy = false;
};

struct ResolvedQuorum {
  QuorumRule read;
  QuorumRule write;
  QuorumRule write_new;  // while the partition moves, of the new list; `write` is of the old then
  uint8_t modify_read = 1;  // read-modify-write: max(R, N-W+1)
  RuleError error = RuleError::kNone;
  uint8_t refused = 0;  // the number that was too large
};

/// Configured numbers are capped at the length of the preference list (`copies` of N `replicas`);
/// numbers given on the command are not. write_new is left alone.
[[nodiscard]] ResolvedQuorum resolve_quorum(const QuorumSpec& spec, const QuorumDefaults& defaults,
                                            uint8_t replicas, uint8_t copies);

/// How many owners of a preference list of `copies` (N: `replicas`), other than its own node, a
/// copy must have merged from to have met every write that W of the list acknowledged. `is_member`:
/// the copy is the list's own, so its lost memory was part of those quorums.
[[nodiscard]] uint8_t fill_sources_needed(const QuorumDefaults& defaults, uint8_t replicas,
                                          uint8_t copies, bool is_member);

}  // namespace kindred
