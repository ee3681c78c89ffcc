#include "protocol/membership/fields.h"

#include <utility>

#include "protocol/record/node_file.h"

namespace kindred::membership_codec {

void write_address(ByteWriter& writer, const Address& address) {
  writer.sized(address.host);
  writer.u16(address.port);
}

Address read_address(ByteReader& reader) {
  Address address;
  address.host = read_text(reader);
  address.port = reader.u16();
  return address;
}

void write_promise(ByteWriter& writer, const Promise& promise) {
  writer.u64(promise.node);
  writer.u64(promise.directory);
  write_address(writer, promise.address);
  writer.u64(promise.cluster);
}

Promise read_promise(ByteReader& reader, bool has_cluster) {
  Promise promise;
  promise.node = reader.u64();
  promise.directory = reader.u64();
  promise.address = read_address(reader);
  promise.cluster = has_cluster ? reader.u64() : 0;
  return promise;
}

std::string read_text(ByteReader& reader) {
  const std::string_view text = reader.sized();
  if (text.size() > kNameBytesMax) {
    reader.fail();
    return {};
  }
  return std::string(text);
}

void write_document(ByteWriter& writer, const ClusterDocument& document) {
  std::string bytes;
  encode_cluster(document, &bytes);
  writer.sized(bytes);
}

std::shared_ptr<const ClusterDocument> read_document(ByteReader& reader) {
  const std::string_view bytes = reader.sized();
  auto document = std::make_shared<ClusterDocument>();
  if (!reader.ok() || decode_cluster(bytes, document.get()) != ClusterBytes::kValid ||
      !is_valid(*document)) {
    reader.fail();
    return nullptr;
  }
  return document;
}

void write_optional_document(ByteWriter& writer,
                             const std::shared_ptr<const ClusterDocument>& document) {
  writer.boolean(document != nullptr);
  if (document != nullptr) {
    write_document(writer, *document);
  }
}

std::shared_ptr<const ClusterDocument> read_optional_document(ByteReader& reader) {
  return reader.boolean() ? read_document(reader) : nullptr;
}

void write_number(ByteWriter& writer, const DocumentNumber& number) {
  writer.u32(number.generation);
  writer.u64(number.epoch);
}

DocumentNumber read_number(ByteReader& reader) {
  DocumentNumber number;
  number.generation = reader.u32();
  number.epoch = reader.u64();
  return number;
}

void write_ballot(ByteWriter& writer, const Ballot& ballot) {
  writer.u64(ballot.round);
  writer.u64(ballot.node);
}

Ballot read_ballot(ByteReader& reader) {
  Ballot ballot;
  ballot.round = reader.u64();
  ballot.node = reader.u64();
  return ballot;
}

}  // namespace kindred::membership_codec
