#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "replication/causal/state.h"
#include "replication/causal/write.h"

namespace kindred::testing_record {

/// Valid states from a seed, made as the store makes them: by writes on a few copies of one key,
/// and merges of them.
class RandomStates {
 public:
  explicit RandomStates(uint64_t prng_seed) : prng_(prng_seed) {}

  uint64_t below(uint64_t bound) { return prng_() % bound; }

  std::string bytes(size_t size) {
    std::string result(size, '\0');
    for (char& byte : result) {
      byte = static_cast<char>(prng_());
    }
    return result;
  }

  State next() {
    std::vector<State> copies(3);
    for (uint64_t left = 1 + below(12); left > 0; --left) {
      const size_t at = below(copies.size());
      if (below(4) == 0) {
        copies[at] = merge(copies[at], copies[below(copies.size())]);
      } else {
        write(copies[at], at);
      }
    }
    State whole = copies[0];
    for (uint64_t i = below(copies.size()); i > 0; --i) {
      whole = merge(whole, copies[i]);
    }
    return whole;
  }

 private:
  void write(State& state, size_t copy) {
    NewVersion version;
    // Actors are shared by few writes, so that vectors, older dots and single dots all turn up.
    version.dot = {++stamp_ * 65536 + below(8), 1 + copy * 3 + below(3)};
    version.expire_at_ms = below(3) == 0 ? 1 + prng_() : 0;
    version.type = below(5) == 0 ? static_cast<uint8_t>(1 + below(255)) : kTypeString;
    version.value = Value::copied(bytes(below(4) == 0 ? below(3000) : below(20)));
    const NewVersion* given = below(4) == 0 ? nullptr : &version;
    if (below(2) == 0) {
      apply_register(state, version.dot, given);
    } else {
      ClientContext context = below(2) == 0 ? ClientContext{} : context_of_read(state);
      if (below(2) == 0) {
        context.covered.add_dot({++stamp_ * 65536, 100 + below(4)});
      }
      apply_put(state, context, version.dot, given);
    }
  }

  std::mt19937_64 prng_;
  uint64_t stamp_ = 1'600'000'000'000;
};

inline std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += kDigits[static_cast<uint8_t>(byte) >> 4];
    text += kDigits[static_cast<uint8_t>(byte) & 15];
  }
  return text;
}

}  // namespace kindred::testing_record
