#include "protocol/record/node_file.h"

#include <optional>
#include <utility>
#include <vector>

#include "protocol/record/bytes.h"
#include "protocol/record/hash.h"

namespace kindred {

namespace {

constexpr std::string_view kMagic = "KINDREDC";
constexpr uint16_t kVersion = 4;
constexpr uint16_t kVersionWithoutLayers = 3;  // can still be read, as can
constexpr uint16_t kVersionWithoutKeyspaces = 2;
constexpr uint16_t kVersionWithoutMoves = 1;
constexpr size_t kChecksumBytes = 8;
// Two ids, four empty texts, two ports, a weight.
constexpr size_t kMemberBytesMin = 2 * 8 + 4 + 2 * 2 + 4;
constexpr uint8_t kMemberIsLeaving = 1;  // a member's flags
constexpr uint8_t kHasRegisters = 1;     // a keyspace's flags

void write_address(ByteWriter& writer, const Address& address) {
  writer.sized(address.host);
  writer.u16(address.port);
}

void write_member(ByteWriter& writer, const Member& member) {
  writer.u64(member.id);
  writer.u64(member.directory);
  writer.sized(member.name);
  write_address(writer, member.client_address);
  write_address(writer, member.peer_address);
  writer.sized(member.zone);
  writer.u32(member.weight);
}

void write_ring(ByteWriter& writer, const Ring& ring) {
  writer.u32(ring.partition_count());
  writer.u32(ring.replicas());
  writer.u32(ring.copies());
  for (const NodeId owner : ring.flat_owners()) {
    writer.u64(owner);
  }
}

void write_moves(ByteWriter& writer, const std::vector<Move>& moves) {
  writer.varint(moves.size());
  for (const Move& move : moves) {
    writer.u16(static_cast<uint16_t>(move.partition));
    writer.u8(static_cast<uint8_t>(move.phase));
    writer.u8(static_cast<uint8_t>(move.new_owners.size()));
    for (const NodeId owner : move.new_owners) {
      writer.u64(owner);
    }
  }
}

/// Neighbours mostly changed in the same epoch: written as runs.
void write_steps(ByteWriter& writer, const std::vector<uint64_t>& steps) {
  for (size_t begin = 0; begin < steps.size();) {
    size_t end = begin + 1;
    while (end < steps.size() && steps[end] == steps[begin]) {
      ++end;
    }
    writer.varint(end - begin);
    writer.u64(steps[begin]);
    begin = end;
  }
  writer.varint(0);
}

void write_staged(ByteWriter& writer, const std::vector<StagedChange>& staged) {
  writer.varint(staged.size());
  for (const StagedChange& change : staged) {
    writer.u8(static_cast<uint8_t>(change.kind));
    writer.u64(change.node);
    write_member(writer, change.joining);
  }
}

void write_ancestors(ByteWriter& writer, const std::vector<Ancestor>& ancestors) {
  writer.varint(ancestors.size());
  for (const Ancestor& ancestor : ancestors) {
    writer.u32(ancestor.generation);
    writer.u64(ancestor.epoch);
  }
}

void write_keyspaces(ByteWriter& writer, const Keyspaces& keyspaces) {
  writer.varint(keyspaces.size());
  for (const Keyspace& keyspace : keyspaces) {
    writer.sized(keyspace.pattern);
    writer.u8(keyspace.copies);
    writer.u8(keyspace.read);
    writer.u8(keyspace.write);
    writer.u8(keyspace.has_registers ? kHasRegisters : 0);
    writer.sized(keyspace.resolver);
    writer.u64(keyspace.ttl_ms);
  }
}

void write_layers(ByteWriter& writer, const std::vector<Layer>& layers) {
  writer.varint(layers.size());
  for (const Layer& layer : layers) {
    writer.sized(layer.pattern);
    writer.u8(layer.copies_most);
    writer.u8(layer.falls_to);
  }
}

void write_users(ByteWriter& writer, const std::vector<CommittedUser>& users) {
  writer.varint(users.size());
  for (const CommittedUser& user : users) {
    writer.sized(user.name);
    writer.sized(user.rules);
  }
}

void write_tag_key(ByteWriter& writer, const TagKey& key) {
  writer.u8(key.id);
  writer.raw({reinterpret_cast<const char*>(key.secret.data()), key.secret.size()});
}

std::string read_text(ByteReader& reader) {
  const std::string_view text = reader.sized();
  if (text.size() > kClusterTextBytesMax) {
    reader.fail();
    return {};
  }
  return std::string(text);
}

Address read_address(ByteReader& reader) {
  Address address;
  address.host = read_text(reader);
  address.port = reader.u16();
  return address;
}

Member read_member(ByteReader& reader) {
  Member member;
  member.id = reader.u64();
  member.directory = reader.u64();
  member.name = read_text(reader);
  member.client_address = read_address(reader);
  member.peer_address = read_address(reader);
  member.zone = read_text(reader);
  member.weight = reader.u32();
  return member;
}

/// A ring's fields; how many layers it has comes later.
struct RingFields {
  uint32_t partition_count = 0;
  uint32_t replicas = 0;
  uint32_t copies = 0;
  std::vector<NodeId> owners;
};

RingFields read_ring(ByteReader& reader) {
  RingFields ring;
  ring.partition_count = reader.u32();
  ring.replicas = reader.u32();
  ring.copies = reader.u32();
  const uint64_t owner_count = uint64_t{ring.partition_count} * ring.copies;
  if (owner_count > reader.remaining() / sizeof(NodeId)) {
    reader.fail();
    return {};
  }
  ring.owners.resize(owner_count);
  for (NodeId& owner : ring.owners) {
    owner = reader.u64();
  }
  return ring;
}

Ring make_ring(ByteReader& reader, RingFields fields, size_t layers) {
  if (fields.partition_count == 0 && fields.replicas == 0 && fields.copies == 0) {
    return {};
  }
  std::optional<Ring> ring = Ring::make(fields.partition_count, fields.replicas, fields.copies,
                                        std::move(fields.owners), static_cast<uint32_t>(layers));
  if (!ring.has_value()) {
    reader.fail();
    return {};
  }
  return *std::move(ring);
}

std::vector<Move> read_moves(ByteReader& reader) {
  constexpr size_t kMoveBytesMin = 2 + 1 + 1;
  std::vector<Move> moves(reader.count(kMoveBytesMin, size_t{kSlotCount} * kLayersMax));
  for (Move& move : moves) {
    move.partition = reader.u16();
    move.phase = static_cast<MovePhase>(reader.u8());
    const uint8_t owner_count = reader.u8();
    for (uint8_t i = 0; i < owner_count && reader.ok(); ++i) {
      move.new_owners.push_back(reader.u64());
    }
  }
  return moves;
}

std::vector<uint64_t> read_steps(ByteReader& reader, size_t partition_count) {
  std::vector<uint64_t> steps;
  for (uint64_t run = reader.varint(); reader.ok() && run != 0; run = reader.varint()) {
    const uint64_t epoch = reader.u64();
    const bool joins_last = !steps.empty() && steps.back() == epoch;
    if (run > partition_count - steps.size() || joins_last) {
      reader.fail();
      return {};
    }
    steps.insert(steps.end(), run, epoch);
  }
  return steps;
}

std::vector<StagedChange> read_staged(ByteReader& reader) {
  std::vector<StagedChange> staged(reader.count(1 + 8 + kMemberBytesMin, kStagedMax));
  for (StagedChange& change : staged) {
    const uint8_t kind = reader.u8();
    if (kind < static_cast<uint8_t>(ChangeKind::kJoin) ||
        kind > static_cast<uint8_t>(ChangeKind::kReplace)) {
      reader.fail();
      return {};
    }
    change.kind = static_cast<ChangeKind>(kind);
    change.node = reader.u64();
    change.joining = read_member(reader);
  }
  return staged;
}

std::vector<Ancestor> read_ancestors(ByteReader& reader) {
  std::vector<Ancestor> ancestors(reader.count(4 + 8, kAncestorsMax));
  for (Ancestor& ancestor : ancestors) {
    ancestor.generation = reader.u32();
    ancestor.epoch = reader.u64();
  }
  return ancestors;
}

Keyspaces read_keyspaces(ByteReader& reader, uint16_t version) {
  constexpr size_t kKeyspaceBytesMin = 2 + 3 + 2 + 8;
  Keyspaces keyspaces(reader.count(kKeyspaceBytesMin, kKeyspacesMax));
  for (Keyspace& keyspace : keyspaces) {
    keyspace.pattern = read_text(reader);
    keyspace.copies = version > kVersionWithoutLayers ? reader.u8() : 0;
    keyspace.read = reader.u8();
    keyspace.write = reader.u8();
    const uint8_t flags = reader.u8();
    keyspace.has_registers = flags == kHasRegisters;
    if (flags > kHasRegisters) {
      reader.fail();
    }
    keyspace.resolver = read_text(reader);
    keyspace.ttl_ms = reader.u64();
  }
  return keyspaces;
}

std::vector<Layer> read_layers(ByteReader& reader) {
  std::vector<Layer> layers(reader.count(3, kLayersMax - 1));
  for (Layer& layer : layers) {
    layer.pattern = read_text(reader);
    layer.copies_most = reader.u8();
    layer.falls_to = reader.u8();
  }
  return layers;
}

std::vector<CommittedUser> read_users(ByteReader& reader) {
  std::vector<CommittedUser> users(reader.count(2, kUsersMax));
  for (CommittedUser& user : users) {
    user.name = read_text(reader);
    user.rules = reader.sized();
  }
  return users;
}

TagKey read_tag_key(ByteReader& reader) {
  TagKey key;
  key.id = reader.u8();
  const std::string_view secret = reader.raw(key.secret.size());
  if (reader.ok()) {
    std::memcpy(key.secret.data(), secret.data(), secret.size());
  }
  return key;
}

/// What came to be behind the ring, version by version.
void read_later_fields(ByteReader& reader, uint16_t version, uint32_t partition_count,
                       ClusterDocument* cluster) {
  if (version == kVersionWithoutMoves) {
    return;
  }
  for (Member& member : cluster->members) {
    const uint8_t flags = reader.u8();
    member.is_leaving = flags == kMemberIsLeaving;
    if (flags > kMemberIsLeaving) {
      reader.fail();
    }
  }
  cluster->moves = read_moves(reader);
  cluster->steps = read_steps(reader, partition_count);
  cluster->staged = read_staged(reader);
  cluster->ancestors = read_ancestors(reader);
  if (version == kVersionWithoutKeyspaces) {
    return;
  }
  cluster->keyspaces = read_keyspaces(reader, version);
  cluster->users = read_users(reader);
  if (version == kVersionWithoutLayers) {
    return;
  }
  cluster->layers = read_layers(reader);
}

void read_fields(ByteReader& reader, uint16_t version, ClusterDocument* cluster) {
  cluster->cluster_id = reader.u64();
  cluster->generation = reader.u32();
  cluster->epoch = reader.u64();
  cluster->replicas = reader.u32();
  cluster->flush_stamp = reader.u64();
  const size_t member_count = reader.count(kMemberBytesMin, kClusterMembersMax);
  for (size_t i = 0; i < member_count && reader.ok(); ++i) {
    cluster->members.push_back(read_member(reader));
  }
  const size_t key_count =
      reader.count(sizeof(TagKey::id) + sizeof(TagKey::secret), kClusterTagKeysMax);
  for (size_t i = 0; i < key_count && reader.ok(); ++i) {
    cluster->tag_keys.push_back(read_tag_key(reader));
  }
  RingFields ring = read_ring(reader);
  read_later_fields(reader, version, ring.partition_count, cluster);
  cluster->ring = make_ring(reader, std::move(ring), 1 + cluster->layers.size());
}

}  // namespace

void encode_cluster(const ClusterDocument& cluster, std::string* out) {
  out->assign(kMagic);
  ByteWriter writer(out);
  writer.u16(kVersion);
  writer.u64(cluster.cluster_id);
  writer.u32(cluster.generation);
  writer.u64(cluster.epoch);
  writer.u32(cluster.replicas);
  writer.u64(cluster.flush_stamp);
  writer.varint(cluster.members.size());
  for (const Member& member : cluster.members) {
    write_member(writer, member);
  }
  writer.varint(cluster.tag_keys.size());
  for (const TagKey& key : cluster.tag_keys) {
    write_tag_key(writer, key);
  }
  write_ring(writer, cluster.ring);
  for (const Member& member : cluster.members) {
    writer.u8(member.is_leaving ? kMemberIsLeaving : 0);
  }
  write_moves(writer, cluster.moves);
  write_steps(writer, cluster.steps);
  write_staged(writer, cluster.staged);
  write_ancestors(writer, cluster.ancestors);
  write_keyspaces(writer, cluster.keyspaces);
  write_users(writer, cluster.users);
  write_layers(writer, cluster.layers);
  writer.u64(hash64(*out));
}

ClusterBytes decode_cluster(std::string_view bytes, ClusterDocument* cluster) {
  if (!bytes.starts_with(kMagic)) {
    return ClusterBytes::kForeign;
  }
  if (bytes.size() < kMagic.size() + sizeof kVersion + kChecksumBytes) {
    return ClusterBytes::kDamaged;
  }
  const std::string_view summed = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (load_le<uint64_t>(summed.data() + summed.size()) != hash64(summed)) {
    return ClusterBytes::kDamaged;
  }
  ByteReader reader(summed.substr(kMagic.size()));
  const uint16_t version = reader.u16();
  if (version > kVersion) {
    return ClusterBytes::kVersionNewer;
  }
  *cluster = ClusterDocument{};
  if (version < kVersionWithoutMoves) {
    return ClusterBytes::kDamaged;
  }
  read_fields(reader, version, cluster);
  return reader.complete() ? ClusterBytes::kValid : ClusterBytes::kDamaged;
}

}  // namespace kindred
