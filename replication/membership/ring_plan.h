#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "replication/membership/cluster.h"

// What follows from a cluster document: pure functions, the same at every node. Those that alter a
// document are given the next one, its epoch raised already: the partitions they touch step to it.
// docs/design/ring-changes.md says why the rules are these.

namespace kindred {

/// A copy of `document` to be altered into the one of the next epoch.
ClusterDocument next_document(const ClusterDocument& document);

/// Whether `document` can follow `before` as its next epoch: the same cluster and generation, the
/// flush stamp and steps not lower, the ring of the same size. What a voter checks.
bool may_follow(const ClusterDocument& before, const ClusterDocument& document);

/// The member that an operator means: by name, peer address ("host:port") or id (16 hex digits).
/// Null where there is none, or where the name is not unique.
const Member* find_named(const ClusterDocument& document, std::string_view text);

/// The change as RING shows it, "join 127.0.0.1:17001" for one.
std::string change_text(const StagedChange& change, const ClusterDocument& document);

/// Applies a change to the members, and a removal to the lists. Empty, or the error line without
/// '-', and nothing changed. `may_lose`: also where a removal gives up the only copy of a
/// partition.
[[nodiscard]] std::string apply_change(const StagedChange& change, bool may_lose,
                                       ClusterDocument* document);
/// Adds to the staged changes, after a try on a copy that has those before it. As apply_change().
[[nodiscard]] std::string stage_change(const StagedChange& change, ClusterDocument* document);
/// Applies all that is staged and clears it. As apply_change().
[[nodiscard]] std::string apply_staged(ClusterDocument* document);

/// Gives each pattern of the keyspaces that is to have another N than the keys around it a layer of
/// its own, whose partitions begin with the owners and moves of those that they are split off. To
/// be called when keyspaces changed. As apply_change().
[[nodiscard]] std::string add_layers(ClusterDocument* document);

/// Where no partition moves: makes moves of all partitions whose owners differ from the claim over
/// the members that are not leaving. To be called last on every document that changes.
void start_moves(ClusterDocument* document);

/// What a member last told of itself.
struct MemberProgress {
  uint64_t epoch = 0;                     // of the document that all its shards go by
  std::vector<PartitionIndex> not_whole;  // ascending: its copies that are no part of a read quorum
  /// It has copies or hints to hand over, or does not know yet that it is to leave.
  bool is_departing = false;
  uint8_t read_quorum = 0;  // the lowest R of any key by which it answers reads; 0: not told
  friend bool operator==(const MemberProgress&, const MemberProgress&) = default;
};
/// By member; one that told nothing is missing.
using Progress = std::map<NodeId, MemberProgress>;

/// Takes each partition that is ready to its next step, and leaving members that hold nothing off
/// the members. False where nothing was ready, and nothing changed. `read_quorum`: the lowest R of
/// any key, of members that have not told theirs.
[[nodiscard]] bool take_steps(const Progress& progress, uint32_t read_quorum,
                              ClusterDocument* document);

/// What committing the staged changes would bring about. Where partitions move already: after these
/// moves.
struct RingPlan {
  struct PartitionMove {
    PartitionIndex partition = 0;
    std::vector<NodeId> from;
    std::vector<NodeId> to;
  };
  /// A list with less nodes or zones on it than N.
  struct Crowding {
    PartitionIndex partition = 0;
    std::size_t nodes = 0;
    std::size_t zones = 0;
  };
  std::string error;  // why the staged changes can't be committed; else empty, and:
  std::vector<Member> members;
  std::vector<PartitionMove> moves;          // of partitions that get other nodes, ascending
  std::map<NodeId, uint32_t> copies_to_get;  // by node: copies to be transferred to it
  std::vector<Crowding> crowded;             // zones count only where members have different ones
};
RingPlan plan_staged(const ClusterDocument& document);

}  // namespace kindred
