#include "replication/keyspace/keyspace_words.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "replication/ring/claim.h"

namespace kindred {

namespace {

std::string lower(std::string_view word) {
  std::string text(word);
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

std::optional<uint64_t> number(std::string_view word, uint64_t most) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  const bool is_whole = error == std::errc() && end == word.data() + word.size();
  return is_whole && value >= 1 && value <= most ? std::optional(value) : std::nullopt;
}

bool is_resolver_name(std::string_view name) {
  return !name.empty() && name.size() <= kResolverBytesMax && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

std::string must_be(std::string_view option, const std::string& what, std::string_view value) {
  return std::string(option) + " must be " + what + ", not '" + std::string(value) + "'";
}

std::string set_count(std::string_view option, std::string_view value, uint8_t* count) {
  const auto given = number(value, kReplicasMax);
  if (!given) {
    return must_be(option, "a number from 1 to " + std::to_string(kReplicasMax), value);
  }
  *count = static_cast<uint8_t>(*given);
  return {};
}

std::string check_quorums(const Keyspace& keyspace, uint32_t replicas) {
  const uint32_t copies = keyspace.copies != 0 ? keyspace.copies : replicas;
  for (const auto& [name, quorum] : {std::pair("r", keyspace.read), {"w", keyspace.write}}) {
    if (quorum > copies) {
      return must_be(name, "a number from 1 to N=" + std::to_string(copies),
                     std::to_string(quorum));
    }
  }
  return {};
}

std::string set_option(const std::string& option, std::string_view value, Keyspace* keyspace) {
  if (option == "n" || option == "r" || option == "w") {
    return set_count(option, value,
                     option == "n"   ? &keyspace->copies
                     : option == "r" ? &keyspace->read
                                     : &keyspace->write);
  }
  if (option == "registers") {
    const std::string word = lower(value);
    keyspace->has_registers = word == "on";
    return word == "on" || word == "off" ? "" : must_be(option, "on or off", value);
  }
  if (option == "resolver") {
    keyspace->resolver = lower(value);
    return is_resolver_name(keyspace->resolver) ? "" : must_be(option, "a resolver's name", value);
  }
  if (option == "ttl") {
    const auto given = number(value, kKeyspaceTtlMsMax);
    keyspace->ttl_ms = given.value_or(0);
    return given ? "" : must_be(option, "a number of milliseconds, at least 1", value);
  }
  return "'" + option + "' is none of n, r, w, registers, resolver, ttl";
}

}  // namespace

std::string parse_keyspace(std::span<const std::string_view> words, uint32_t replicas,
                           Keyspace* keyspace) {
  if (words.empty()) {
    return "needs a pattern";
  }
  Keyspace parsed;
  parsed.pattern = words[0];
  if (const std::string_view flaw = pattern_flaw(parsed.pattern); !flaw.empty()) {
    return "the pattern " + std::string(flaw);
  }
  std::vector<std::string> given;
  for (std::size_t i = 1; i < words.size(); i += 2) {
    const std::string option = lower(words[i]);
    if (i + 1 == words.size()) {
      return "'" + option + "' needs a value";
    }
    if (std::ranges::find(given, option) != given.end()) {
      return "'" + option + "' is given twice";
    }
    std::string wrong = set_option(option, words[i + 1], &parsed);
    if (!wrong.empty()) {
      return wrong;
    }
    given.push_back(option);
  }
  if (std::string wrong = check_quorums(parsed, replicas); !wrong.empty()) {
    return wrong;
  }
  *keyspace = std::move(parsed);
  return {};
}

std::string keyspace_text(const Keyspace& keyspace) {
  std::string text = keyspace.pattern;
  if (keyspace.copies != 0) {
    text += " n " + std::to_string(keyspace.copies);
  }
  if (keyspace.read != 0) {
    text += " r " + std::to_string(keyspace.read);
  }
  if (keyspace.write != 0) {
    text += " w " + std::to_string(keyspace.write);
  }
  if (!keyspace.has_registers) {
    text += " registers off";
  }
  if (keyspace.resolver != kResolverLww) {
    text += " resolver " + keyspace.resolver;
  }
  if (keyspace.ttl_ms != 0) {
    text += " ttl " + std::to_string(keyspace.ttl_ms);
  }
  return text;
}

}  // namespace kindred
