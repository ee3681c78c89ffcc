#include "server/config/value_text.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace kindred {

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [parsed_to, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || parsed_to != end || text.empty()) {
    return std::nullopt;
  }
  return value;
}

std::optional<uint64_t> parse_memory_size(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<uint64_t> value = parse_number(text.substr(0, digits));
  const std::string unit = lower_case(text.substr(digits));
  struct Unit {
    std::string_view name;
    uint64_t bytes;
  };
  static constexpr Unit kUnits[] = {
      {"", 1},          {"b", 1},           {"k", 1000},          {"kb", 1ULL << 10},
      {"m", 1'000'000}, {"mb", 1ULL << 20}, {"g", 1'000'000'000}, {"gb", 1ULL << 30}};
  for (const Unit& known : kUnits) {
    if (value && known.name == unit &&
        *value <= std::numeric_limits<uint64_t>::max() / known.bytes) {
      return *value * known.bytes;
    }
  }
  return std::nullopt;
}

std::optional<bool> parse_yes_no(std::string_view text) {
  const std::string word = lower_case(text);
  if (word == "yes") {
    return true;
  }
  if (word == "no") {
    return false;
  }
  return std::nullopt;
}

std::optional<SeedAddress> parse_seed(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const std::optional<uint64_t> port = parse_number(text.substr(colon + 1));
  if (host.empty() || !port || *port == 0 || *port > 65535) {
    return std::nullopt;
  }
  return SeedAddress{std::string(host), static_cast<uint16_t>(*port)};
}

std::string to_text(const SeedAddress& seed) {
  const bool is_v6 = seed.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + seed.host + "]" : seed.host) + ":" + std::to_string(seed.port);
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

}  // namespace kindred
