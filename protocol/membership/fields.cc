#include "protocol/membership/fields.h"

#include "protocol/record/node_file.h"

namespace kindred::membership_codec {

void FieldWriter::document(const std::shared_ptr<const ClusterDocument>& document) {
  std::string encoded;
  encode_cluster(*document, &encoded);
  bytes_.sized(encoded);
}

void FieldWriter::optional_document(const std::shared_ptr<const ClusterDocument>& document) {
  bytes_.boolean(document != nullptr);
  if (document != nullptr) {
    this->document(document);
  }
}

void FieldReader::document(std::shared_ptr<const ClusterDocument>& document) {
  const std::string_view encoded = bytes_.sized();
  auto read = std::make_shared<ClusterDocument>();
  if (!bytes_.ok() || decode_cluster(encoded, read.get()) != ClusterBytes::kValid ||
      !is_valid(*read)) {
    bytes_.fail();
    return;
  }
  document = std::move(read);
}

void FieldReader::optional_document(std::shared_ptr<const ClusterDocument>& document) {
  if (bytes_.boolean()) {
    this->document(document);
  }
}

void FieldReader::field(std::string& text) {
  const std::string_view bytes = bytes_.sized();
  if (bytes.size() > kNameBytesMax) {
    bytes_.fail();
    return;
  }
  text.assign(bytes);
}

}  // namespace kindred::membership_codec
