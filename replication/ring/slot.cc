#include "replication/ring/slot.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace kindred {
namespace {

constexpr std::uint16_t kPolynomial = 0x1021;
constexpr std::uint64_t kBraceInEachByte = 0x7b7b7b7b7b7b7b7bULL;
static_assert('{' == 0x7b);

constexpr std::uint16_t swap_bytes(std::uint16_t value) {
  return static_cast<std::uint16_t>(value << 8 | value >> 8);
}

// tables[k][b]: what byte b adds to the CRC when k more bytes follow it in the word. Entries and
// the running CRC are kept byte-swapped, so that the CRC meets the next word's first two bytes by
// one xor into the low half of a little-endian load.
using Tables = std::array<std::array<std::uint16_t, 256>, 8>;

constexpr Tables make_tables() {
  std::array<std::array<std::uint16_t, 256>, 8> plain{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    auto crc = static_cast<std::uint16_t>(byte << 8);
    for (int bit = 0; bit < 8; ++bit) {
      crc = static_cast<std::uint16_t>(crc << 1 ^ ((crc & 0x8000) != 0 ? kPolynomial : 0));
    }
    plain[0][byte] = crc;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint16_t crc = plain[k - 1][byte];
      plain[k][byte] = static_cast<std::uint16_t>(crc << 8 ^ plain[0][crc >> 8]);
    }
  }
  for (auto& table : plain) {
    for (auto& entry : table) {
      entry = swap_bytes(entry);
    }
  }
  return plain;
}

constexpr Tables kTables = make_tables();

template <typename Word>
Word load_little_endian(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof(word));
  if constexpr (std::endian::native == std::endian::big) {
    Word swapped = 0;
    for (std::size_t i = 0; i < sizeof(Word); ++i) {
      swapped = static_cast<Word>(swapped << 8 | (word >> (8 * i) & 0xff));
    }
    word = swapped;
  }
  return word;
}

// The first `count` (1..7) bytes of `text`, put behind zero bytes. The CRC starts at zero, which
// zero bytes leave unchanged, so the odd bytes go first and no tail is left.
std::uint64_t load_head(std::string_view text, std::size_t count) {
  const char* bytes = text.data();
  const unsigned shift = static_cast<unsigned>(8 * (8 - count));
  if (text.size() >= 8) {
    return load_little_endian<std::uint64_t>(bytes) << shift;
  }
  if (count >= 4) {
    const std::uint64_t low = load_little_endian<std::uint32_t>(bytes);
    const std::uint64_t high = load_little_endian<std::uint32_t>(bytes + count - 4);
    return (low | high << (8 * (count - 4))) << shift;
  }
  const auto at = [bytes](std::size_t i) {
    return std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  };
  return (at(0) | at(count / 2) | at(count - 1)) << shift;
}

inline std::uint32_t step(std::uint32_t swapped_crc, std::uint64_t word) {
  word ^= swapped_crc;
  const auto part = [word](unsigned i) -> std::uint32_t {
    return kTables[7 - i][word >> (8 * i) & 0xff];
  };
  return part(0) ^ part(1) ^ part(2) ^ part(3) ^ part(4) ^ part(5) ^ part(6) ^ part(7);
}

// Non-zero in some byte's top bit exactly when `word` holds a '{' (no borrow can invent the first
// one; a later false one does no harm).
inline std::uint64_t brace_bits(std::uint64_t word) {
  const std::uint64_t zero_where_brace = word ^ kBraceInEachByte;
  return (zero_where_brace - 0x0101010101010101ULL) & ~zero_where_brace & 0x8080808080808080ULL;
}

// A chunked CRC of `text`; adds to `braces` what brace_bits() saw.
[[gnu::always_inline]] inline std::uint16_t crc16(std::string_view text, std::uint64_t& braces) {
  std::uint32_t crc = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  if (const std::size_t odd = text.size() % 8; odd != 0) {
    const std::uint64_t word = load_head(text, odd);
    braces = brace_bits(word);
    crc = step(crc, word);
    at += odd;
  }
  for (; at != end; at += 8) {
    const auto word = load_little_endian<std::uint64_t>(at);
    braces |= brace_bits(word);
    crc = step(crc, word);
  }
  return swap_bytes(static_cast<std::uint16_t>(crc));
}

#if defined(__x86_64__)

// x^exponent mod the polynomial.
constexpr std::uint64_t power_modulo(unsigned exponent) {
  std::uint32_t rest = 1;
  for (unsigned i = 0; i < exponent; ++i) {
    rest <<= 1;
    rest ^= (rest & 0x10000) != 0 ? 0x10000u | kPolynomial : 0;
  }
  return rest;
}

