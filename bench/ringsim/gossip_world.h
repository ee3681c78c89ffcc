#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <random>
#include <span>
#include <vector>

#include "replication/membership/swim.h"

namespace kindred::bench {

/// Many Swim machines on one thread, in virtual time, over a network that takes its time and can be
/// cut. One seed, one run. Nodes are numbered from 0.
class GossipWorld {
 public:
  GossipWorld(uint32_t nodes, SwimConfig config, uint64_t prng_seed);

  uint32_t size() const { return static_cast<uint32_t>(nodes_.size()); }
  uint64_t now_us() const { return now_us_; }
  void run_ms(uint64_t ms);
  /// Runs until `holds`, looked at after every step; the milliseconds that took, or more than
  /// `ms_max` where it never did.
  uint64_t run_until(const std::function<bool()>& holds, uint64_t ms_max);

  /// The process is gone, all it knew with it. `links_break`: the others' links to it are reset.
  void kill(uint32_t node, bool links_break);
  void start(uint32_t node);
  /// A node that hangs takes no step; what arrives waits for it.
  void hang(uint32_t node, bool hangs);
  /// Messages for which `is_lost` says so don't arrive.
  void set_loss(std::function<bool(uint32_t from, uint32_t to)> is_lost);
  /// Puts words into a machine's ears.
  void deliver(uint32_t from, uint32_t to, SwimMessage message);

  const Swim& machine(uint32_t node) const { return *nodes_[node].machine; }
  Swim& machine(uint32_t node) { return *nodes_[node].machine; }
  NodeId id(uint32_t node) const { return ids_[node]; }
  bool sees(uint32_t node, uint32_t other) const { return machine(node).is_up(ids_[other]); }
  bool runs(uint32_t node) const { return nodes_[node].machine != nullptr && !nodes_[node].hangs; }
  /// How many running nodes see `other` up, without itself.
  uint32_t seen_by(uint32_t other) const;
  /// Whether all running nodes see each other up.
  bool all_running_see_each_other() const;
  /// How often `node` has changed its opinion of `other`.
  uint32_t changes(uint32_t node, uint32_t other) const;
  void forget_changes();
  /// Steps in all machines so far, and the messages and bytes sent by those that run.
  uint64_t messages_sent() const;
  uint64_t bytes_sent() const;

 private:
  static constexpr uint32_t kTick = UINT32_MAX;

  struct Event {
    uint64_t at_us;
    uint64_t order;
    uint32_t node;
    uint32_t message;  // an index into the pool, or kTick
    uint32_t from;
    bool operator>(const Event& other) const {
      return at_us != other.at_us ? at_us > other.at_us : order > other.order;
    }
  };
  struct Node {
    std::unique_ptr<Swim> machine;
    bool hangs = false;
    uint64_t tick_us = Swim::kNever;  // when its next tick is due
    std::vector<Event> waiting;
  };

  bool step();
  void handle(const Event& event);
  void take_effects(uint32_t node);
  void schedule_tick(uint32_t node);
  uint32_t index_of(NodeId id) const;
  uint32_t store(SwimMessage message);

  const SwimConfig config_;
  std::mt19937_64 random_;
  uint64_t now_us_ = 1'000'000'000;
  uint64_t order_ = 0;
  std::vector<NodeId> ids_;  // rising
  std::vector<Node> nodes_;
  std::function<bool(uint32_t, uint32_t)> is_lost_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<SwimMessage> pool_;
  std::vector<uint32_t> pool_free_;
  std::vector<uint32_t> seen_up_by_;  // by subject, of all machines that exist
  std::vector<uint16_t> changes_;     // by observer, then subject
  SwimEffects effects_;
};

}  // namespace kindred::bench
