#include "protocol/membership/node_record_codec.h"

#include "protocol/membership/fields.h"
#include "protocol/record/hash.h"

namespace kindred {
namespace {

using namespace membership_codec;

constexpr std::string_view kMagic = "KINDREDN";
constexpr uint16_t kVersion = 2;
constexpr uint16_t kVersionWithoutAcceptor = 1;  // can still be read
constexpr size_t kChecksumBytes = 8;
constexpr int64_t kOffsetMsMax = int64_t{1} << 48;

void write_acceptor(ByteWriter& writer, const Acceptor& acceptor) {
  write_number(writer, acceptor.instance);
  write_ballot(writer, acceptor.promised);
  write_ballot(writer, acceptor.accepted);
  write_optional_document(writer, acceptor.document);
}

Acceptor read_acceptor(ByteReader& reader) {
  Acceptor acceptor;
  acceptor.instance = read_number(reader);
  acceptor.promised = read_ballot(reader);
  acceptor.accepted = read_ballot(reader);
  acceptor.document = read_optional_document(reader);
  return acceptor;
}

NodeRecord read_fields(ByteReader& reader, uint16_t version) {
  NodeRecord record;
  record.node_id = reader.u64();
  record.directory_id = reader.u64();
  record.name = read_text(reader);
  record.promised_to = read_promise(reader, version > kVersionWithoutAcceptor);
  record.clock_offset_ms = static_cast<int64_t>(reader.u64());
  record.copies_filling = reader.boolean();
  record.document = read_optional_document(reader);
  if (version > kVersionWithoutAcceptor) {
    record.acceptor = read_acceptor(reader);
    record.data_is_void = reader.boolean();
  }
  if (record.node_id == 0 || record.directory_id == 0 || record.clock_offset_ms > kOffsetMsMax ||
      record.clock_offset_ms < -kOffsetMsMax) {
    reader.fail();
  }
  return record;
}

}  // namespace

void encode_node_record(const NodeRecord& record, std::string* out) {
  out->assign(kMagic);
  ByteWriter writer(out);
  writer.u16(kVersion);
  writer.u64(record.node_id);
  writer.u64(record.directory_id);
  writer.sized(record.name);
  write_promise(writer, record.promised_to);
  writer.u64(static_cast<uint64_t>(record.clock_offset_ms));
  writer.boolean(record.copies_filling);
  write_optional_document(writer, record.document);
  write_acceptor(writer, record.acceptor);
  writer.boolean(record.data_is_void);
  writer.u64(hash64(*out));
}

NodeRecordBytes decode_node_record(std::string_view bytes, NodeRecord* record) {
  if (!bytes.starts_with(kMagic)) {
    return NodeRecordBytes::kForeign;
  }
  if (bytes.size() < kMagic.size() + sizeof kVersion + kChecksumBytes) {
    return NodeRecordBytes::kDamaged;
  }
  const std::string_view summed = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (load_le<uint64_t>(summed.data() + summed.size()) != hash64(summed)) {
    return NodeRecordBytes::kDamaged;
  }
  ByteReader reader(summed.substr(kMagic.size()));
  const uint16_t version = reader.u16();
  if (version > kVersion) {
    return NodeRecordBytes::kVersionNewer;
  }
  if (version < kVersionWithoutAcceptor) {
    return NodeRecordBytes::kDamaged;
  }
  *record = read_fields(reader, version);
  return reader.complete() ? NodeRecordBytes::kValid : NodeRecordBytes::kDamaged;
}

}  // namespace kindred
