#include "protocol/membership/node_record_codec.h"

#include "protocol/membership/fields.h"
#include "protocol/record/hash.h"

namespace kindred {
namespace {

using namespace membership_codec;

constexpr std::string_view kMagic = "KINDREDN";
constexpr uint16_t kVersion = 1;
constexpr size_t kChecksumBytes = 8;
constexpr int64_t kOffsetMsMax = int64_t{1} << 48;

NodeRecord read_fields(ByteReader& reader) {
  NodeRecord record;
  record.node_id = reader.u64();
  record.directory_id = reader.u64();
  record.name = read_text(reader);
  record.promised_to = read_promise(reader);
  record.clock_offset_ms = static_cast<int64_t>(reader.u64());
  record.copies_filling = reader.boolean();
  if (reader.boolean()) {
    record.document = read_document(reader);
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
  writer.boolean(record.document != nullptr);
  if (record.document != nullptr) {
    write_document(writer, *record.document);
  }
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
  *record = read_fields(reader);
  return reader.complete() && version == kVersion ? NodeRecordBytes::kValid
                                                  : NodeRecordBytes::kDamaged;
}

}  // namespace kindred
