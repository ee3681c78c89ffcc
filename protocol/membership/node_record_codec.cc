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

template <typename Io>
void tell(Io& io, typename Io::template Value<Acceptor>& acceptor) {
  io(acceptor.instance, acceptor.promised, acceptor.accepted);
  io.optional_document(acceptor.document);
}

template <typename Io>
void tell_fields(Io& io, typename Io::template Value<NodeRecord>& record, uint16_t version) {
  io(record.node_id, record.directory_id, record.name);
  auto& promise = record.promised_to;
  io(promise.node, promise.directory, promise.address);
  if (version > kVersionWithoutAcceptor) {
    io(promise.cluster);
  }
  io(record.clock_offset_ms, record.copies_filling);
  io.optional_document(record.document);
  if (version > kVersionWithoutAcceptor) {
    tell(io, record.acceptor);
    io(record.data_is_void);
  }
  io.require(record.node_id != 0 && record.directory_id != 0 &&
             record.clock_offset_ms <= kOffsetMsMax && record.clock_offset_ms >= -kOffsetMsMax);
}

}  // namespace

void encode_node_record(const NodeRecord& record, std::string* out) {
  out->assign(kMagic);
  ByteWriter writer(out);
  writer.u16(kVersion);
  FieldWriter io(&writer);
  tell_fields(io, record, kVersion);
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
  *record = NodeRecord{};
  FieldReader io(&reader);
  tell_fields(io, *record, version);
  return reader.complete() ? NodeRecordBytes::kValid : NodeRecordBytes::kDamaged;
}

}  // namespace kindred
