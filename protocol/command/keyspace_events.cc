#include "protocol/command/keyspace_events.h"

namespace kindred {

namespace {

struct Letter {
  char letter;
  uint32_t bit;
};

// In the order in which Redis prints them; A stands for those before K.
constexpr Letter kLetters[] = {{'g', event_class::kGeneric},
                               {'$', event_class::kString},
                               {'l', 1U << 4},
                               {'s', 1U << 5},
                               {'h', 1U << 6},
                               {'z', 1U << 7},
                               {'x', 1U << 8},
                               {'e', 1U << 9},
                               {'t', 1U << 10},
                               {'d', 1U << 11},
                               {'K', event_class::kKeyspace},
                               {'E', event_class::kKeyevent},
                               {'m', 1U << 12},
                               {'n', 1U << 13}};

constexpr uint32_t all_bits() {
  uint32_t bits = 0;
  for (const auto& [letter, bit] : kLetters) {
    if (letter == 'K') {
      break;
    }
    bits |= bit;
  }
  return bits;
}

}  // namespace

std::optional<uint32_t> parse_event_classes(std::string_view letters) {
  uint32_t classes = 0;
  for (const char given : letters) {
    uint32_t found = given == 'A' ? all_bits() : 0;
    for (const auto& [letter, bit] : kLetters) {
      found |= letter == given ? bit : 0;
    }
    if (found == 0) {
      return std::nullopt;
    }
    classes |= found;
  }
  return classes;
}

std::string event_classes_text(uint32_t classes) {
  std::string text;
  const bool all = (classes & all_bits()) == all_bits();
  if (all) {
    text += 'A';
  }
  for (const auto& [letter, bit] : kLetters) {
    if ((classes & bit) != 0 && !(all && (bit & all_bits()) != 0)) {
      text += letter;
    }
  }
  return text;
}

}  // namespace kindred
