#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/membership/world.h"

namespace kindred::membership_test {
namespace {

using testing::HasSubstr;
using Nodes = std::vector<std::size_t>;

/// `count` machines that all name all, themselves too.
Nodes add_all_naming_all(World& world, std::size_t count) {
  Nodes all;
  for (std::size_t i = 0; i < count; ++i) {
    all.push_back(i);
  }
  for (std::size_t i = 0; i < count; ++i) {
    world.add(all);
  }
  return all;
}

void start_all(World& world, const Nodes& nodes) {
  for (const std::size_t node : nodes) {
    world.start(node);
  }
}

std::string fatal_of(World& world, std::size_t node) {
  return world.driver(node).fatal.value_or("");
}

bool runs_until_one_cluster(World& world, const Nodes& nodes, uint64_t ms_max = 10'000) {
  return world.run_until([&] { return world.is_one_cluster(nodes); }, ms_max);
}

/// The node that the others have to promise: the lowest id of those running.
std::size_t lowest_of(World& world, const Nodes& nodes) {
  return *std::ranges::min_element(nodes, {},
                                   [&](std::size_t node) { return world.machine(node).self(); });
}

TEST(Founding, NodeWithoutSeedsFoundsAlone) {
  World world(1);
  world.add({});
  world.start(0);
  ASSERT_TRUE(runs_until_one_cluster(world, {0}, 50));
  const ClusterDocument& document = *world.driver(0).installed;
  EXPECT_EQ(document.epoch, 1u);
  EXPECT_NE(document.cluster_id, 0u);
  ASSERT_EQ(document.tag_keys.size(), 1u);
  EXPECT_NE(document.tag_keys[0].secret, TagKey{}.secret);
  EXPECT_EQ(document.ring.partition_count(), 16u);
  EXPECT_TRUE(document.ring.owns(0, world.machine(0).self()));
  EXPECT_FALSE(world.driver(0).is_filling);
  EXPECT_EQ(world.machine(0).next_deadline_us(), Liveness::kNever);
}

TEST(Founding, NodeThatNamesOnlyItselfFoundsAlone) {
  World world(1);
  world.add({0});
  world.start(0);
  EXPECT_TRUE(runs_until_one_cluster(world, {0}, 50));
}

TEST(Founding, NodesThatNameAllFoundOne) {
  for (const std::size_t count : {2, 3, 5, 9}) {
    World world(count);
    const Nodes all = add_all_naming_all(world, count);
    start_all(world, all);
    ASSERT_TRUE(runs_until_one_cluster(world, all, 2'000)) << count;
    ASSERT_TRUE(world.run_until([&] { return world.all_see_each_other(all); }, 1'000)) << count;
    for (const std::size_t node : all) {
      EXPECT_FALSE(world.driver(node).is_filling);
      EXPECT_EQ(*world.driver(node).installed, *world.disk(node)->document);
    }
  }
}

TEST(Founding, WaitsForTheLateOneAndNamesIt) {
  World world(3);
  const Nodes all = add_all_naming_all(world, 3);
  start_all(world, {0, 1});
  world.run_ms(20'000);
  EXPECT_FALSE(world.machine(0).document());
  EXPECT_TRUE(world.has_logged(0, "no answer yet from 127.0.0.3:17000"));
  EXPECT_THAT(std::string(world.machine(1).waiting_reason()), HasSubstr("127.0.0.3:17000"));
  EXPECT_GE(world.driver(0).log.size(), 4u);  // every 5 s
  EXPECT_LE(world.driver(0).log.size(), 8u);
  EXPECT_FALSE(world.disk(0)->promised_to.node) << "promised before all were known";
  world.start(2);
  EXPECT_TRUE(runs_until_one_cluster(world, all, 2'000));
}

TEST(Founding, RingOfSeedsIsEnough) {
  World world(4);
  for (std::size_t i = 0; i < 4; ++i) {
    world.add({(i + 1) % 4});
  }
  start_all(world, {0, 1, 2, 3});
  EXPECT_TRUE(runs_until_one_cluster(world, {0, 1, 2, 3}, 5'000));
}

TEST(Founding, TwoThatNameEachOtherDoNotWaitForAThirdThatNamesThem) {
  World world(5);
  world.add({1});
  world.add({0});
  world.add({0});
  start_all(world, {0, 1, 2});
  ASSERT_TRUE(runs_until_one_cluster(world, {0, 1}));
  EXPECT_FALSE(world.machine(2).document());
  ASSERT_TRUE(world.run_until([&] { return world.is_one_cluster({0, 1, 2}); }, 5'000)) << "joined";
}

TEST(Founding, OneAddressUnderTwoNamesIsOneMember) {
  World world(6);
  add_all_naming_all(world, 2);
  world.config(0).seeds = {World::address(1), {"localhost", 17000}};
  world.start(0);
  world.start(1);
  world.run_ms(3'000);
  ASSERT_FALSE(world.machine(0).document());
  // The driver dials localhost:17000 and the node hears itself.
  Hello hello;
  hello.sender = {world.machine(0).self(), world.machine(0).record().directory_id, 0};
  hello.dialed = {"localhost", 17000};
  hello.member.id = hello.sender.node;
  hello.member.directory = hello.sender.directory;
  hello.member.client_address = {"127.0.0.1", 7000};
  hello.member.peer_address = World::address(0);
  world.inject(0, World::address(0), hello);
  EXPECT_TRUE(runs_until_one_cluster(world, {0, 1}));
}

TEST(Founding, FounderThatDiesWhileStoringStartsOver) {
  for (uint64_t prng_seed = 1; prng_seed <= 40; ++prng_seed) {
    World world(prng_seed);
    const Nodes all = add_all_naming_all(world, 3);
    start_all(world, all);
    const std::size_t founder = lowest_of(world, all);
    ASSERT_TRUE(
        world.run_until([&] { return world.has_logged(founder, "Founding cluster"); }, 5'000));
    world.crash(founder);  // the document may have reached the disk or not
    world.run_ms(2'000);
    for (const std::size_t node : all) {
      EXPECT_TRUE(node == founder || !world.machine(node).document());
    }
    world.start(founder);
    ASSERT_TRUE(runs_until_one_cluster(world, all)) << prng_seed;
    EXPECT_EQ(world.violation(), "");
  }
}

TEST(Founding, FounderThatDiesAfterStoringHandsItOverLater) {
  World world(7);
  const Nodes all = add_all_naming_all(world, 3);
  start_all(world, all);
  const std::size_t founder = lowest_of(world, all);
  ASSERT_TRUE(world.run_until([&] { return world.machine(founder).document() != nullptr; }, 5'000));
  const ClusterId cluster = world.machine(founder).document()->cluster_id;
  world.crash(founder);
  world.set_loss(1);
  world.run_ms(3'000);
  world.set_loss(0);
  world.start(founder);
  ASSERT_TRUE(runs_until_one_cluster(world, all));
  EXPECT_EQ(world.machine(founder).document()->cluster_id, cluster);
}

TEST(Founding, PromisesToALostDirectoryAreGivenAnew) {
  World world(8);
  const Nodes all = add_all_naming_all(world, 3);
  start_all(world, all);
  const std::size_t founder = lowest_of(world, all);
  const auto promises_synced = [&] {
    return std::ranges::all_of(all, [&](std::size_t node) {
      return node == founder || world.disk(node)->promised_to.node == world.machine(founder).self();
    });
  };
  ASSERT_TRUE(world.run_until(promises_synced, 5'000));
  world.wipe(founder);
  world.run_ms(10'000);
  EXPECT_FALSE(world.is_one_cluster({1, 2}));
  world.start(founder);
  ASSERT_TRUE(runs_until_one_cluster(world, all));
  EXPECT_EQ(world.violation(), "");
}

TEST(Founding, FounderWithALostDiskComesBackAsTheMemberItWas) {
  World world(9);
  const Nodes all = add_all_naming_all(world, 3);
  start_all(world, all);
  ASSERT_TRUE(runs_until_one_cluster(world, all));
  const std::size_t founder = lowest_of(world, all);
  const NodeId id = world.machine(founder).self();
  const DirectoryId directory = world.machine(founder).record().directory_id;
  const ClusterId cluster = world.machine(founder).document()->cluster_id;
  world.wipe(founder);
  world.start(founder);
  ASSERT_TRUE(world.run_until([&] { return world.all_see_each_other(all); }, 10'000));
  EXPECT_EQ(world.machine(founder).self(), id);
  EXPECT_EQ(world.driver(founder).self, id);
  EXPECT_NE(world.machine(founder).record().directory_id, directory);
  EXPECT_EQ(world.machine(founder).document()->cluster_id, cluster);
  EXPECT_TRUE(world.driver(founder).is_filling);

  world.restart(founder);  // still not filled
  world.run_ms(100);
  EXPECT_TRUE(world.driver(founder).is_filling);
  world.step(founder, [](Membership& m, LocalTime now) { m.set_whole(true, now); });
  world.run_ms(100);
  world.restart(founder);
  world.run_ms(100);
  EXPECT_FALSE(world.driver(founder).is_filling);
  world.step(founder, [](Membership& m, LocalTime now) { m.set_whole(false, now); });
  world.run_ms(100);
  world.restart(founder);  // a record was damaged, and the copy not filled again
  world.run_ms(100);
  EXPECT_TRUE(world.driver(founder).is_filling);
}

TEST(Founding, MemberNeedsNoSeedToComeBack) {
  World world(10);
  const Nodes all = add_all_naming_all(world, 3);
  start_all(world, all);
  ASSERT_TRUE(runs_until_one_cluster(world, all));
  for (const std::size_t node : all) {
    world.crash(node);
    world.config(node).seeds.clear();
  }
  world.start(1);
  EXPECT_TRUE(world.machine(1).document());
  EXPECT_FALSE(world.driver(1).is_filling);
  EXPECT_EQ(world.machine(1).members_up(), 1u);
  world.start(0);
  world.start(2);
  EXPECT_TRUE(world.run_until([&] { return world.all_see_each_other(all); }, 1'000));
}

TEST(Founding, KeepsItsNameAndTakesAConfiguredOne) {
  World world(11);
  world.add({});
  world.start(0);
  world.run_ms(100);
  const std::string name = world.machine(0).record().name;
  EXPECT_THAT(name, testing::StartsWith("node-"));
  EXPECT_EQ(world.machine(0).document()->members[0].name, name);
  world.restart(0);
  EXPECT_EQ(world.machine(0).record().name, name);
  world.config(0).name = "willow";
  world.restart(0);
  EXPECT_EQ(world.machine(0).record().name, "willow");
}

TEST(Founding, ChangedAddressIsRefused) {
  World world(12);
  world.add({});
  world.start(0);
  world.run_ms(100);
  world.config(0).peer_address.port = 17001;
  world.restart(0);
  EXPECT_THAT(fatal_of(world, 0), HasSubstr("knows this node as 127.0.0.1:17000, but it is to "
                                            "announce itself as 127.0.0.1:17001"));
}

TEST(Founding, CopyOfADirectoryIsFoundOut) {
  World world(13);
  const Nodes all = add_all_naming_all(world, 2);
  start_all(world, all);
  world.run_ms(10);
  Hello hello;
  hello.sender = {world.machine(0).self(), world.machine(0).record().directory_id, 0};
  hello.dialed = World::address(0);
  hello.member.id = hello.sender.node;
  hello.member.directory = hello.sender.directory;
  hello.member.client_address = {"127.0.0.7", 7000};
  hello.member.peer_address = {"127.0.0.7", 17000};
  world.inject(0, hello.member.peer_address, hello);
  EXPECT_THAT(fatal_of(world, 0), HasSubstr("127.0.0.7:17000 runs on a copy of this node's"));
}

TEST(Founding, SeedOfAnotherClusterIsFatalAndNamesBoth) {
  World world(14);
  world.add({});
  world.add({});
  start_all(world, {0, 1});
  world.run_ms(100);
  const std::string first = id_text(world.machine(0).document()->cluster_id);
  const std::string second = id_text(world.machine(1).document()->cluster_id);
  world.config(0).seeds = {World::address(1)};
  world.restart(0);
  ASSERT_TRUE(world.run_until([&] { return world.driver(0).fatal.has_value(); }, 2'000));
  EXPECT_THAT(fatal_of(world, 0), HasSubstr(first));
  EXPECT_THAT(fatal_of(world, 0), HasSubstr(second));
  EXPECT_FALSE(world.driver(1).fatal);
}

TEST(Founding, AddressInTwoClustersIsFatalForItsNodeAlone) {
  World world(15);
  const Nodes all = add_all_naming_all(world, 3);
  start_all(world, all);
  ASSERT_TRUE(runs_until_one_cluster(world, all));
  const std::string first = id_text(world.machine(0).document()->cluster_id);
  world.wipe(2);
  world.config(2).seeds.clear();  // now it founds one of its own
  world.set_loss(1);
  world.start(2);
  world.run_ms(1'000);
  ASSERT_TRUE(world.machine(2).document());
  const std::string second = id_text(world.machine(2).document()->cluster_id);
  world.set_loss(0);
  ASSERT_TRUE(world.run_until([&] { return world.driver(2).fatal.has_value(); }, 3'000));
  EXPECT_THAT(fatal_of(world, 2), HasSubstr(first));
  EXPECT_THAT(fatal_of(world, 2), HasSubstr(second));
  world.run_ms(3'000);
  EXPECT_FALSE(world.driver(0).fatal);
  EXPECT_EQ(world.machine(0).members_up(), 2u);
  EXPECT_GT(
      world.machine(0).metrics().foreign_messages + world.machine(1).metrics().foreign_messages,
      0u);
}

TEST(Founding, DocumentOfALostDirectoryIsNotTaken) {
  World world(17);
  add_all_naming_all(world, 2);
  world.set_loss(1);
  start_all(world, {0, 1});
  Member lost;
  lost.id = world.machine(1).self();
  lost.directory = world.machine(1).record().directory_id;
  lost.client_address = {World::address(1).host, 7000};
  lost.peer_address = World::address(1);
  world.run_ms(20);
  world.wipe(1);
  auto document = std::make_shared<ClusterDocument>();
  document->cluster_id = 5;
  document->epoch = 1;
  document->members = {lost};
  document->members.push_back(lost);
  document->members[1].id = world.machine(0).self();
  document->members[1].peer_address = World::address(0);
  document->ring = *Ring::make(1, 1, 1, {lost.id});
  document->tag_keys.push_back({});
  world.inject(0, World::address(1),
               Hello{{lost.id, lost.directory, 0}, true, World::address(1), lost, {}, {}});
  world.start(1);
  world.run_ms(100);
  world.set_loss(0);
  const auto hears_the_new_one = [&] {
    const NodeId id = world.machine(1).self();
    return world.has_logged(0, "the promise of node " + id_text(id)) ||
           world.disk(0)->promised_to.node == id;
  };
  ASSERT_TRUE(world.run_until(hears_the_new_one, 1'000));
  world.inject(0, World::address(1), DocumentOffer{{lost.id, lost.directory, 5}, document});
  ASSERT_TRUE(runs_until_one_cluster(world, {0, 1}));
  EXPECT_NE(world.machine(0).document()->cluster_id, 5u);
}

TEST(Founding, StrangersDoNotGetTheTagKeys) {
  World world(16);
  world.add({});
  const std::size_t stranger = world.add({0});
  world.start(0);
  world.run_ms(100);
  world.config(stranger).auto_join = false;
  world.start(stranger);
  ASSERT_TRUE(world.run_until(
      [&] { return world.has_logged(stranger, "auto-join is off; RING JOIN 127.0.0.2:17000 at"); },
      2'000));
  world.run_ms(5'000);
  EXPECT_FALSE(world.disk(stranger)->document);
}

}  // namespace
}  // namespace kindred::membership_test
