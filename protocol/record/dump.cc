#include "protocol/record/dump.h"

#include "protocol/record/bytes.h"
#include "protocol/record/hash.h"

namespace kindred {

namespace {

constexpr std::string_view kDumpMagic = "KDmp";
constexpr uint8_t kDumpVersion = 1;
constexpr size_t kDumpChecksumBytes = sizeof(uint64_t);

}  // namespace

std::string encode_dump(uint8_t type, std::string_view value) {
  std::string dump;
  dump.reserve(kDumpMagic.size() + 2 + value.size() + kDumpChecksumBytes);
  ByteWriter writer(&dump);
  writer.raw(kDumpMagic);
  writer.u8(kDumpVersion);
  writer.u8(type);
  writer.raw(value);
  writer.u64(hash64(dump));
  return dump;
}

bool decode_dump(std::string_view dump, uint8_t* type, std::string_view* value) {
  if (dump.size() < kDumpMagic.size() + 2 + kDumpChecksumBytes) {
    return false;
  }
  const std::string_view body = dump.substr(0, dump.size() - kDumpChecksumBytes);
  ByteReader reader(dump);
  const bool is_known = reader.raw(kDumpMagic.size()) == kDumpMagic && reader.u8() == kDumpVersion;
  *type = reader.u8();
  *value = reader.raw(reader.remaining() - kDumpChecksumBytes);
  return reader.u64() == hash64(body) && reader.complete() && is_known;
}

}  // namespace kindred
