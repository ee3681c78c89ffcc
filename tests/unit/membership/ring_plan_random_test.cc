#include "replication/membership/ring_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/unit/membership/ring_plans.h"
#include "tests/unit/membership/samples.h"

namespace kindred::membership_test {
namespace {

/// Random changes and steps over one cluster, with members that lag behind and copies that fill.
class RandomChanges {
 public:
  explicit RandomChanges(uint64_t prng_seed) : prng_(prng_seed) {
    const auto members = 1 + below(6);
    document_ = founded(members, 16 << below(2), static_cast<uint32_t>(1 + below(4)));
    next_id_ = members + 1;
    for (Member& member : document_.members) {
      member.zone = std::to_string(below(3));
      member.weight = static_cast<uint32_t>(1 + below(3));
    }
  }

  void act() {
    ClusterDocument next = next_document(document_);
    bool changes = false;
    if (below(12) == 0) {
      changes = change_copies(&next);
    } else if (below(3) == 0) {
      changes = apply_change(random_change(), below(4) == 0, &next).empty();
    } else if (below(4) == 0) {
      changes = stage_change(random_change(), &next).empty();
    } else if (below(6) == 0) {
      changes = apply_staged(&next).empty();
    } else {
      changes = take_steps(random_progress(), 2, &next);
    }
    if (changes) {
      install(next);
    }
  }

  void settle() {
    for (int epoch = 0; epoch < 100; ++epoch) {
      ClusterDocument next = next_document(document_);
      start_moves(&next);
      if (!next.moves.empty() || next.ring != document_.ring) {
        install(next);
      } else if (take_steps(all_done(document_), 2, &next)) {
        install(next);
      } else {
        break;
      }
      next = next_document(document_);
      if (document_.moves.empty() || !take_steps(all_done(document_), 2, &next)) {
        continue;
      }
      install(next);
    }
  }

  const ClusterDocument& document() const { return document_; }

 private:
  uint64_t below(uint64_t bound) { return prng_() % bound; }

  bool change_copies(ClusterDocument* next) {
    constexpr const char* kPatterns[] = {"a*", "ab*", "abc", "b*"};
    const Keyspaces before = next->keyspaces;
    EXPECT_TRUE(put_keyspace(next->keyspaces,
                             with_copies(kPatterns[below(4)], static_cast<uint8_t>(below(6)))));
    if (!add_layers(next).empty()) {
      next->keyspaces = before;
      return false;
    }
    return next->keyspaces != before;
  }

  NodeId random_member() { return document_.members[below(document_.members.size())].id; }

  Member newcomer() {
    Member member = sample_member(next_id_++);
    member.zone = std::to_string(below(3));
    member.weight = static_cast<uint32_t>(below(4));
    return member;
  }

  StagedChange random_change() {
    switch (below(5)) {
      case 0:
        return leave_of(random_member());
      case 1:
        return remove_of(random_member());
      case 2:
        return {ChangeKind::kReplace, random_member(), newcomer()};
      default:
        return {ChangeKind::kJoin, 0, newcomer()};
    }
  }

  Progress random_progress() {
    Progress progress;
    for (const Member& member : document_.members) {
      if (below(8) == 0) {
        continue;
      }
      MemberProgress& told = progress[member.id];
      told.epoch = document_.epoch - std::min(document_.epoch - 1, below(2) * below(4));
      told.is_departing = below(2) == 0;
      for (PartitionIndex p = 0; p < document_.ring.partition_count(); ++p) {
        if (below(8) == 0) {
          told.not_whole.push_back(p);
        }
      }
    }
    return progress;
  }

  void install(ClusterDocument next) {
    start_moves(&next);
    ASSERT_TRUE(may_follow(document_, next));
    check_layers_added(next);
    for (PartitionIndex p = 0; p < document_.ring.partition_count(); ++p) {
      ASSERT_FALSE(next.ring.owners(p).empty());
      ASSERT_FALSE(next.serving_owners(p).empty());
      const bool is_touched = !std::ranges::equal(next.ring.owners(p), document_.ring.owners(p)) ||
                              !is_same_move(next.find_move(p), document_.find_move(p));
      ASSERT_TRUE(!is_touched || next.step(p) == next.epoch) << "partition " << p;
      check_quorum_kept(next, p);
    }
    document_ = std::move(next);
  }

