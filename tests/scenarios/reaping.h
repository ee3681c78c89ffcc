#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/node/exchange_world.h"

/// What scenarios of reap rounds share: keys that were deleted long ago, and cycles of all nodes.
namespace kindred::reaping_test {

using exchange_test::Peer;
using exchange_test::World;

inline constexpr uint64_t kLongAgoMs = 1'600'000'000'000;

inline void hold_everywhere(World& world, const KeyRef& key, const State& state) {
  for (auto& one : world.peers) {
    one->hold(key, state, world.now);
  }
}

inline std::string stored_name(const KeyRef& key) {
  std::string stored;
  encode_stored_key(key, &stored);
  return stored;
}

inline State held(Peer& peer, const KeyRef& key) {
  State state;
  EXPECT_TRUE(decode_record(key, peer.engine()[stored_name(key)], &state));
  state.own();
  return state;
}

inline void reap(World& world) {
  for (auto& one : world.peers) {
    one->shard().start_reaping(world.now);
  }
  world.settle();
}

inline void exchange(World& world) {
  for (int cycle = 0; cycle < 2; ++cycle) {
    for (auto& one : world.peers) {
      one->shard().start_anti_entropy(world.now);
    }
    world.settle();
  }
}

}  // namespace kindred::reaping_test
