// Reads an engine's settings, so that each engine refuses typing errors in the same words.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/api/status.h"

namespace kindred::plugins {

// Ask for each setting the engine has, then call finish(): it reports the first malformed or
// unknown one. The list must outlive the reader. A name given twice: the last one counts.
class SettingsReader {
 public:
  explicit SettingsReader(const std::vector<std::pair<std::string, std::string>>& settings)
      : settings_(settings), known_(settings.size(), false) {}

  std::string_view text(std::string_view name, std::string_view otherwise) {
    std::string_view found = otherwise;
    for (std::size_t i = 0; i < settings_.size(); ++i) {
      if (settings_[i].first == name) {
        known_[i] = true;
        found = settings_[i].second;
      }
    }
    return found;
  }

  // A decimal number within [min, max].
  std::uint64_t number(std::string_view name, std::uint64_t otherwise, std::uint64_t min,
                       std::uint64_t max) {
    const std::string_view digits = text(name, {});
    if (digits.data() == nullptr) {
      return otherwise;
    }
    std::uint64_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto [parsed_to, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc() || parsed_to != end || value < min || value > max) {
      refuse("engine setting '" + std::string(name) + "' must be a number from " +
             std::to_string(min) + " to " + std::to_string(max) + ", not '" + std::string(digits) +
             "'");
      return otherwise;
    }
    return value;
  }

  // Keeps the first complaint for finish().
  void refuse(std::string message) {
    if (complaint_.empty()) {
      complaint_ = std::move(message);
    }
  }

  Status finish() const {
    if (!complaint_.empty()) {
      return Status(StatusCode::kInvalidArgument, complaint_);
    }
    for (std::size_t i = 0; i < settings_.size(); ++i) {
      if (!known_[i]) {
        return Status(StatusCode::kInvalidArgument,
                      "unknown engine setting '" + settings_[i].first + "'");
      }
    }
    return Status();
  }

 private:
  const std::vector<std::pair<std::string, std::string>>& settings_;
  std::vector<bool> known_;
  std::string complaint_;
};

}  // namespace kindred::plugins
