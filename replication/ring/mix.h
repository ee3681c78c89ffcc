#pragma once

#include <cstdint>

namespace kindred::ring_detail {

/// Bijective 64-bit finaliser (murmur3's constants): the same on every machine, so that rings and
/// their hashes are too. Not for hostile input.
constexpr std::uint64_t mix(std::uint64_t value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  value *= 0xc4ceb9fe1a85ec53ULL;
  value ^= value >> 33;
  return value;
}

constexpr std::uint64_t mix(std::uint64_t first, std::uint64_t second) {
  return mix(mix(first + 0x9e3779b97f4a7c15ULL) ^ second);
}

}  // namespace kindred::ring_detail
