#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kindred {

/// One operation of BITFIELD on an integer within a string; SETBIT is one on an integer of one bit.
/// Bits count from the highest of the first byte. Source: https://redis.io/commands/bitfield/.
struct BitfieldOp {
  enum class Kind : uint8_t { kGet, kSet, kIncrement };
  enum class Overflow : uint8_t { kWrap, kSaturate, kFail };
  Kind kind = Kind::kGet;
  Overflow overflow = Overflow::kWrap;
  bool is_signed = false;
  uint8_t bits = 1;          // 1 to 64, unsigned to 63
  uint64_t offset_bits = 0;  // at most kBitfieldOffsetMax
  int64_t value = 0;         // to set, or to add

  bool writes() const { return kind != Kind::kGet; }
  friend bool operator==(const BitfieldOp&, const BitfieldOp&) = default;
};

/// No string is longer than 4 GiB.
inline constexpr uint64_t kBitfieldOffsetMax = (uint64_t{1} << 35) - 1;

/// What an operation answers; nothing where Overflow::kFail refused it.
using BitfieldResult = std::optional<int64_t>;

/// Bytes that a string needs for what the operations write; 0: nothing is written.
[[nodiscard]] uint64_t bytes_written(std::span<const BitfieldOp> ops);

/// Carries out the operations in their order on `bytes`, which is at least bytes_written() long.
/// Bits beyond its end read as zero.
[[nodiscard]] std::vector<BitfieldResult> run_bitfield(std::span<const BitfieldOp> ops,
                                                       std::string* bytes);

/// The same of operations that only read.
[[nodiscard]] std::vector<BitfieldResult> read_bitfield(std::span<const BitfieldOp> ops,
                                                        std::string_view bytes);

/// Operations and results as an operation's and an outcome's value carry them. Decoding is false
/// for anything malformed.
[[nodiscard]] std::string encode_bitfield(std::span<const BitfieldOp> ops);
[[nodiscard]] bool decode_bitfield(std::string_view bytes, std::vector<BitfieldOp>* ops);
[[nodiscard]] std::string encode_results(std::span<const BitfieldResult> results);
[[nodiscard]] bool decode_results(std::string_view bytes, std::vector<BitfieldResult>* results);

}  // namespace kindred
