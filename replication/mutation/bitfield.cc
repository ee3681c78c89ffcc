#include "replication/mutation/bitfield.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace kindred {

namespace {

__extension__ using Wide = __int128;

// kind, overflow, is_signed, bits, then offset and value: little-endian, as they lie.
constexpr size_t kOpBytes = 4 + 2 * sizeof(uint64_t);
// 0 or 1, then the number.
constexpr size_t kResultBytes = 1 + sizeof(int64_t);
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the formats are copied as they lie");

uint64_t read_bits(std::string_view bytes, uint64_t offset, unsigned count) {
  uint64_t value = 0;
  for (uint64_t bit = offset; bit < offset + count; ++bit) {
    const uint64_t byte = bit / 8;
    const unsigned set =
        byte < bytes.size() ? (static_cast<uint8_t>(bytes[byte]) >> (7 - bit % 8)) & 1U : 0U;
    value = value << 1 | set;
  }
  return value;
}

void write_bits(std::string& bytes, uint64_t offset, unsigned count, uint64_t value) {
  for (unsigned i = 0; i < count; ++i) {
    const uint64_t bit = offset + i;
    const auto mask = static_cast<uint8_t>(1U << (7 - bit % 8));
    char& byte = bytes[bit / 8];
    const bool set = (value >> (count - 1 - i) & 1U) != 0;
    byte = static_cast<char>(set ? static_cast<uint8_t>(byte) | mask
                                 : static_cast<uint8_t>(byte) & static_cast<uint8_t>(~mask));
  }
}

/// The integer that the low bits mean.
Wide as_integer(uint64_t low_bits, const BitfieldOp& op) {
  const unsigned unused = 64U - op.bits;
  return op.is_signed ? Wide{static_cast<int64_t>(low_bits << unused) >> unused}
                      : Wide{low_bits << unused >> unused};
}

/// What a number that may not fit becomes; nothing where it is refused.
BitfieldResult fitted(Wide number, const BitfieldOp& op) {
  const Wide max = (Wide{1} << (op.is_signed ? op.bits - 1 : op.bits)) - 1;
  const Wide min = op.is_signed ? -max - 1 : 0;
  if (number >= min && number <= max) {
    return static_cast<int64_t>(number);
  }
  switch (op.overflow) {
    case BitfieldOp::Overflow::kFail:
      return std::nullopt;
    case BitfieldOp::Overflow::kSaturate:
      return static_cast<int64_t>(number > max ? max : min);
    case BitfieldOp::Overflow::kWrap:
      break;
  }
  return static_cast<int64_t>(as_integer(static_cast<uint64_t>(number), op));
}

Wide read_integer(const BitfieldOp& op, std::string_view bytes) {
  return as_integer(read_bits(bytes, op.offset_bits, op.bits), op);
}

BitfieldResult run_one(const BitfieldOp& op, std::string& bytes) {
  const Wide old = read_integer(op, bytes);
  if (!op.writes()) {
    return static_cast<int64_t>(old);
  }
  const bool adds = op.kind == BitfieldOp::Kind::kIncrement;
  // Redis takes a negative number to be set unsigned for one that is far too large.
  const Wide given = op.is_signed || adds ? Wide{op.value} : Wide{static_cast<uint64_t>(op.value)};
  const BitfieldResult now = fitted(adds ? old + given : given, op);
  if (!now) {
    return std::nullopt;
  }
  write_bits(bytes, op.offset_bits, op.bits, static_cast<uint64_t>(*now));
  return adds ? now : static_cast<int64_t>(old);
}

bool is_valid(const BitfieldOp& op) {
  return op.kind <= BitfieldOp::Kind::kIncrement && op.overflow <= BitfieldOp::Overflow::kFail &&
         op.bits >= 1 && op.bits <= (op.is_signed ? 64 : 63) &&
         op.offset_bits <= kBitfieldOffsetMax;
}

}  // namespace

uint64_t bytes_written(std::span<const BitfieldOp> ops) {
  uint64_t bytes = 0;
  for (const BitfieldOp& op : ops) {
    if (op.writes()) {
      bytes = std::max(bytes, (op.offset_bits + op.bits + 7) / 8);
    }
  }
  return bytes;
}

std::vector<BitfieldResult> run_bitfield(std::span<const BitfieldOp> ops, std::string* bytes) {
  std::vector<BitfieldResult> results;
  results.reserve(ops.size());
  for (const BitfieldOp& op : ops) {
    results.push_back(run_one(op, *bytes));
  }
  return results;
}

std::vector<BitfieldResult> read_bitfield(std::span<const BitfieldOp> ops, std::string_view bytes) {
  std::vector<BitfieldResult> results;
  results.reserve(ops.size());
  for (const BitfieldOp& op : ops) {
    results.emplace_back(static_cast<int64_t>(read_integer(op, bytes)));
  }
  return results;
}

std::string encode_bitfield(std::span<const BitfieldOp> ops) {
  std::string bytes(ops.size() * kOpBytes, '\0');
  char* to = bytes.data();
  for (const BitfieldOp& op : ops) {
    to[0] = static_cast<char>(op.kind);
    to[1] = static_cast<char>(op.overflow);
    to[2] = op.is_signed ? 1 : 0;
    to[3] = static_cast<char>(op.bits);
    std::memcpy(to + 4, &op.offset_bits, sizeof op.offset_bits);
    std::memcpy(to + 4 + sizeof op.offset_bits, &op.value, sizeof op.value);
    to += kOpBytes;
  }
  return bytes;
}

bool decode_bitfield(std::string_view bytes, std::vector<BitfieldOp>* ops) {
  ops->clear();
  if (bytes.size() % kOpBytes != 0) {
    return false;
  }
  ops->resize(bytes.size() / kOpBytes);
  const char* from = bytes.data();
  for (BitfieldOp& op : *ops) {
    const auto is_signed = static_cast<uint8_t>(from[2]);
    op.kind = static_cast<BitfieldOp::Kind>(from[0]);
    op.overflow = static_cast<BitfieldOp::Overflow>(from[1]);
    op.is_signed = is_signed == 1;
    op.bits = static_cast<uint8_t>(from[3]);
    std::memcpy(&op.offset_bits, from + 4, sizeof op.offset_bits);
    std::memcpy(&op.value, from + 4 + sizeof op.offset_bits, sizeof op.value);
    if (is_signed > 1 || !is_valid(op)) {
      return false;
    }
    from += kOpBytes;
  }
  return true;
}

std::string encode_results(std::span<const BitfieldResult> results) {
  std::string bytes(results.size() * kResultBytes, '\0');
  char* to = bytes.data();
  for (const BitfieldResult& result : results) {
    const int64_t number = result.value_or(0);
    *to = result ? 1 : 0;
    std::memcpy(to + 1, &number, sizeof number);
    to += kResultBytes;
  }
  return bytes;
}

bool decode_results(std::string_view bytes, std::vector<BitfieldResult>* results) {
  results->clear();
  if (bytes.size() % kResultBytes != 0) {
    return false;
  }
  for (; !bytes.empty(); bytes.remove_prefix(kResultBytes)) {
    int64_t number = 0;
    std::memcpy(&number, bytes.data() + 1, sizeof number);
    results->push_back(bytes.front() != 0 ? BitfieldResult(number) : std::nullopt);
  }
  return true;
}

}  // namespace kindred