// x^80 divided by the polynomial, less the leading x^64.
constexpr std::uint64_t inverse() {
  std::uint32_t rest = 1;
  std::uint64_t quotient = 0;
  for (unsigned i = 0; i < 80; ++i) {
    rest <<= 1;
    const bool divides = (rest & 0x10000) != 0;
    rest ^= divides ? 0x10000u | kPolynomial : 0;
    quotient = quotient << 1 | (divides ? 1 : 0);
  }
  return quotient;
}

using WordPair = long long __attribute__((vector_size(16)));

// By the compilers' built-in: this folder includes the standard library and Boost alone, so not
// <immintrin.h>.
[[gnu::target("pclmul"), gnu::always_inline]] inline WordPair multiply(std::uint64_t a,
                                                                       std::uint64_t b) {
  return __builtin_ia32_pclmulqdq128(WordPair{static_cast<long long>(a), 0},
                                     WordPair{static_cast<long long>(b), 0}, 0);
}

inline std::uint64_t low(WordPair pair) {
  return static_cast<std::uint64_t>(pair[0]);
}
inline std::uint64_t high(WordPair pair) {
  return static_cast<std::uint64_t>(pair[1]);
}

// crc16() by carry-less multiplication: two thirds of the instructions, and half the time on long
// keys. The words so far, taken as one polynomial, are kept modulo the CRC's as 64 bits: moving
// them up by a word multiplies by x^64, and the end multiplies by x^16 and divides (Barrett's
// method).
[[gnu::target("pclmul"), gnu::always_inline]] inline std::uint16_t carryless_crc16(
    std::string_view text, std::uint64_t& braces) {
  if (text.empty()) {
    return 0;
  }
  const std::size_t odd = text.size() % 8;
  const std::uint64_t head =
      odd != 0 ? load_head(text, odd) : load_little_endian<std::uint64_t>(text.data());
  braces = brace_bits(head);
  std::uint64_t sum = __builtin_bswap64(head);
  const char* at = text.data() + (odd != 0 ? odd : 8);
  const char* const end = text.data() + text.size();
  constexpr std::uint64_t kUpAWord = power_modulo(64);
  for (; at != end; at += 8) {
    const auto word = load_little_endian<std::uint64_t>(at);
    braces |= brace_bits(word);
    const WordPair moved = multiply(sum, kUpAWord);
    sum = low(moved) ^ low(multiply(high(moved), kUpAWord)) ^ __builtin_bswap64(word);
  }
  constexpr std::uint64_t kInverse = inverse();
  const std::uint64_t quotient = sum ^ high(multiply(sum, kInverse));
  static_assert(kPolynomial == (1 << 12 | 1 << 5 | 1));
  return static_cast<std::uint16_t>(quotient << 12 ^ quotient << 5 ^ quotient);
}

const bool kHasCarrylessMultiply = [] {
  __builtin_cpu_init();
  return __builtin_cpu_supports("pclmul") != 0;
}();

#endif

std::string_view hash_tag(std::string_view key) {
  const std::size_t open = key.find('{');
  if (open == std::string_view::npos) {
    return key;
  }
  const std::size_t close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) {
    return key;
  }
  return key.substr(open + 1, close - open - 1);
}

// Apart from key_slot(), so that keys without a brace pay for no registers saved on its behalf.
[[gnu::noinline]] SlotIndex slot_of_braced(std::string_view key) {
  std::uint64_t unused = 0;
  return static_cast<SlotIndex>(crc16(hash_tag(key), unused) % kSlotCount);
}

SlotIndex slot_of(std::string_view key, std::uint16_t crc, std::uint64_t braces) {
  if (braces != 0) [[unlikely]] {
    return slot_of_braced(key);
  }
  return static_cast<SlotIndex>(crc % kSlotCount);
}

#if defined(__x86_64__)
[[gnu::target("pclmul")]] SlotIndex slot_by_multiplication(std::string_view key) {
  std::uint64_t braces = 0;
  const std::uint16_t crc = carryless_crc16(key, braces);
  return slot_of(key, crc, braces);
}
#endif

}  // namespace

SlotIndex ring_detail::slot_by_tables(std::string_view key) {
  std::uint64_t braces = 0;
  const std::uint16_t crc = crc16(key, braces);
  return slot_of(key, crc, braces);
}

SlotIndex key_slot(std::string_view key) {
#if defined(__x86_64__)
  if (kHasCarrylessMultiply) [[likely]] {
    return slot_by_multiplication(key);
  }
#endif
  return ring_detail::slot_by_tables(key);
}

}  // namespace kindred
