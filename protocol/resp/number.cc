#include "protocol/resp/number.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "protocol/resp/ascii.h"

namespace kindred {

namespace {

constexpr size_t kMaxFloatText = size_t{5} * 1024;

template <typename Float>
std::optional<Float> parse_float(std::string_view text, Float (*convert)(const char*, char**)) {
  if (text.empty() || text.size() >= kMaxFloatText || is_ascii_space(text.front())) {
    return std::nullopt;
  }
  std::array<char, kMaxFloatText> copy;
  std::memcpy(copy.data(), text.data(), text.size());
  copy[text.size()] = '\0';
  char* end = nullptr;
  errno = 0;
  const Float value = convert(copy.data(), &end);
  if (end != copy.data() + text.size() || std::isnan(value)) {
    return std::nullopt;
  }
  if (errno == ERANGE && (std::isinf(value) || value == 0)) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::optional<int64_t> parse_int64(std::string_view text) {
  if (text.empty() || text.size() > 20) {
    return std::nullopt;
  }
  const bool negative = text.front() == '-';
  const std::string_view digits = text.substr(negative ? 1 : 0);
  if (digits.empty() || (digits.front() == '0' && (digits.size() > 1 || negative))) {
    return std::nullopt;
  }
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::optional<double> parse_double(std::string_view text) {
  return parse_float<double>(text, std::strtod);
}

std::optional<long double> parse_long_double(std::string_view text) {
  return parse_float<long double>(text, std::strtold);
}

std::string format_long_double(long double value) {
  if (std::isinf(value)) {
    return value > 0 ? "inf" : "-inf";
  }
  std::array<char, kMaxFloatText> digits;
  const int length = std::snprintf(digits.data(), digits.size(), "%.17Lf", value);
  std::string text(digits.data(), static_cast<size_t>(length));
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') {
    text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

std::string format_double(double value) {
  if (std::isinf(value)) {
    return value > 0 ? "inf" : "-inf";
  }
  if (std::isnan(value)) {
    return "nan";
  }
  std::array<char, 64> digits;
  const int length = std::snprintf(digits.data(), digits.size(), "%.17g", value);
  return std::string(digits.data(), static_cast<size_t>(length));
}

}  // namespace kindred
