#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace kindred::sim {

/// All chance of a simulation: splitmix64 (Steele, Lea, Flood, OOPSLA 2014). The same seed gives
/// the same run on every machine.
class Prng {
 public:
  explicit Prng(uint64_t seed = 0) : state_(seed) {}

  uint64_t next() {
    uint64_t word = state_ += 0x9e3779b97f4a7c15ULL;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9ULL;
    word = (word ^ (word >> 27)) * 0x94d049bb133111ebULL;
    return word ^ (word >> 31);
  }
  /// Uniform in [0, bound); bound > 0.
  uint64_t below(uint64_t bound) { return next() % bound; }
  /// Uniform in [low, high].
  uint64_t between(uint64_t low, uint64_t high) { return low + below(high - low + 1); }
  bool chance(uint64_t per_million) { return per_million != 0 && below(1'000'000) < per_million; }
  bool one_in(uint64_t count) { return below(count) == 0; }

 private:
  uint64_t state_;
};

/// What chance is drawn for. Each has a stream of its own, so that a new kind of fault leaves the
/// draws of the others alone.
enum class Chance : uint8_t { kWorld, kNetwork, kEngine, kThreads, kFaults, kOperator, kKeyspaces };

/// All streams of one seed. Clients have their own.
class Streams {
 public:
  explicit Streams(uint64_t seed) {
    Prng first(seed * 0x9e3779b97f4a7c15ULL + 17);
    for (Prng& stream : streams_) {
      stream = Prng(first.next());
    }
  }
  Prng& of(Chance purpose) { return streams_[static_cast<size_t>(purpose)]; }

 private:
  std::array<Prng, static_cast<size_t>(Chance::kKeyspaces) + 1> streams_;
};

}  // namespace kindred::sim
