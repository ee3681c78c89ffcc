#include "bench/ringsim/gossip.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "bench/ringsim/gossip_world.h"

namespace kindred::bench {
namespace {

constexpr uint32_t kSizes[] = {3, 10, 30, 100, 300, 1000};
constexpr uint64_t kWaitMsMax = 120'000;
constexpr uint64_t kSettleMs = 60'000;
constexpr uint64_t kQuietMs = 20'000;
constexpr uint64_t kPauseMs = 10'000;
constexpr uint32_t kTrials = 5;
// A peer frame's header, those of TCP and IP, and what gossip carries besides.
constexpr double kFrameBytes = 48 + 52 + 62;

struct Figures {
  double all_up_ms = 0;
  double bytes_s = 0;  // a node
  double messages_s = 0;
  double spread_ms = 0;
  double hang_first_ms = 0;
  double hang_all_ms = 0;
  double back_all_ms = 0;
  double death_all_ms = 0;
  double cut_all_ms = 0;
  double healed_ms = 0;
  double heal_bytes = 0;  // a node
  double false_changes = 0;
};

class Trial {
 public:
  explicit Trial(uint32_t nodes) : nodes_(nodes), world_(nodes, SwimConfig{}, nodes) {}

  Figures run() {
    found_.all_up_ms = sampled([&] { return all_see(whole_cluster()); });
    world_.run_ms(kSettleMs);
    quiet();
    world_.forget_changes();
    spread();
    hangs();
    world_.kill(0, false);
    found_.death_all_ms = until([&] { return world_.seen_by(0) == 0; });
    world_.run_ms(kPauseMs);
    world_.start(0);
    found_.back_all_ms = until([&] { return world_.seen_by(0) == nodes_ - 1; });
    world_.run_ms(kPauseMs);
    cut();
    return found_;
  }

 private:
  using Predicate = std::function<bool()>;
  struct Expected {
    uint32_t first_half;
    uint32_t second_half;
  };

  Expected whole_cluster() const { return {nodes_ - 1, nodes_ - 1}; }
  double until(const Predicate& holds) {
    return static_cast<double>(world_.run_until(holds, kWaitMsMax));
  }
  // A look that costs as much as there are nodes is had once for so many steps.
  double sampled(const Predicate& holds) {
    uint64_t steps = 0;
    return until([&] { return ++steps % (nodes_ / 4 + 1) == 0 && holds(); });
  }
  bool all_see(Expected expected) const {
    for (uint32_t node = 0; node < nodes_; ++node) {
      if (world_.seen_by(node) !=
          (node < nodes_ / 2 ? expected.first_half : expected.second_half)) {
        return false;
      }
    }
    return true;
  }

  void quiet() {
    const uint64_t bytes = world_.bytes_sent();
    const uint64_t messages = world_.messages_sent();
    world_.run_ms(kQuietMs);
    const double node_seconds = nodes_ * (kQuietMs / 1000.0);
    found_.messages_s = static_cast<double>(world_.messages_sent() - messages) / node_seconds;
    found_.bytes_s = static_cast<double>(world_.bytes_sent() - bytes) / node_seconds +
                     found_.messages_s * kFrameBytes;
  }

  void spread() {
    world_.machine(0).set_flags(1);
    found_.spread_ms = sampled([&] {
      for (uint32_t node = 1; node < nodes_; ++node) {
        if (world_.machine(node).find(world_.id(0))->word.flags != 1) {
          return false;
        }
      }
      return true;
    });
    world_.run_ms(kPauseMs);
  }

  void hangs() {
    for (uint32_t trial = 1; trial <= kTrials; ++trial) {
      const uint32_t hung = trial % nodes_;
      world_.hang(hung, true);
      const double first_ms = until([&] { return world_.seen_by(hung) < nodes_ - 1; });
      const double all_ms = first_ms + until([&] { return world_.seen_by(hung) == 0; });
      found_.hang_first_ms += first_ms / kTrials;
      found_.hang_all_ms = std::max(found_.hang_all_ms, all_ms);
      world_.run_ms(kPauseMs);
      world_.hang(hung, false);
      world_.run_ms(kPauseMs);
    }
    for (uint32_t node = kTrials + 1; node < nodes_; ++node) {
      for (uint32_t other = kTrials + 1; other < nodes_; ++other) {
        found_.false_changes += world_.changes(node, other);
      }
    }
  }

  void cut() {
    const uint32_t first = nodes_ / 2;
    world_.set_loss([first](uint32_t from, uint32_t to) { return (from < first) != (to < first); });
    const Expected halves{first - 1, nodes_ - first - 1};
    found_.cut_all_ms = sampled([&] { return all_see(halves); });
    world_.run_ms(kSettleMs);
    world_.set_loss({});
    const uint64_t bytes = world_.bytes_sent();
    found_.healed_ms = sampled([&] { return all_see(whole_cluster()); });
    found_.heal_bytes = static_cast<double>(world_.bytes_sent() - bytes) / nodes_;
  }

  const uint32_t nodes_;
  GossipWorld world_;
  Figures found_;
};

}  // namespace

Table gossip(const Options& options) {
  std::vector<uint32_t> sizes(std::begin(kSizes), std::end(kSizes));
  if (options.nodes >= 2) {
    sizes = {options.nodes};
  }
  Table table;
  table.columns = {"nodes",         "messages_s",  "bytes_s",      "all_up_ms",    "spread_ms",
                   "hang_first_ms", "hang_all_ms", "back_all_ms",  "death_all_ms", "cut_all_ms",
                   "healed_ms",     "heal_bytes",  "false_changes"};
  for (const uint32_t size : sizes) {
    const Figures found = Trial(size).run();
    table.rows.push_back({static_cast<double>(size), found.messages_s, found.bytes_s,
                          found.all_up_ms, found.spread_ms, found.hang_first_ms, found.hang_all_ms,
                          found.back_all_ms, found.death_all_ms, found.cut_all_ms, found.healed_ms,
                          found.heal_bytes, found.false_changes});
  }
  table.remark =
      "A node sends messages_s and bytes_s (frames, TCP and IP included) while nothing happens. "
      "spread: a word reaches all. hang: the first (mean) and the last (worst of 5) to notice. "
      "death: no link breaks; back: the last to see it return. cut: in halves, for a minute; "
      "heal_bytes: a node, without frames. false_changes: of nodes that had no fault.";
  return table;
}

}  // namespace kindred::bench
