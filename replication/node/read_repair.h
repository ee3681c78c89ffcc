#pragma once

#include <array>
#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <string>

#include "replication/causal/state.h"
#include "replication/node/key_holder.h"
#include "replication/node/messages.h"
#include "replication/ring/ring.h"

namespace kindred {

/// What a read found that primaries lack: the merged state, and who has another one.
struct ReadRepair {
  KeyHolder key;
  Step step = 0;
  Rounds rounds;       // what the state is clean for
  std::string record;  // of the merged state
  Digest digest = 0;   // of it
  boost::container::small_vector<NodeId, 3> nodes;
};

/// Remembers for a moment what was repaired, so that many reads of one key send a state once. Of
/// two repairs with one place the later one is remembered. Memory is fixed.
class RecentRepairs {
 public:
  static constexpr uint64_t kRememberedUs = 200'000;

  /// False where that state was sent to that node a moment ago; else it is noted as sent.
  [[nodiscard]] bool note(uint64_t key_hash, Digest state, NodeId node, uint64_t now_us) {
    const uint64_t name = (key_hash ^ state * kOdd ^ node) * kOdd;
    Entry& entry = entries_[name >> (64 - kBits)];
    if (entry.name == name && now_us < entry.until_us) {
      return false;
    }
    entry = {name, now_us + kRememberedUs};
    return true;
  }

 private:
  static constexpr unsigned kBits = 10;
  static constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
  struct Entry {
    uint64_t name = 0;
    uint64_t until_us = 0;
  };
  std::array<Entry, size_t{1} << kBits> entries_{};
};

}  // namespace kindred
