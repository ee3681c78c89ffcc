// What a client sends as a context may be anything. Nothing that was not signed may be accepted;
// the fields behind the tag are tried without it, and what is read must be written back as it was.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/context/base64url.h"
#include "protocol/context/context_codec.h"
#include "protocol/record/client_context.h"

namespace kindred {
namespace {

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

ContextCodec make_codec() {
  TagKey key;
  key.id = 1;
  key.secret.fill(7);
  return ContextCodec(/*cluster_id=*/9, std::vector<TagKey>{key});
}

void check_text(ContextCodec& codec, std::string_view text) {
  ClientContext context;
  ContextDescription description;
  require((codec.decode("key", text, &context) == ContextStatus::kOk) == text.empty());
  require(codec.describe(text, &description) != ContextStatus::kOk);
  std::vector<char> bytes(base64url_decoded_size(text.size()) + 1);
  if (decode_base64url(text, bytes.data())) {
    require(encode_base64url({bytes.data(), bytes.size() - 1}) == text);
  }
}

void check_fields(ContextCodec& codec, std::string_view fields) {
  ByteReader reader(fields);
  ClientContext context;
  if (!load_client_context(reader, kClientContextEntriesMax, &context) || !reader.complete()) {
    return;
  }
  std::string again(client_context_bytes_max(context), '\0');
  again.resize(static_cast<size_t>(store_client_context(again.data(), context) - again.data()));
  require(again == fields);
  ClientContext decoded;
  const std::string text = codec.encode(fields, context);
  require(codec.decode(fields, text, &decoded) == ContextStatus::kOk && decoded == context);
  require(text.empty() || codec.decode("another", text, &decoded) == ContextStatus::kOtherKey);
}

}  // namespace
}  // namespace kindred

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static kindred::ContextCodec codec = kindred::make_codec();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  kindred::check_text(codec, input);
  kindred::check_fields(codec, input);
  return 0;
}
