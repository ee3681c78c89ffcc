#include "protocol/record/dump.h"

#include "protocol/record/bytes.h"
#include "protocol/record/hash.h"

namespace kindred {

namespace {

constexpr std::string_view kMagic = "KDmp";
constexpr uint8_t kVersion = 1;
constexpr size_t kChecksumBytes = sizeof(uint64_t);

}  // namespace

std::string encode_dump(uint8_t type, std::string_view value) {
  std::string dump;
  dump.reserve(kMagic.size() + 2 + value.size() + kChecksumBytes);
  ByteWriter writer(&dump);
  writer.raw(kMagic);
  writer.u8(kVersion);
  writer.u8(type);
  writer.raw(value);
  writer.u64(hash64(dump));
  return dump;
}

bool decode_dump(std::string_view dump, uint8_t* type, std::string_view* value) {
  if (dump.size() < kMagic.size() + 2 + kChecksumBytes) {
    return false;
  }
  const std::string_view body = dump.substr(0, dump.size() - kChecksumBytes);
  ByteReader reader(dump);
  const bool is_known = reader.raw(kMagic.size()) == kMagic && reader.u8() == kVersion;
  *type = reader.u8();
  *value = reader.raw(reader.remaining() - kChecksumBytes);
  return reader.u64() == hash64(body) && reader.complete() && is_known;
}

}  // namespace kindred
