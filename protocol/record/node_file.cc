#include "protocol/record/node_file.h"

#include <optional>
#include <utility>
#include <vector>

#include "protocol/record/bytes.h"
#include "protocol/record/hash.h"

namespace kindred {

namespace {

constexpr std::string_view kMagic = "KINDREDC";
constexpr uint16_t kVersion = 1;
constexpr size_t kChecksumBytes = 8;
// Two ids, four empty texts, two ports, a weight.
constexpr size_t kMemberBytesMin = 2 * 8 + 4 + 2 * 2 + 4;

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

Ring read_ring(ByteReader& reader) {
  const uint32_t partition_count = reader.u32();
  const uint32_t replicas = reader.u32();
  const uint32_t copies = reader.u32();
  if (partition_count == 0 && replicas == 0 && copies == 0) {
    return {};
  }
  const uint64_t owner_count = uint64_t{partition_count} * copies;
  if (owner_count > reader.remaining() / sizeof(NodeId)) {
    reader.fail();
    return {};
  }
  std::vector<NodeId> owners(owner_count);
  for (NodeId& owner : owners) {
    owner = reader.u64();
  }
  std::optional<Ring> ring = Ring::make(partition_count, replicas, copies, std::move(owners));
  if (!ring.has_value()) {
    reader.fail();
    return {};
  }
  return *std::move(ring);
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

void read_fields(ByteReader& reader, ClusterDocument* cluster) {
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
  cluster->ring = read_ring(reader);
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
  read_fields(reader, cluster);
  return reader.complete() && version == kVersion ? ClusterBytes::kValid : ClusterBytes::kDamaged;
}

}  // namespace kindred
