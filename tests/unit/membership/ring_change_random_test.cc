#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/membership/world.h"

namespace kindred::membership_test {
namespace {

/// A cluster that grows and shrinks while its nodes die, are wiped and cut off. No removal is
/// forced, so nothing that was committed may ever be undone.
class Turmoil {
 public:
  explicit Turmoil(uint64_t prng_seed) : world_(prng_seed, settings(prng_seed)) {
    const std::size_t founders = 1 + below(4);
    for (std::size_t node = 0; node < founders; ++node) {
      std::vector<std::size_t> seeds;
      for (std::size_t other = 0; other < founders; ++other) {
        seeds.push_back(other);
      }
      world_.add(seeds);
      ++count_;
    }
    for (std::size_t node = 0; node < founders; ++node) {
      world_.start(node);
    }
    world_.run_until([&] { return world_.driver(0).installed != nullptr; }, 20'000);
  }

  void act() {
    const std::size_t node = below(count_);
    switch (below(10)) {
      case 0:
        if (count_ < 8) {
          world_.start(world_.add({below(count_), below(count_)}));
          ++count_;
        }
        break;
      case 1:
        world_.crash(node);
        break;
      case 2:
        if (below(3) == 0 && world_.is_running(node)) {
          world_.wipe(node);
        }
        break;
      case 3:
        world_.cut(node, below(count_), below(2) == 0);
        break;
      case 4:
      case 5:
        ask(node);
        break;
      case 6:
        world_.set_loss(static_cast<double>(below(3)) * 0.1);
        break;
      default:
        if (!world_.is_running(node) || world_.driver(node).left) {
          world_.restart(node);
        }
    }
    world_.run_ms(below(2) == 0 ? below(50) : below(2'000));
  }

  /// All is well again: the members that are left agree, and nothing moves any more.
  bool calms_down() {
    world_.set_loss(0);
    for (std::size_t a = 0; a < count_; ++a) {
      for (std::size_t b = 0; b <= a; ++b) {
        world_.cut(a, b, false);
      }
      if (!world_.is_running(a)) {
        world_.start(a);
      }
    }
    return world_.run_until([&] { return is_calm(); }, 60'000);
  }

  World& world() { return world_; }
  std::size_t members() { return members_of_last(); }
  uint64_t epoch() const { return last_ == nullptr ? 0 : last_->epoch; }

 private:
  static World::Settings settings(uint64_t prng_seed) {
    World::Settings settings;
    settings.delay_us_max = prng_seed % 4 == 0 ? 150'000 : 3'000;
    settings.loss = static_cast<double>(prng_seed % 3) * 0.08;
    settings.sync_us_max = prng_seed % 5 == 0 ? 150'000 : 5'000;
    return settings;
  }
  uint64_t below(uint64_t bound) { return world_.prng()() % bound; }

  void ask(std::size_t node) {
    if (!world_.is_running(node) || world_.driver(node).installed == nullptr) {
      return;
    }
    RingChange change;
    change.kind = below(3) == 0 ? ChangeKind::kRemove : ChangeKind::kLeave;
    change.node = World::text(below(count_));
    change.now = below(4) != 0;
    world_.request_change(node, change);
    if (below(3) == 0) {
      world_.commit_staged(node);
    }
  }

  std::size_t members_of_last() const { return last_ == nullptr ? 0 : last_->members.size(); }

  bool is_calm() {
    last_ = nullptr;
    for (std::size_t node = 0; node < count_; ++node) {
      if (world_.driver(node).left || world_.driver(node).fatal) {
        continue;
      }
      const auto installed = world_.driver(node).installed;
      if (installed == nullptr || !installed->moves.empty() ||
          (last_ != nullptr && *installed != *last_)) {
        return false;
      }
      last_ = installed;
    }
    return last_ != nullptr && std::ranges::none_of(last_->members, &Member::is_leaving) &&
           std::ranges::all_of(last_->members,
                               [&](const Member& member) { return is_there(member); });
  }

  bool is_there(const Member& member) {
    for (std::size_t node = 0; node < count_; ++node) {
      if (World::address(node) == member.peer_address) {
        return world_.machine(node).self() == member.id && !world_.driver(node).left;
      }
    }
    return false;
  }

  World world_;
  std::size_t count_ = 0;
  std::shared_ptr<const ClusterDocument> last_;
};

TEST(RingChangeRandom, EachEpochHasOneDocumentThatFollowsFromTheOneBefore) {
  uint64_t epochs = 0;
  std::size_t calm = 0;
  for (uint64_t prng_seed = 1; prng_seed <= 250; ++prng_seed) {
    SCOPED_TRACE("prng_seed " + std::to_string(prng_seed));
    Turmoil turmoil(prng_seed);
    for (std::size_t act = 0; act < 30; ++act) {
      turmoil.act();
    }
    calm += turmoil.calms_down();
    epochs += turmoil.epoch();
    ASSERT_EQ(turmoil.world().document_violation(), "");
  }
  EXPECT_GT(epochs, 1'000u);
  EXPECT_GT(calm, 165u);
}

// Votes are lost where they were told before they were synced: so processes die around each sync
// while two members propose different documents.
TEST(RingChangeRandom, ProcessesThatDieAroundTheirVotesChooseOneDocument) {
  uint64_t epochs = 0;
  for (uint64_t prng_seed = 1; prng_seed <= 150; ++prng_seed) {
    SCOPED_TRACE("prng_seed " + std::to_string(prng_seed));
    World::Settings settings;
    settings.delay_us_max = 3'000;
    settings.sync_us_max = 30'000;
    World world(prng_seed, settings);
    for (int node = 0; node < 3; ++node) {
      world.add({0, 1, 2});
    }
    for (std::size_t node = 0; node < 3; ++node) {
      world.start(node);
    }
    ASSERT_TRUE(world.run_until([&] { return world.all_see_each_other({0, 1, 2}); }, 5'000));
    world.set_loss(0.4);  // who learned what was chosen often is alone with it
    for (int round = 0; round < 12; ++round) {
      for (std::size_t node = 0; node < 3; ++node) {
        RingChange change;
        change.kind = ChangeKind::kLeave;
        change.node = World::text(node);
        world.prng()() % 4 != 0 ? world.request_change(node, change) : world.clear_staged(node);
      }
      for (int crash = 0; crash < 4; ++crash) {
        world.run_ms(world.prng()() % 25);
        world.restart(world.prng()() % 3);
      }
      world.run_ms(world.prng()() % 1'500);
      ASSERT_EQ(world.document_violation(), "") << round;
    }
    epochs += world.driver(0).installed->epoch;
  }
  EXPECT_GT(epochs, 300u);
}

}  // namespace
}  // namespace kindred::membership_test
