#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp/writer.h"
#include "replication/membership/cluster.h"
#include "server/session/node_service.h"

namespace kindred {

class Call;

/// The ring as commands show it, as of one moment.
struct RingView {
  const ClusterDocument* cluster = nullptr;  // null: in none yet
  NodeId self = 0;
  std::vector<MemberStatus> statuses;
  uint64_t mono_ms = 0;  // now, as NodeService::mono_ms() counts

  bool is_up(NodeId id) const;
  /// A member's name; its id where it has none or is no member.
  std::string name_of(NodeId id) const;
};

[[nodiscard]] RingView ring_view(Call& call);
/// Of a member among `statuses`; as of one never heard where it isn't there.
[[nodiscard]] MemberStatus status_of(std::span<const MemberStatus> statuses, NodeId id);

/// An array of maps: the nodes that a partition's keys live on and those that stand in for them, in
/// order. While the partition moves, its next owners follow its present ones.
void write_preference_list(ReplyWriter& reply, const RingView& view, PartitionIndex partition);

/// RING MEMBERS: an array of maps.
void write_members(ReplyWriter& reply, const RingView& view);

/// What RING STATUS tells beside the ring.
struct RingStatusFacts {
  uint64_t read_quorum = 0;
  uint64_t write_quorum = 0;
  bool sloppy_quorum = false;
  uint64_t hints = 0;  // kept here
};
/// RING STATUS: an array of one map.
void write_ring_status(ReplyWriter& reply, const RingView& view, const RingStatusFacts& facts);
/// All hints of `figures`.
uint64_t hint_count(const RingFigures& figures);

void write_text_field(ReplyWriter& reply, std::string_view name, std::string_view value);
void write_number_field(ReplyWriter& reply, std::string_view name, uint64_t value);
/// A field whose value is an array of members' names.
void write_names(ReplyWriter& reply, const RingView& view, std::string_view name,
                 std::span<const NodeId> nodes);

}  // namespace kindred
