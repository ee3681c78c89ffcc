#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kindred {

/// The keys that a connection watches, each with what WATCH saw of it.
class Watches {
 public:
  bool empty() const { return watched_.empty(); }
  size_t size() const { return watched_.size(); }
  /// A key that is watched already stays as it was seen first.
  void add(std::string_view key, uint64_t witness) {
    if (!holds(key)) {
      watched_.emplace_back(key, witness);
    }
  }
  bool holds(std::string_view key) const {
    for (const auto& [name, witness] : watched_) {
      if (name == key) {
        return true;
      }
    }
    return false;
  }
  const std::vector<std::pair<std::string, uint64_t>>& all() const { return watched_; }
  void clear() { watched_.clear(); }
  /// Watches nothing any more. What the keys are stays where it is in memory.
  std::vector<std::pair<std::string, uint64_t>> take() { return std::exchange(watched_, {}); }

 private:
  std::vector<std::pair<std::string, uint64_t>> watched_;
};

}  // namespace kindred
