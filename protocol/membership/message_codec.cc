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
  hello.promised_to = read_promise(reader);
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
