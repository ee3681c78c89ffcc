#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace kindred::sim {

/// A set of write events of one key, by the oracle's numbers.
class DotSet {
 public:
  bool has(uint32_t number) const {
    return number / 64 < words_.size() && ((words_[number / 64] >> (number % 64)) & 1) != 0;
  }
  void add(uint32_t number) {
    if (number / 64 >= words_.size()) {
      words_.resize(number / 64 + 1);
    }
    words_[number / 64] |= uint64_t{1} << (number % 64);
  }
  void join(const DotSet& other) {
    if (other.words_.size() > words_.size()) {
      words_.resize(other.words_.size());
    }
    for (size_t i = 0; i < other.words_.size(); ++i) {
      words_[i] |= other.words_[i];
    }
  }
  bool includes(const DotSet& other) const {
    for (size_t i = 0; i < other.words_.size(); ++i) {
      const uint64_t mine = i < words_.size() ? words_[i] : 0;
      if ((other.words_[i] & ~mine) != 0) {
        return false;
      }
    }
    return true;
  }
  uint64_t word(size_t index) const { return index < words_.size() ? words_[index] : 0; }

 private:
  std::vector<uint64_t> words_;
};

/// What somebody has really met, followed from hand to hand beside the bytes. Null: nothing.
using Knowledge = std::shared_ptr<const DotSet>;

inline bool knows(const Knowledge& knowledge, uint32_t number) {
  return knowledge != nullptr && knowledge->has(number);
}

inline Knowledge join(const Knowledge& a, const Knowledge& b) {
  if (a == nullptr || a == b) {
    return b;
  }
  if (b == nullptr || a->includes(*b)) {
    return a;
  }
  if (b->includes(*a)) {
    return b;
  }
  auto both = std::make_shared<DotSet>(*a);
  both->join(*b);
  return both;
}

inline Knowledge with(const Knowledge& knowledge, uint32_t number) {
  if (knows(knowledge, number)) {
    return knowledge;
  }
  auto more =
      knowledge == nullptr ? std::make_shared<DotSet>() : std::make_shared<DotSet>(*knowledge);
  more->add(number);
  return more;
}

}  // namespace kindred::sim
