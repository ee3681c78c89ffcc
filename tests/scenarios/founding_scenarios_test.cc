// How a cluster may come to be, and how it may not: docs/design/founding.md says why. Whole
// membership machines, on virtual time.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "protocol/peer/frame.h"
#include "protocol/peer/frame_reader.h"
#include "tests/unit/membership/world.h"

namespace kindred::membership_test {
namespace {

using testing::HasSubstr;
using Nodes = std::vector<std::size_t>;

class FoundingScenarios : public testing::Test {
 protected:
  ~FoundingScenarios() override { EXPECT_EQ(world_.violation(), ""); }

  void add(const Nodes& nodes, const Nodes& seeds) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      ASSERT_EQ(world_.add(seeds), nodes[i]);
    }
  }
  void start(const Nodes& nodes) {
    for (const std::size_t node : nodes) {
      world_.start(node);
    }
  }
  bool are_one_cluster(const Nodes& nodes, uint64_t ms_max = 5'000) {
    return world_.run_until([&] { return world_.is_one_cluster(nodes); }, ms_max);
  }
  ClusterId cluster_of(std::size_t node) { return world_.machine(node).document()->cluster_id; }
  std::string fatal_of(std::size_t node) { return world_.driver(node).fatal.value_or(""); }
  void set_seeds(std::size_t node, const Nodes& seeds) {
    world_.config(node).seeds.clear();
    for (const std::size_t seed : seeds) {
      world_.config(node).seeds.push_back(World::address(seed));
    }
  }

  World world_{71};
};

