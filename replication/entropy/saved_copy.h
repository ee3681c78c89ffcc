#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace kindred {

/// What LiveCount knows, as numbers.
struct CountFigures {
  std::array<uint64_t, 7> by_siblings{};
  std::array<uint64_t, 7> by_clock{};
  uint64_t live = 0;
  uint64_t written = 0;
  uint64_t crowded = 0;
  uint64_t expiring = 0;
  uint64_t passed_tick = 0;
  std::vector<std::pair<uint64_t, uint64_t>> dying;  // tick, keys that die then; ascending
  friend bool operator==(const CountFigures&, const CountFigures&) = default;
};

/// What a clean stop keeps of a copy, so that the next start need not read its records: its tree
/// and its counts. docs/design/anti-entropy.md
struct SavedCopy {
  uint64_t keys = 0;             // of the tree
  std::vector<uint64_t> leaves;  // a power of two of them; none where there are no keys
  CountFigures count;
  friend bool operator==(const SavedCopy&, const SavedCopy&) = default;
};

/// Whether its numbers can be true of one copy, tree and counts together.
[[nodiscard]] bool is_sound(const SavedCopy& saved);

}  // namespace kindred
