#pragma once

#include <span>
#include <string>

#include "server/config/config.h"
#include "server/config/value_text.h"

/// Setters and printers by the type of a Config member, for the rows of the directive table. A
/// setter returns what is wrong, worded to follow "directive 'name' ".
namespace kindred::directive_setters {

using Words = std::span<const std::string>;

inline std::string must_be(const std::string& what, Words words) {
  std::string given;
  for (const std::string& word : words) {
    given += (given.empty() ? "" : " ") + word;
  }
  return "must be " + what + ", not '" + given + "'";
}

template <auto Member, uint64_t Min, uint64_t Max>
std::string set_number(Config& config, Words words) {
  const auto value = words.size() == 1 ? parse_number(words[0]) : std::nullopt;
  if (!value || *value < Min || *value > Max) {
    return must_be("a number from " + std::to_string(Min) + " to " + std::to_string(Max), words);
  }
  using Field = std::remove_reference_t<decltype(config.*Member)>;
  config.*Member = static_cast<Field>(*value);
  return "";
}

template <auto Member>
std::string print_number(const Config& config) {
  return std::to_string(config.*Member);
}

template <auto Member, uint64_t Min>
std::string set_size(Config& config, Words words) {
  const auto value = words.size() == 1 ? parse_memory_size(words[0]) : std::nullopt;
  if (!value || *value < Min) {
    return must_be("a memory size such as 512mb, at least " + std::to_string(Min), words);
  }
  config.*Member = *value;
  return "";
}

template <auto Member>
std::string set_text(Config& config, Words words) {
  if (words.size() != 1) {
    return must_be("one word", words);
  }
  config.*Member = words[0];
  return "";
}

/// Ends up in records of the cluster and in replies that are split at spaces.
template <auto Member>
std::string set_name(Config& config, Words words) {
  constexpr size_t kNameSizeMax = 64;
  const bool plain = words.size() == 1 && !words[0].empty() && words[0].size() <= kNameSizeMax &&
                     words[0].find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789._-") == std::string::npos;
  if (!plain) {
    return must_be("up to 64 letters, digits, '.', '_' or '-'", words);
  }
  config.*Member = words[0];
  return "";
}

template <auto Member>
std::string print_text(const Config& config) {
  return config.*Member;
}

template <typename Enum>
struct Choice {
  std::string_view word;
  Enum value;
};

template <auto Member, const auto& Choices>
std::string set_choice(Config& config, Words words) {
  std::string known;
  for (const auto& choice : Choices) {
    if (words.size() == 1 && lower_case(words[0]) == choice.word) {
      config.*Member = choice.value;
      return "";
    }
    known += (known.empty() ? "" : ", ") + std::string(choice.word);
  }
  return must_be("one of " + known, words);
}

template <auto Member, const auto& Choices>
std::string print_choice(const Config& config) {
  for (const auto& choice : Choices) {
    if (config.*Member == choice.value) {
      return std::string(choice.word);
    }
  }
  return "";
}

std::string set_output_limits(Config& config, Words words);
std::string print_output_limits(const Config& config);
std::string set_notify_events(Config& config, Words words);
std::string print_notify_events(const Config& config);
/// The value of an engine's setting, but for the password that it may hold.
std::string without_secret(const std::string& name, const std::string& value);

}  // namespace kindred::directive_setters
