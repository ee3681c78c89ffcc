#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/membership/world.h"

namespace kindred::membership_test {
namespace {

using Nodes = std::vector<std::size_t>;

/// Each other node is a seed with a chance of one in three; `is_ring`: and the next one always, so
/// that all reach all.
std::vector<Address> random_seeds(World& world, std::size_t node, std::size_t count, bool is_ring) {
  std::vector<Address> seeds;
  for (std::size_t other = 0; other < count; ++other) {
    if ((is_ring && other == (node + 1) % count) || world.prng()() % 3 == 0) {
      seeds.push_back(World::address(other));
    }
  }
  return seeds;
}

void add_randomly(World& world, std::size_t count, bool is_ring) {
  for (std::size_t node = 0; node < count; ++node) {
    world.add({});
    world.config(node).seeds = random_seeds(world, node, count, is_ring);
  }
}

void disturb(World& world, std::size_t count) {
  const std::size_t node = world.prng()() % count;
  switch (world.prng()() % 6) {
    case 0:
      world.crash(node);
      break;
    case 1:
      world.restart(node);
      break;
    case 2:
      world.wipe(node);
      break;
    case 3:
      world.cut(node, world.prng()() % count, true);
      break;
    case 4:
      world.cut(node, world.prng()() % count, false);
      break;
    default:
      if (!world.is_running(node)) {
        world.start(node);
      }
  }
}

void disturb_for_a_while(World& world, std::size_t count) {
  const std::size_t acts = world.prng()() % 12;
  // Short pauses hit the moments between promise, document and handover.
  const uint64_t pause_ms_max = world.prng()() % 2 == 0 ? 30 : 1'500;
  for (std::size_t act = 0; act < acts; ++act) {
    disturb(world, count);
    world.run_ms(world.prng()() % pause_ms_max);
  }
}

void calm(World& world, std::size_t count) {
  world.set_loss(0);
  for (std::size_t a = 0; a < count; ++a) {
    for (std::size_t b = 0; b <= a; ++b) {
      world.cut(a, b, false);
    }
  }
  for (std::size_t node = 0; node < count; ++node) {
    if (!world.is_running(node)) {
      world.start(node);
    }
  }
}

World::Settings random_settings(uint64_t prng_seed) {
  World::Settings settings;
  settings.delay_us_max = prng_seed % 3 == 0 ? 400'000 : 3'000;
  settings.loss = static_cast<double>(prng_seed % 5) * 0.08;
  settings.sync_us_max = prng_seed % 7 == 0 ? 300'000 : 5'000;
  return settings;
}

TEST(FoundingRandom, NodesThatReachEachOtherFoundOneClusterAndNeverTwo) {
  std::size_t founded_early = 0;
  for (uint64_t prng_seed = 1; prng_seed <= 600; ++prng_seed) {
    SCOPED_TRACE("prng_seed " + std::to_string(prng_seed));
    World world(prng_seed, random_settings(prng_seed));
    const std::size_t count = 2 + prng_seed % 4;
    add_randomly(world, count, true);
    Nodes all;
    for (std::size_t node = 0; node < count; ++node) {
      all.push_back(node);
      world.start(node);
    }
    disturb_for_a_while(world, count);
    founded_early += std::ranges::any_of(
        all, [&](std::size_t node) { return world.disk(node) && world.disk(node)->document; });
    calm(world, count);
    ASSERT_TRUE(world.run_until([&] { return world.all_see_each_other(all); }, 30'000));
    ASSERT_EQ(world.violation(), "");
    for (const std::size_t node : all) {
      ASSERT_FALSE(world.driver(node).fatal) << *world.driver(node).fatal;
    }
  }
  EXPECT_GT(founded_early, 50u);  // both sides of the founding moment were disturbed
  EXPECT_LT(founded_early, 550u);
}

TEST(FoundingRandom, HoweverTheSeedsChangeNoTwoClustersShareAMember) {
  std::size_t members = 0;
  for (uint64_t prng_seed = 1; prng_seed <= 1'500; ++prng_seed) {
    SCOPED_TRACE("prng_seed " + std::to_string(prng_seed));
    World world(prng_seed, random_settings(prng_seed));
    const std::size_t count = 2 + prng_seed % 5;
    add_randomly(world, count, prng_seed % 2 == 0);
    const uint64_t pause_ms_max = prng_seed % 4 == 0 ? 20 : 400;
    for (std::size_t act = 0; act < 20; ++act) {
      // No disk is lost here: with other seeds each time, promises alone keep clusters apart.
      const std::size_t node = world.prng()() % count;
      world.config(node).seeds = random_seeds(world, node, count, prng_seed % 3 == 0);
      world.restart(node);
      world.run_ms(world.prng()() % pause_ms_max);
    }
    calm(world, count);
    world.run_ms(8'000);
    ASSERT_EQ(world.violation(), "");
    for (std::size_t node = 0; node < count; ++node) {
      members += world.driver(node).installed != nullptr;
    }
  }
  EXPECT_GT(members, 1'000u);
}

}  // namespace
}  // namespace kindred::membership_test