  /// A layer begins with the lists of the keys around it, at a step of both.
  void check_layers_added(const ClusterDocument& next) {
    const uint32_t count = next.ring.slot_partitions();
    std::vector<std::string> patterns;
    for (const Layer& layer : next.layers) {
      patterns.push_back(layer.pattern);
    }
    for (PartitionIndex p = document_.ring.partition_count(); p < next.ring.partition_count();
         ++p) {
      const std::size_t added = p / count - 1;
      const uint32_t around = layer_around(std::span(patterns).first(added), patterns[added]);
      const PartitionIndex from = around * count + p % count;
      ASSERT_EQ(next.step(p), next.epoch);
      ASSERT_EQ(next.step(from), next.epoch);
      ASSERT_TRUE(std::ranges::is_permutation(next.ring.owners(p), next.ring.owners(from)));
    }
  }

  static bool is_same_move(const Move* a, const Move* b) {
    return a == nullptr || b == nullptr ? a == b : *a == *b;
  }

  /// Whoever serves the next epoch held W of every write in this one: it was an owner of old, or of
  /// a list that steps to serving. Only removals may take a copy away.
  void check_quorum_kept(const ClusterDocument& next, PartitionIndex p) {
    for (const NodeId node : next.serving_owners(p)) {
      const bool is_gift = std::ranges::none_of(document_.ring.owners(p), [&](NodeId owner) {
        return next.find_member(owner) != nullptr;
      });
      ASSERT_TRUE(document_.holds(p, node) || is_gift) << "serves what it never held";
    }
  }

  std::mt19937_64 prng_;
  ClusterDocument document_;
  NodeId next_id_ = 1;
};

TEST(RingPlanRandom, ChangesAndStepsAlwaysEndAtTheClaimWithNoMoves) {
  for (uint64_t prng_seed = 1; prng_seed <= 300; ++prng_seed) {
    SCOPED_TRACE("prng_seed " + std::to_string(prng_seed));
    RandomChanges world(prng_seed);
    for (std::size_t act = 0; act < 10 + prng_seed % 50; ++act) {
      world.act();
      if (testing::Test::HasFatalFailure()) {
        return;
      }
    }
    world.settle();
    const ClusterDocument& end = world.document();
    ASSERT_TRUE(end.moves.empty());
    for (PartitionIndex p = 0; p < end.ring.partition_count(); ++p) {
      ASSERT_EQ(end.replicas_most(p), end.replicas_of(p)) << "all have caught up";
    }
    std::vector<ClaimMember> claims;
    for (const Member& member : end.members) {
      ASSERT_FALSE(member.is_leaving);
      claims.push_back({member.id, member.weight, member.zone});
    }
    const auto able = static_cast<std::size_t>(
        std::ranges::count_if(claims, [](const ClaimMember& one) { return one.weight != 0; }));
    const uint32_t count = end.ring.slot_partitions();
    const auto flat = end.ring.flat_owners().first(std::size_t{count} * end.ring.copies());
    const Ring first =
        *Ring::make(count, end.ring.replicas(), end.ring.copies(), {flat.begin(), flat.end()});
    const Ring wanted = BalancedClaim().place(&first, claims, {count, end.replicas});
    for (PartitionIndex p = 0; p < end.ring.partition_count(); ++p) {
      const auto owners = end.ring.owners(p);
      const auto around = wanted.owners(p % count);
      const std::size_t length = std::min<std::size_t>(end.replicas_of(p), able);
      ASSERT_EQ(owners.size(), length);
      const std::size_t shared = std::min(length, around.size());
      ASSERT_TRUE(std::ranges::equal(owners.first(shared), around.first(shared)));
    }
  }
}

}  // namespace
}  // namespace kindred::membership_test
