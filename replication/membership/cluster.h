#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "replication/causal/dot.h"
#include "replication/ring/ring.h"

namespace kindred {

/// Random 64-bit name of a cluster, in every frame.
using ClusterId = uint64_t;
/// Random 64-bit name of a data directory: the voter (a wiped directory is another voter).
using DirectoryId = uint64_t;

struct Address {
  std::string host;
  uint16_t port = 0;
  friend auto operator<=>(const Address&, const Address&) = default;
};

/// One member as committed.
struct Member {
  NodeId id = 0;
  DirectoryId directory = 0;
  std::string name;
  Address client_address;  // as announced to clients
  Address peer_address;    // as announced to peers
  std::string zone;
  uint32_t weight = 1;
  friend bool operator==(const Member&, const Member&) = default;
};

/// A key that authenticates contexts; two may be live so that they can be rotated.
struct TagKey {
  uint8_t id = 0;
  std::array<uint8_t, 32> secret{};
  friend bool operator==(const TagKey&, const TagKey&) = default;
};

/// What a majority commits, as one versioned whole.
struct ClusterDocument {
  ClusterId cluster_id = 0;
  uint32_t generation = 1;
  uint64_t epoch = 0;
  uint32_t replicas = 3;  // N as founded; capped at the number of members where it is used
  std::vector<Member> members;
  Ring ring;
  Stamp flush_stamp = 0;
  std::vector<TagKey> tag_keys;  // the first one signs, all are accepted
  friend bool operator==(const ClusterDocument&, const ClusterDocument&) = default;

  /// Null where there is none. Good as long as the document is neither changed nor moved.
  const Member* find_member(NodeId id) const;
  const Member* find_peer_address(const Address& address) const;
};

inline constexpr std::size_t kMembersMax = 1024;
inline constexpr std::size_t kNameBytesMax = 255;  // node names, zones, hosts
inline constexpr std::size_t kTagKeysMax = 8;

/// "host:port", an IPv6 host in brackets.
std::string address_text(const Address& address);
/// 16 hex digits, as ids are shown to operators.
std::string id_text(uint64_t id);
/// Whether names and addresses are present where they must be and within their bounds.
bool is_valid(const Member& member);
/// Whether a document received or read from disk holds together: bounds, unique ids and addresses,
/// and a ring that names members alone. Tag keys may be missing (see DocumentOffer).
bool is_valid(const ClusterDocument& document);

}  // namespace kindred
