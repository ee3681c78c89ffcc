#include "protocol/resp/glob.h"

#include <cstddef>
#include <utility>

namespace kindred {

namespace {

unsigned char fold(char c, GlobCase letter_case) {
  const auto byte = static_cast<unsigned char>(c);
  const bool lower = letter_case == GlobCase::kInsensitive && byte >= 'A' && byte <= 'Z';
  return lower ? static_cast<unsigned char>(byte + ('a' - 'A')) : byte;
}

// Matches one byte against the class that opens at pattern[at]; moves `at` past the class.
bool match_class(std::string_view pattern, size_t& at, char c, GlobCase letter_case) {
  const unsigned char byte = fold(c, letter_case);
  ++at;
  const bool negated = at < pattern.size() && pattern[at] == '^';
  at += negated ? 1 : 0;
  bool found = false;
  while (at < pattern.size() && pattern[at] != ']') {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      ++at;
      found |= pattern[at] == c;
    } else if (at + 2 < pattern.size() && pattern[at + 1] == '-') {
      unsigned char low = fold(pattern[at], letter_case);
      unsigned char high = fold(pattern[at + 2], letter_case);
      if (low > high) {
        std::swap(low, high);
      }
      found |= low <= byte && byte <= high;
      at += 2;
    } else {
      found |= fold(pattern[at], letter_case) == byte;
    }
    ++at;
  }
  if (at < pattern.size()) {
    ++at;
  }
  return found != negated;
}

// Matches one byte against the element at pattern[at], which is no '*'; moves `at` past it.
bool match_one(std::string_view pattern, size_t& at, char c, GlobCase letter_case) {
  switch (pattern[at]) {
    case '?':
      ++at;
      return true;
    case '[':
      return match_class(pattern, at, c, letter_case);
    case '\\':
      at += at + 1 < pattern.size() ? 1 : 0;
      [[fallthrough]];
    default:
      return fold(pattern[at++], letter_case) == fold(c, letter_case);
  }
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text, GlobCase letter_case) {
  // Every element but '*' takes exactly one byte, so only the last '*' ever has to be revisited.
  size_t at = 0;
  size_t position = 0;
  size_t after_star = std::string_view::npos;
  size_t star_position = 0;
  while (position < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      after_star = ++at;
      star_position = position;
      continue;
    }
    if (at < pattern.size() && match_one(pattern, at, text[position], letter_case)) {
      ++position;
      continue;
    }
    if (after_star == std::string_view::npos) {
      return false;
    }
    at = after_star;
    position = ++star_position;
  }
  while (at < pattern.size() && pattern[at] == '*') {
    ++at;
  }
  return at == pattern.size();
}

}  // namespace kindred