TEST_F(FoundingScenarios, ThreeAtOnceFoundOne) {
  add({0, 1, 2}, {0, 1, 2});
  start({0, 1, 2});
  EXPECT_TRUE(are_one_cluster({0, 1, 2}, 2'000));
}

TEST_F(FoundingScenarios, TwoWaitForTheOneThatIsLate) {
  add({0, 1, 2}, {0, 1, 2});
  start({0, 1});
  world_.run_ms(60'000);
  EXPECT_FALSE(world_.machine(0).document());
  EXPECT_FALSE(world_.machine(1).document());
  start({2});
  EXPECT_TRUE(are_one_cluster({0, 1, 2}, 2'000));
}

TEST_F(FoundingScenarios, ASeedThatIsNeverThereIsNamedUntilItIsTakenOut) {
  constexpr std::size_t kNobody = 3;
  add({0, 1, 2}, {0, 1, 2, kNobody});
  start({0, 1, 2});
  world_.run_ms(60'000);
  for (const std::size_t node : {0, 1, 2}) {
    EXPECT_FALSE(world_.machine(node).document());
    EXPECT_TRUE(world_.has_logged(node, World::text(kNobody)));
    EXPECT_TRUE(world_.disk(node)->promised_to.is_none()) << "nobody is bound meanwhile";
  }
  for (const std::size_t node : {0, 1, 2}) {
    set_seeds(node, {0, 1, 2});
    world_.restart(node);
  }
  EXPECT_TRUE(are_one_cluster({0, 1, 2}));
}

TEST_F(FoundingScenarios, AFounderThatLosesItsDiskAtAnyPointLeavesOneCluster) {
  for (uint64_t after_ms = 0; after_ms <= 60; after_ms += 3) {
    World world(72 + after_ms);
    for (int i = 0; i < 3; ++i) {
      world.add({0, 1, 2});
    }
    for (std::size_t node = 0; node < 3; ++node) {
      world.start(node);
    }
    std::size_t founder = 0;
    for (std::size_t node = 1; node < 3; ++node) {
      founder = world.machine(node).self() < world.machine(founder).self() ? node : founder;
    }
    world.run_until([&] { return world.has_logged(founder, "Founding cluster"); }, 5'000);
    world.run_ms(after_ms);  // up to when all have the document
    world.wipe(founder);
    world.run_ms(1'000);
    world.start(founder);
    ASSERT_TRUE(world.run_until(
        [&] {
          return world.is_one_cluster({0, 1, 2});
        },
        15'000))
        << after_ms;
    EXPECT_EQ(world.violation(), "") << after_ms;
  }
}

// Founded apart from each other, then told to find each other: their operator meant one cluster.
TEST_F(FoundingScenarios, TwoClustersThatNameEachOtherStayTwo) {
  add({0, 1}, {0, 1});
  add({2, 3}, {2, 3});
  start({0, 1, 2, 3});
  ASSERT_TRUE(are_one_cluster({0, 1}));
  ASSERT_TRUE(are_one_cluster({2, 3}));
  const ClusterId first = cluster_of(0);
  const ClusterId second = cluster_of(2);
  ASSERT_NE(first, second);

  set_seeds(0, {0, 1, 2, 3});
  set_seeds(2, {0, 1, 2, 3});
  world_.restart(0);
  world_.restart(2);
  world_.run_ms(10'000);
  for (const std::size_t node : {0, 2}) {
    EXPECT_THAT(fatal_of(node), HasSubstr(id_text(first))) << "says which two they are";
    EXPECT_THAT(fatal_of(node), HasSubstr(id_text(second)));
  }
  for (const std::size_t node : {1, 3}) {
    EXPECT_FALSE(world_.driver(node).fatal) << "nobody told these to look elsewhere";
    EXPECT_TRUE(world_.has_logged(node, "Refused a message from a member of another cluster"));
    EXPECT_GT(world_.machine(node).metrics().foreign_messages, 0u);
  }
  EXPECT_EQ(cluster_of(1), first);
  EXPECT_EQ(cluster_of(3), second);

  for (const std::size_t node : {0, 2}) {
    set_seeds(node, {});
    world_.crash(node);
    world_.start(node);
  }
  EXPECT_TRUE(are_one_cluster({0, 1}));
  EXPECT_TRUE(are_one_cluster({2, 3}));
  EXPECT_EQ(cluster_of(0), first);
  EXPECT_EQ(cluster_of(2), second);
}

// What reaches a member of the one from the other, by whatever mistake.
TEST_F(FoundingScenarios, NothingOfAnotherClusterIsTaken) {
  add({0, 1}, {0, 1});
  add({2}, {});
  start({0, 1, 2});
  ASSERT_TRUE(are_one_cluster({0, 1}));
  ASSERT_TRUE(are_one_cluster({2}));
  world_.run_ms(1'000);
  const ClusterDocument before = *world_.machine(0).document();
  const uint64_t refused = world_.machine(0).metrics().foreign_messages;

  Gossip gossip;
  gossip.sender = world_.sender(2);
  gossip.version = {9, 99, 0, 0};
  gossip.message.kind = SwimKind::kPing;
  gossip.message.incarnation = 1;
  gossip.message.rumours = {{world_.machine(1).self(), 7, SwimState::kDead, 0}};
  auto later = std::make_shared<ClusterDocument>(*world_.machine(2).document());
  later->epoch = 99;
  const Ballot ballot{7, world_.machine(2).self()};
  const DocumentNumber next = number_after(before);
  world_.inject(0, World::address(2), gossip);
  world_.inject(0, World::address(2), DocumentOffer{world_.sender(2), later});
  world_.inject(0, World::address(2), Prepare{world_.sender(2), next, ballot});
  world_.inject(0, World::address(2), Accept{world_.sender(2), next, ballot, later});
  world_.inject(0, World::address(2), ProgressReport{world_.sender(2), {99, {}, false}});
  world_.inject(0, World::address(2), Flush{world_.sender(2), 1, ~Stamp{0} >> 1});
  world_.run_ms(2'000);
  EXPECT_GE(world_.machine(0).metrics().foreign_messages, refused + 6);
  EXPECT_TRUE(world_.has_logged(
      0, "Refused a message from a member of another cluster at " + World::text(2)));
  EXPECT_EQ(*world_.machine(0).document(), before);
  EXPECT_FALSE(world_.machine(0).progress().contains(world_.machine(2).self()));
  EXPECT_EQ(world_.machine(0).members_up(), 2u);
  EXPECT_FALSE(world_.driver(0).fatal);

  std::string frame;
  encode_frame(FrameKind::kData, {cluster_of(2), 1, 1}, "a write", &frame);
  FrameReader link;
  link.set_cluster(cluster_of(0));
  std::ranges::copy(frame, link.writable(frame.size()).begin());
  link.commit(frame.size());
  Frame taken;
  EXPECT_EQ(link.next(&taken), FrameStatus::kError);
  EXPECT_EQ(link.error(), FrameError::kForeignCluster);
}

}  // namespace
}  // namespace kindred::membership_test
