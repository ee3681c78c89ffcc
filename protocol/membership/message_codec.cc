#include "protocol/membership/message_codec.h"

#include <array>
#include <cstddef>
#include <utility>

#include "protocol/membership/fields.h"

namespace kindred {
namespace membership_codec {
namespace {

constexpr uint8_t kMessageVersion = 1;
constexpr size_t kAddressBytesMin = 3;
constexpr size_t kRumourBytes = 18;

}  // namespace

// Not in the unnamed namespace: they are found by their first argument's.

template <typename Io>
void tell(Io& io, typename Io::template Value<Member>& member) {
  io(member.id, member.directory, member.name, member.client_address, member.peer_address,
     member.zone, member.weight);
  io.require(is_valid(member));
}

template <typename Io>
void tell(Io& io, typename Io::template Value<Sender>& sender) {
  io(sender.node, sender.directory, sender.cluster);
  io.require(sender.node != 0 && sender.directory != 0);
}

template <typename Io>
void tell(Io& io, typename Io::template Value<DocumentVersion>& version) {
  io(version.generation, version.epoch, version.flush_stamp, version.ring_hash);
}

template <typename Io>
void tell(Io& io, typename Io::template Value<Hello>& hello) {
  io(hello.is_reply, hello.dialed, hello.member);
  io.list(hello.seeds, kAddressBytesMin, kSeedsMax);
  io(hello.promised_to);
  io.choice(hello.joining, Joining::kAtOnce);
  io(hello.joining_cluster);
}

template <typename Io>
void tell(Io& io, typename Io::template Value<DocumentOffer>& offer) {
  io.document(offer.document);
}

template <typename Io>
void tell(Io& /*io*/, typename Io::template Value<DocumentRequest>& /*request*/) {}

template <typename Io>
void tell(Io& io, typename Io::template Value<Rumour>& rumour) {
  io(rumour.node, rumour.incarnation);
  io.choice(rumour.state, SwimState::kDead);
  io(rumour.flags);
  io.require(rumour.state != SwimState::kUnknown);
}

/// encoded_bytes() counts the same.
template <typename Io>
void tell(Io& io, typename Io::template Value<SwimMessage>& message) {
  io.choice(message.kind, SwimKind::kExchangeReply);
  io.require(message.kind >= SwimKind::kPing);
  io(message.sequence, message.subject, message.incarnation, message.flags, message.buckets);
  io.list(message.rumours, kRumourBytes, Swim::rumours_max(message.kind));
  io.list(message.digests, sizeof(uint64_t), Swim::kBuckets);
  io.require(message.digests.size() == Swim::digests_of(message.kind));
}

template <typename Io>
void tell(Io& io, typename Io::template Value<Gossip>& gossip) {
  io(gossip.unix_ms, gossip.version, gossip.message);
}

template <typename Io>
void tell(Io& io, typename Io::template Value<StampQuery>& query) {
  io(query.flush_id);
}

template <typename Io>
void tell(Io& io, typename Io::template Value<StampAnswer>& answer) {
  io(answer.flush_id, answer.highest, answer.cluster_ms);
}

template <typename Io>
void tell(Io& io, typename Io::template Value<Flush>& flush) {
  io(flush.flush_id, flush.flush_stamp);
}

template <typename Io>
void tell(Io& io, typename Io::template Value<FlushAck>& ack) {
  io(ack.flush_id);
}

template <typename Io>
void tell(Io& io, typename Io::template Value<Prepare>& prepare) {
  io(prepare.instance, prepare.ballot);
}

template <typename Io>
void tell(Io& io, typename Io::template Value<Prepared>& prepared) {
  io(prepared.instance, prepared.ballot, prepared.accepted);
  io.optional_document(prepared.document);
}

template <typename Io>
void tell(Io& io, typename Io::template Value<Accept>& accept) {
  io(accept.instance, accept.ballot);
  io.document(accept.document);
}

template <typename Io>
void tell(Io& io, typename Io::template Value<Accepted>& accepted) {
  io(accepted.instance, accepted.ballot);
}

template <typename Io>
void tell(Io& io, typename Io::template Value<Refused>& refused) {
  io(refused.instance, refused.ballot, refused.promised);
}

/// Partitions as the distance from the one before, so that neighbours take a byte each.
static void tell_partitions(FieldWriter& io, const std::vector<PartitionIndex>& partitions) {
  io.bytes().varint(partitions.size());
  PartitionIndex after = 0;
  for (const PartitionIndex partition : partitions) {
    io.bytes().varint(partition - after);
    after = partition + 1;
  }
}

static void tell_partitions(FieldReader& io, std::vector<PartitionIndex>& partitions) {
  const size_t count = io.bytes().count(1, kSlotCount);
  uint64_t after = 0;
  for (size_t i = 0; i < count && io.bytes().ok(); ++i) {
    const uint64_t distance = io.bytes().varint();
    io.require(distance < kSlotCount - after);
    partitions.push_back(static_cast<PartitionIndex>(after + distance));
    after += distance + 1;
  }
}

template <typename Io>
void tell(Io& io, typename Io::template Value<ProgressReport>& report) {
  io(report.progress.epoch, report.progress.is_departing, report.progress.read_quorum);
  tell_partitions(io, report.progress.not_whole);
}

template <typename Io>
void tell(Io& io, typename Io::template Value<JoinRequest>& request) {
  io(request.request_id, request.cluster, request.member, request.now);
}

template <typename Io>
void tell(Io& io, typename Io::template Value<JoinReply>& reply) {
  io(reply.request_id, reply.error, reply.epoch);
}

namespace {

/// On the wire a message's kind is its place in MembershipMessage, from 1: new ones go at the end.
constexpr size_t kKinds = std::variant_size_v<MembershipMessage>;

template <size_t kIndex>
MembershipMessage read_message(FieldReader& io) {
  MembershipMessage message(std::in_place_index<kIndex>);
  io(std::get<kIndex>(message));
  return message;
}

template <size_t... kIndexes>
constexpr auto readers_of(std::index_sequence<kIndexes...> /*indexes*/) {
  return std::array{&read_message<kIndexes>...};
}

constexpr auto kReaders = readers_of(std::make_index_sequence<kKinds>());

}  // namespace
}  // namespace membership_codec

using namespace membership_codec;

void encode_membership(const MembershipMessage& message, std::string* out) {
  out->clear();
  ByteWriter bytes(out);
  FieldWriter io(&bytes);
  bytes.u8(kMessageVersion);
  bytes.u8(static_cast<uint8_t>(message.index() + 1));
  std::visit([&io](const auto& each) { io(each.sender, each); }, message);
}

std::optional<MembershipMessage> decode_membership(std::string_view bytes) {
  ByteReader reader(bytes);
  FieldReader io(&reader);
  const uint8_t version = reader.u8();
  const uint8_t kind = reader.u8();
  if (version != kMessageVersion || kind == 0 || kind > kKinds) {
    return std::nullopt;
  }
  Sender sender;
  io(sender);
  MembershipMessage message = kReaders.at(kind - 1)(io);
  if (!reader.complete()) {
    return std::nullopt;
  }
  std::visit([&sender](auto& each) { each.sender = sender; }, message);
  return message;
}

}  // namespace kindred
