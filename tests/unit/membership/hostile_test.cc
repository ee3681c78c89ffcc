#include <gtest/gtest.h>

#include "tests/unit/membership/samples.h"
#include "tests/unit/membership/world.h"

namespace kindred::membership_test {
namespace {

/// One of a few values, so that random messages sometimes fit together.
uint64_t pick_id(World& world, std::size_t node) {
  switch (world.prng()() % 6) {
    case 0:
      return world.machine(node).self();
    case 1:
      return world.driver(0).self;
    case 2:
      return world.machine(node).document() ? world.machine(node).document()->cluster_id : 0;
    case 3:
      return UINT64_MAX;
    default:
      return world.prng()() % 4;
  }
}

Address pick_address(World& world) {
  const uint64_t index = world.prng()() % 6;
  return index == 5 ? Address{} : World::address(index);
}

MembershipMessage random_message(World& world, std::size_t node) {
  std::vector<MembershipMessage> samples = sample_messages();
  MembershipMessage message = samples[world.prng()() % samples.size()];
  std::visit(
      [&](auto& each) {
        each.sender = {pick_id(world, node), pick_id(world, node), pick_id(world, node)};
      },
      message);
  if (auto* hello = std::get_if<Hello>(&message)) {
    hello->is_reply = world.prng()() % 2 == 0;
    hello->dialed = pick_address(world);
    hello->member.id = hello->sender.node;
    hello->member.directory = hello->sender.directory;
    hello->seeds = {pick_address(world), pick_address(world)};
    hello->promised_to = {pick_id(world, node), pick_id(world, node), pick_address(world)};
  } else if (auto* offer = std::get_if<DocumentOffer>(&message)) {
    auto document = std::make_shared<ClusterDocument>(*offer->document);
    document->cluster_id = pick_id(world, node);
    document->epoch = world.prng()() % 3;
    offer->document = world.prng()() % 8 == 0 ? nullptr : document;
  } else if (auto* gossip = std::get_if<Gossip>(&message)) {
    gossip->unix_ms = pick_id(world, node);
    gossip->message.sequence = pick_id(world, node);
    gossip->message.subject = pick_id(world, node);
    gossip->message.incarnation = pick_id(world, node);
  } else if (auto* answer = std::get_if<StampAnswer>(&message)) {
    *answer = {answer->sender, pick_id(world, node), pick_id(world, node), pick_id(world, node)};
  }
  return message;
}

TEST(HostileMessages, LeaveAClusterAsItIs) {
  World world(51);
  for (int i = 0; i < 3; ++i) {
    world.add({0, 1, 2});
  }
  for (std::size_t node = 0; node < 3; ++node) {
    world.start(node);
  }
  ASSERT_TRUE(world.run_until([&] { return world.all_see_each_other({0, 1, 2}); }, 5'000));
  const ClusterDocument before = *world.machine(1).document();
  for (int i = 0; i < 20'000; ++i) {
    MembershipMessage message = random_message(world, 1);
    const Sender& sender = std::visit([](auto& each) -> Sender& { return each.sender; }, message);
    if (world.driver(1).alive.contains(sender.node) ||
        sender.directory == world.machine(1).record().directory_id) {
      continue;  // a member may change something, and a clone ends the node
    }
    world.inject(1, pick_address(world), message);
  }
  world.run_ms(2'000);
  EXPECT_EQ(*world.machine(1).document(), before);
  EXPECT_FALSE(world.driver(1).fatal);
  EXPECT_TRUE(world.all_see_each_other({0, 1, 2}));
  EXPECT_GT(world.machine(1).metrics().rejected_messages, 0u);
  EXPECT_GT(world.machine(1).metrics().foreign_messages, 0u);
}

TEST(HostileMessages, DoNotBreakANodeThatFounds) {
  for (uint64_t prng_seed = 1; prng_seed <= 20; ++prng_seed) {
    World world(prng_seed);
    world.add({0, 1});
    world.add({0, 1});
    world.start(0);
    world.run_ms(100);
    for (int i = 0; i < 300 && !world.driver(0).fatal; ++i) {
      world.inject(0, pick_address(world), random_message(world, 0));
      world.run_ms(world.prng()() % 20);
    }
    EXPECT_FALSE(world.machine(0).document()) << "founded with a node that is not there";
  }
}

}  // namespace
}  // namespace kindred::membership_test
