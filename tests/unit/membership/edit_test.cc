// What the document says beside the ring: keyspaces and users.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/membership/world.h"

namespace kindred::membership_test {
namespace {

using testing::StartsWith;

class Edits : public testing::Test {
 protected:
  void found(const Keyspaces& at_founding = {}) {
    for (std::size_t node = 0; node < 3; ++node) {
      world_.add({0, 1, 2});
      world_.config(node).keyspaces = at_founding;
    }
    for (std::size_t node = 0; node < 3; ++node) {
      world_.start(node);
    }
    ASSERT_TRUE(world_.run_until([&] { return world_.all_see_each_other({0, 1, 2}); }, 5'000));
  }
  ChangeToken put(std::size_t node, const Keyspace& keyspace) {
    return world_.request_edit(node, [keyspace](ClusterDocument* next) -> std::string {
      return put_keyspace(next->keyspaces, keyspace) ? "" : "ERR too many";
    });
  }
  const ClusterDocument& document(std::size_t node) { return *world_.driver(node).installed; }

  World world_{77};
};

Keyspace with_resolver(const std::string& pattern) {
  Keyspace keyspace;
  keyspace.pattern = pattern;
  keyspace.resolver = "union";
  return keyspace;
}

Keyspace with_write_quorum(const std::string& pattern) {
  Keyspace keyspace;
  keyspace.pattern = pattern;
  keyspace.write = 3;
  return keyspace;
}

TEST_F(Edits, AreCommittedAndKnownToAll) {
  found();
  const ChangeToken asked = put(1, with_resolver("a*"));
  EXPECT_EQ(world_.change_outcome(1, asked), "ok");
  EXPECT_EQ(document(1).keyspaces, Keyspaces{with_resolver("a*")});
  EXPECT_TRUE(world_.run_until(
      [&] { return document(0).keyspaces.size() == 1 && document(2).keyspaces.size() == 1; },
      2'000));
}

TEST_F(Edits, TwoAtOnceBothCount) {
  found();
  const ChangeToken first = put(0, with_resolver("a*"));
  const ChangeToken second = put(2, with_resolver("b*"));
  EXPECT_EQ(world_.change_outcome(0, first), "ok");
  EXPECT_EQ(world_.change_outcome(2, second), "ok");
  EXPECT_TRUE(world_.run_until([&] { return document(1).keyspaces.size() == 2; }, 2'000));
}

TEST_F(Edits, WhatIsSoAlreadyNeedsNoEpoch) {
  found();
  EXPECT_EQ(world_.change_outcome(0, put(0, with_resolver("a*"))), "ok");
  const uint64_t epoch = document(0).epoch;
  EXPECT_EQ(world_.change_outcome(0, put(0, with_resolver("a*"))), "ok");
  EXPECT_EQ(document(0).epoch, epoch);
}

TEST_F(Edits, WithoutAMajorityNothingChanges) {
  found();
  world_.crash(1);
  world_.crash(2);
  world_.run_ms(3'000);
  EXPECT_THAT(world_.change_outcome(0, put(0, with_resolver("a*"))), StartsWith("NOMAJORITY "));
  EXPECT_TRUE(document(0).keyspaces.empty());
}

TEST_F(Edits, ARefusedOneIsToldInItsWords) {
  found();
  const ChangeToken asked =
      world_.request_edit(0, [](ClusterDocument*) { return std::string("ERR not this"); });
  EXPECT_EQ(world_.change_outcome(0, asked), "ERR not this");
}

// Replicas that go by other numbers must not meet in one quorum.
TEST_F(Edits, OtherQuorumsAreAStepOfEveryPartition) {
  found();
  EXPECT_EQ(world_.change_outcome(0, put(0, with_resolver("a*"))), "ok");
  EXPECT_LT(document(0).step(0), document(0).epoch) << "a resolver asks nothing of replicas";
  EXPECT_EQ(world_.change_outcome(0, put(0, with_write_quorum("b*"))), "ok");
  for (PartitionIndex p = 0; p < document(0).ring.partition_count(); ++p) {
    EXPECT_EQ(document(0).step(p), document(0).epoch);
  }
}

TEST_F(Edits, AClusterBeginsWithWhatItsFounderWasGiven) {
  found({with_resolver("a*")});
  for (std::size_t node = 0; node < 3; ++node) {
    EXPECT_EQ(document(node).keyspaces, Keyspaces{with_resolver("a*")});
  }
}

}  // namespace
}  // namespace kindred::membership_test
