#pragma once

#include <boost/container/small_vector.hpp>
#include <string_view>

#include "replication/node/operation.h"

namespace kindred {

/// Keeps a key past the step that brought it. Short keys need no allocation.
class KeyHolder {
 public:
  void assign(const KeyRef& key) {
    bytes_.assign(key.key.begin(), key.key.end());
    derived_ = key;
  }

  /// Good until the next assign(); the holder must not move meanwhile.
  KeyRef ref() const {
    KeyRef key = derived_;
    key.key = std::string_view(bytes_.data(), bytes_.size());
    return key;
  }
  /// Its partition is another one now.
  void place(uint16_t partition) { derived_.partition = partition; }
  uint16_t partition() const { return derived_.partition; }
  uint64_t hash() const { return derived_.hash; }

 private:
  boost::container::small_vector<char, 40> bytes_;
  KeyRef derived_;
};

}  // namespace kindred
