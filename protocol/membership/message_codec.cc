#include "protocol/membership/message_codec.h"

#include <cstddef>
#include <utility>

#include "protocol/membership/fields.h"

namespace kindred {
namespace {

using namespace membership_codec;

constexpr uint8_t kVersion = 1;
constexpr size_t kAddressBytesMin = 3;

/// On the wire, so numbers never change their meaning.
enum class Kind : uint8_t {
  kHello = 1,
  kDocumentOffer = 2,
  kDocumentRequest = 3,
  kProbe = 4,
  kStampQuery = 5,
  kStampAnswer = 6,
  kFlush = 7,
  kFlushAck = 8,
  kPrepare = 9,
  kPrepared = 10,
  kAccept = 11,
  kAccepted = 12,
  kRefused = 13,
  kProgressReport = 14,
  kJoinRequest = 15,
  kJoinReply = 16,
};

void write_member(ByteWriter& writer, const Member& member) {
  writer.u64(member.id);
  writer.u64(member.directory);
  writer.sized(member.name);
  write_address(writer, member.client_address);
  write_address(writer, member.peer_address);
  writer.sized(member.zone);
  writer.u32(member.weight);
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
  if (reader.ok() && !is_valid(member)) {
    reader.fail();
  }
  return member;
}

void write_version(ByteWriter& writer, const DocumentVersion& version) {
  writer.u32(version.generation);
  writer.u64(version.epoch);
  writer.u64(version.flush_stamp);
  writer.u64(version.ring_hash);
}

DocumentVersion read_version(ByteReader& reader) {
  DocumentVersion version;
  version.generation = reader.u32();
  version.epoch = reader.u64();
  version.flush_stamp = reader.u64();
  version.ring_hash = reader.u64();
  return version;
}

Kind write_fields(ByteWriter& writer, const Hello& hello) {
  writer.boolean(hello.is_reply);
  write_address(writer, hello.dialed);
  write_member(writer, hello.member);
  writer.varint(hello.seeds.size());
  for (const Address& seed : hello.seeds) {
    write_address(writer, seed);
  }
  write_promise(writer, hello.promised_to);
  writer.u8(static_cast<uint8_t>(hello.joining));
  writer.u64(hello.joining_cluster);
  return Kind::kHello;
}

Hello read_hello(ByteReader& reader) {
  Hello hello;
  hello.is_reply = reader.boolean();
  hello.dialed = read_address(reader);
  hello.member = read_member(reader);
  const size_t seed_count = reader.count(kAddressBytesMin, kSeedsMax);
  for (size_t i = 0; i < seed_count && reader.ok(); ++i) {
    hello.seeds.push_back(read_address(reader));
  }
  hello.promised_to = read_promise(reader, true);
  const uint8_t joining = reader.u8();
  if (joining > static_cast<uint8_t>(Joining::kAtOnce)) {
    reader.fail();
  }
  hello.joining = static_cast<Joining>(joining);
  hello.joining_cluster = reader.u64();
  return hello;
}

Kind write_fields(ByteWriter& writer, const DocumentOffer& offer) {
  write_document(writer, *offer.document);
  return Kind::kDocumentOffer;
}

Kind write_fields(ByteWriter& /*writer*/, const DocumentRequest& /*request*/) {
  return Kind::kDocumentRequest;
}

Kind write_fields(ByteWriter& writer, const Probe& probe) {
  writer.boolean(probe.is_reply);
  writer.u64(probe.sequence);
  writer.u64(probe.unix_ms);
  write_version(writer, probe.version);
  writer.boolean(probe.is_whole);
  return Kind::kProbe;
}

Probe read_probe(ByteReader& reader) {
  Probe probe;
  probe.is_reply = reader.boolean();
  probe.sequence = reader.u64();
  probe.unix_ms = reader.u64();
  probe.version = read_version(reader);
  probe.is_whole = reader.boolean();
  return probe;
}

Kind write_fields(ByteWriter& writer, const StampQuery& query) {
  writer.u64(query.flush_id);
  return Kind::kStampQuery;
}

Kind write_fields(ByteWriter& writer, const StampAnswer& answer) {
  writer.u64(answer.flush_id);
  writer.u64(answer.highest);
  writer.u64(answer.cluster_ms);
  return Kind::kStampAnswer;
}

StampAnswer read_stamp_answer(ByteReader& reader) {
  StampAnswer answer;
  answer.flush_id = reader.u64();
  answer.highest = reader.u64();
  answer.cluster_ms = reader.u64();
  return answer;
}

Kind write_fields(ByteWriter& writer, const Flush& flush) {
  writer.u64(flush.flush_id);
  writer.u64(flush.flush_stamp);
  return Kind::kFlush;
}

Flush read_flush(ByteReader& reader) {
  Flush flush;
  flush.flush_id = reader.u64();
  flush.flush_stamp = reader.u64();
  return flush;
}

Kind write_fields(ByteWriter& writer, const FlushAck& ack) {
  writer.u64(ack.flush_id);
  return Kind::kFlushAck;
}

/// In front of all messages of Paxos.
template <typename Message>
void write_proposal(ByteWriter& writer, const Message& message) {
  write_number(writer, message.instance);
  write_ballot(writer, message.ballot);
}

template <typename Message>
Message read_proposal(ByteReader& reader) {
  Message message;
  message.instance = read_number(reader);
  message.ballot = read_ballot(reader);
  return message;
}

Kind write_fields(ByteWriter& writer, const Prepare& prepare) {
  write_proposal(writer, prepare);
  return Kind::kPrepare;
}

Kind write_fields(ByteWriter& writer, const Prepared& prepared) {
  write_proposal(writer, prepared);
  write_ballot(writer, prepared.accepted);
  write_optional_document(writer, prepared.document);
  return Kind::kPrepared;
}

Prepared read_prepared(ByteReader& reader) {
  auto prepared = read_proposal<Prepared>(reader);
  prepared.accepted = read_ballot(reader);
  prepared.document = read_optional_document(reader);
  return prepared;
}

Kind write_fields(ByteWriter& writer, const Accept& accept) {
  write_proposal(writer, accept);
  write_document(writer, *accept.document);
  return Kind::kAccept;
}

Accept read_accept(ByteReader& reader) {
  auto accept = read_proposal<Accept>(reader);
  accept.document = read_document(reader);
  return accept;
}

Kind write_fields(ByteWriter& writer, const Accepted& accepted) {
  write_proposal(writer, accepted);
  return Kind::kAccepted;
}

Kind write_fields(ByteWriter& writer, const Refused& refused) {
  write_proposal(writer, refused);
  write_ballot(writer, refused.promised);
  return Kind::kRefused;
}

Refused read_refused(ByteReader& reader) {
  auto refused = read_proposal<Refused>(reader);
  refused.promised = read_ballot(reader);
  return refused;
}

/// Partitions as the distance from the one before, so that neighbours take a byte each.
Kind write_fields(ByteWriter& writer, const ProgressReport& report) {
  writer.u64(report.progress.epoch);
  writer.boolean(report.progress.is_departing);
  writer.varint(report.progress.not_whole.size());
  PartitionIndex after = 0;
  for (const PartitionIndex partition : report.progress.not_whole) {
    writer.varint(partition - after);
    after = partition + 1;
  }
  return Kind::kProgressReport;
}

ProgressReport read_progress_report(ByteReader& reader) {
  ProgressReport report;
  report.progress.epoch = reader.u64();
  report.progress.is_departing = reader.boolean();
  const size_t count = reader.count(1, kSlotCount);
  uint64_t after = 0;
  for (size_t i = 0; i < count && reader.ok(); ++i) {
    const uint64_t distance = reader.varint();
    if (distance >= kSlotCount - after) {
      reader.fail();
      break;
    }
    report.progress.not_whole.push_back(static_cast<PartitionIndex>(after + distance));
    after += distance + 1;
  }
  return report;
}

Kind write_fields(ByteWriter& writer, const JoinRequest& request) {
  writer.u64(request.request_id);
  writer.u64(request.cluster);
  write_member(writer, request.member);
  writer.boolean(request.now);
  return Kind::kJoinRequest;
}

JoinRequest read_join_request(ByteReader& reader) {
  JoinRequest request;
  request.request_id = reader.u64();
  request.cluster = reader.u64();
  request.member = read_member(reader);
  request.now = reader.boolean();
  return request;
}

Kind write_fields(ByteWriter& writer, const JoinReply& reply) {
  writer.u64(reply.request_id);
  writer.sized(reply.error);
  writer.u64(reply.epoch);
  return Kind::kJoinReply;
}

JoinReply read_join_reply(ByteReader& reader) {
  JoinReply reply;
  reply.request_id = reader.u64();
  reply.error = std::string(reader.sized());
  reply.epoch = reader.u64();
  return reply;
}

Sender read_sender(ByteReader& reader) {
  Sender sender;
  sender.node = reader.u64();
  sender.directory = reader.u64();
  sender.cluster = reader.u64();
  if (sender.node == 0 || sender.directory == 0) {
    reader.fail();
  }
  return sender;
}

MembershipMessage read_fields(ByteReader& reader, Kind kind) {
  switch (kind) {
    case Kind::kHello:
      return read_hello(reader);
    case Kind::kDocumentOffer:
      return DocumentOffer{{}, read_document(reader)};
    case Kind::kDocumentRequest:
      return DocumentRequest{};
    case Kind::kProbe:
      return read_probe(reader);
    case Kind::kStampQuery:
      return StampQuery{{}, reader.u64()};
    case Kind::kStampAnswer:
      return read_stamp_answer(reader);
    case Kind::kFlush:
      return read_flush(reader);
    case Kind::kFlushAck:
      return FlushAck{{}, reader.u64()};
    case Kind::kPrepare:
      return read_proposal<Prepare>(reader);
    case Kind::kPrepared:
      return read_prepared(reader);
    case Kind::kAccept:
      return read_accept(reader);
    case Kind::kAccepted:
      return read_proposal<Accepted>(reader);
    case Kind::kRefused:
      return read_refused(reader);
    case Kind::kProgressReport:
      return read_progress_report(reader);
    case Kind::kJoinRequest:
      return read_join_request(reader);
    case Kind::kJoinReply:
      return read_join_reply(reader);
  }
  reader.fail();
  return DocumentRequest{};
}

}  // namespace

void encode_membership(const MembershipMessage& message, std::string* out) {
  out->clear();
  ByteWriter writer(out);
  writer.u8(kVersion);
  writer.u8(0);  // the kind, once it is known
  std::visit(
      [&](const auto& each) {
        writer.u64(each.sender.node);
        writer.u64(each.sender.directory);
        writer.u64(each.sender.cluster);
        (*out)[1] = static_cast<char>(write_fields(writer, each));
      },
      message);
}

std::optional<MembershipMessage> decode_membership(std::string_view bytes) {
  ByteReader reader(bytes);
  if (reader.u8() != kVersion) {
    return std::nullopt;
  }
  const auto kind = static_cast<Kind>(reader.u8());
  const Sender sender = read_sender(reader);
  MembershipMessage message = read_fields(reader, kind);
  if (!reader.complete()) {
    return std::nullopt;
  }
  std::visit([&](auto& each) { each.sender = sender; }, message);
  return message;
}

}  // namespace kindred
