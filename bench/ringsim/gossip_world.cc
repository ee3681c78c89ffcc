#include "bench/ringsim/gossip_world.h"

#include <algorithm>
#include <utility>

namespace kindred::bench {
namespace {

constexpr uint64_t kLatencyUsMin = 200;
constexpr uint64_t kLatencyUsSpread = 800;

}  // namespace

GossipWorld::GossipWorld(uint32_t nodes, SwimConfig config, uint64_t prng_seed)
    : config_(config),
      random_(prng_seed),
      nodes_(nodes),
      seen_up_by_(nodes, 0),
      changes_(std::size_t{nodes} * nodes, 0) {
  while (ids_.size() < nodes) {
    ids_.push_back(random_() | 1);
  }
  std::ranges::sort(ids_);
  for (uint32_t node = 0; node < nodes; ++node) {
    start(node);
  }
}

void GossipWorld::start(uint32_t node) {
  nodes_[node].machine = std::make_unique<Swim>(ids_[node], config_, random_());
  nodes_[node].hangs = false;
  std::vector<NodeId> others = ids_;
  others.erase(others.begin() + node);
  nodes_[node].machine->set_members(others);
  nodes_[node].machine->tick(now_us_, &effects_);
  take_effects(node);
}

void GossipWorld::kill(uint32_t node, bool links_break) {
  for (uint32_t other = 0; other < size(); ++other) {
    seen_up_by_[other] -= other != node && sees(node, other) ? 1 : 0;
  }
  nodes_[node].machine = nullptr;
  nodes_[node].waiting.clear();
  nodes_[node].tick_us = Swim::kNever;
  for (uint32_t other = 0; other < size() && links_break; ++other) {
    if (runs(other)) {
      nodes_[other].machine->link_lost(ids_[node], now_us_, &effects_);
      take_effects(other);
    }
  }
}

void GossipWorld::hang(uint32_t node, bool hangs) {
  nodes_[node].hangs = hangs;
  if (!hangs) {
    for (const Event& event : std::exchange(nodes_[node].waiting, {})) {
      handle(event);
    }
  }
}

void GossipWorld::set_loss(std::function<bool(uint32_t from, uint32_t to)> is_lost) {
  is_lost_ = std::move(is_lost);
}

void GossipWorld::deliver(uint32_t from, uint32_t to, SwimMessage message) {
  nodes_[to].machine->receive(ids_[from], message, now_us_, &effects_);
  take_effects(to);
}

void GossipWorld::run_ms(uint64_t ms) {
  const uint64_t end_us = now_us_ + ms * 1000;
  while (!events_.empty() && events_.top().at_us <= end_us) {
    step();
  }
  now_us_ = end_us;
}

uint64_t GossipWorld::run_until(const std::function<bool()>& holds, uint64_t ms_max) {
  const uint64_t begin_us = now_us_;
  while (!holds()) {
    if (events_.empty() || events_.top().at_us > begin_us + ms_max * 1000) {
      return ms_max + 1;
    }
    step();
  }
  return (now_us_ - begin_us) / 1000;
}

bool GossipWorld::step() {
  const Event event = events_.top();
  events_.pop();
  now_us_ = event.at_us;
  Node& node = nodes_[event.node];
  if (event.message == kTick && event.at_us != node.tick_us) {
    return false;  // another tick took its place
  }
  if (node.hangs) {
    node.waiting.push_back(event);
    return false;
  }
  handle(event);
  return true;
}

void GossipWorld::handle(const Event& event) {
  Swim* machine = nodes_[event.node].machine.get();
  if (event.message == kTick) {
    nodes_[event.node].tick_us = Swim::kNever;
    if (machine != nullptr) {
      machine->tick(now_us_, &effects_);
    }
  } else {
    if (machine != nullptr) {
      machine->receive(ids_[event.from], pool_[event.message], now_us_, &effects_);
    }
    pool_free_.push_back(event.message);
  }
  if (machine != nullptr) {
    take_effects(event.node);
  }
}

void GossipWorld::take_effects(uint32_t node) {
  SwimEffects effects = std::exchange(effects_, {});
  for (const SwimEffects::Change& change : effects.changes) {
    const uint32_t member = index_of(change.member);
    seen_up_by_[member] += change.is_up ? 1 : -1;
    ++changes_[std::size_t{node} * size() + member];
  }
  for (SwimEffects::Send& send : effects.sends) {
    const uint32_t to = index_of(send.to);
    if (!is_lost_ || !is_lost_(node, to)) {
      const uint64_t at_us = now_us_ + kLatencyUsMin + random_() % kLatencyUsSpread;
      events_.push({at_us, ++order_, to, store(std::move(send.message)), node});
    }
  }
  schedule_tick(node);
}

void GossipWorld::schedule_tick(uint32_t node) {
  const uint64_t deadline_us = std::max(nodes_[node].machine->next_deadline_us(), now_us_);
  if (deadline_us != Swim::kNever && deadline_us != nodes_[node].tick_us) {
    nodes_[node].tick_us = deadline_us;
    events_.push({deadline_us, ++order_, node, kTick, node});
  }
}

uint32_t GossipWorld::index_of(NodeId id) const {
  return static_cast<uint32_t>(std::ranges::lower_bound(ids_, id) - ids_.begin());
}

uint32_t GossipWorld::store(SwimMessage message) {
  if (pool_free_.empty()) {
    pool_.push_back(std::move(message));
    return static_cast<uint32_t>(pool_.size() - 1);
  }
  const uint32_t slot = pool_free_.back();
  pool_free_.pop_back();
  pool_[slot] = std::move(message);
  return slot;
}

uint32_t GossipWorld::seen_by(uint32_t other) const {
  uint32_t unable = 0;
  for (uint32_t node = 0; node < size(); ++node) {
    const bool exists = nodes_[node].machine != nullptr;
    unable += exists && !runs(node) && node != other && sees(node, other) ? 1 : 0;
  }
  return seen_up_by_[other] - unable;
}

bool GossipWorld::all_running_see_each_other() const {
  for (uint32_t node = 0; node < size(); ++node) {
    for (uint32_t other = 0; other < size() && runs(node); ++other) {
      if (runs(other) && !sees(node, other)) {
        return false;
      }
    }
  }
  return true;
}

uint32_t GossipWorld::changes(uint32_t node, uint32_t other) const {
  return changes_[std::size_t{node} * size() + other];
}

void GossipWorld::forget_changes() {
  std::ranges::fill(changes_, uint16_t{0});
}

uint64_t GossipWorld::messages_sent() const {
  uint64_t sum = 0;
  for (const Node& node : nodes_) {
    sum += node.machine != nullptr ? node.machine->metrics().messages_sent : 0;
  }
  return sum;
}

uint64_t GossipWorld::bytes_sent() const {
  uint64_t sum = 0;
  for (const Node& node : nodes_) {
    sum += node.machine != nullptr ? node.machine->metrics().bytes_sent : 0;
  }
  return sum;
}

}  // namespace kindred::bench
