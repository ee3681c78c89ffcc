#include "replication/node/anti_entropy.h"

#include <algorithm>

namespace kindred {

namespace {

// Of a shard at a time; of those whose copies differ, only a few.
constexpr size_t kExchangesMax = 256;

}  // namespace

/// Of two owners one begins, so that a pair is compared once a cycle. Which one differs from
/// partition to partition, and from cycle to cycle, as only who begins learns what was found.
bool AntiEntropy::begins(uint16_t partition, NodeId peer) const {
  return (core_.self < peer) == ((partition + cycles_) % 2 == 0);
}

void AntiEntropy::start_cycle(Now now) {
  if (!core_.has_cluster() || core_.draining || !core_.takes_writes()) {
    return;
  }
  core_.has_unfit_tree = true;  // copies grow: looked at once a cycle
  if (is_cycle_) {
    return;
  }
  is_cycle_ = true;
  has_missed_ = false;
  cycle_began_us_ = now.mono_us;
  ++cycles_;
  for (uint32_t p = 0; p < core_.copies.size(); ++p) {
    const auto partition = static_cast<uint16_t>(p);
    if (!core_.is_mine(partition) || !core_.serves(partition)) {
      continue;
    }
    for (const NodeId peer : core_.others_up(partition)) {
      if (begins(partition, peer)) {
        waiting_.push_back({partition, peer});
      }
    }
  }
  go_on(now);
}

void AntiEntropy::repair(uint16_t partition, RepairToken token, Now now) {
  Repair asked;
  asked.token = token;
  asked.begun_before = begun_;
  asked.report.ok = core_.has_cluster() && partition < core_.copies.size() &&
                    core_.is_mine(partition) && core_.serves(partition);
  if (asked.report.ok) {
    const auto owners = core_.owners(partition);
    for (const NodeId peer : owners) {
      if (peer != core_.self) {
        asked.pairs.push_back({partition, peer});
        waiting_.push_front({partition, peer});
      }
    }
  }
  if (asked.pairs.empty()) {
    return core_.ports.reply_repair(token, asked.report);
  }
  repairs_.emplace(partition, std::move(asked));
  go_on(now);
}

void AntiEntropy::tick(Now now) {
  exchanges_.tick(now);
  go_on(now);
}

void AntiEntropy::on_peer_down(NodeId peer, Now now) {
  exchanges_.on_peer_down(peer);
  go_on(now);
}

void AntiEntropy::go_on(Now now) {
  for (bool again = true; again;) {
    for (const ExchangeEnd& end : exchanges_.take_ended()) {
      take_end(end);
    }
    exchanges_.go_on(now);
    again = exchanges_.has_ended();
    for (auto pair = waiting_.begin(); pair != waiting_.end() && running_.size() < kExchangesMax;) {
      if (find_running(*pair) != running_.end()) {
        ++pair;  // asked for twice: one after the other
        continue;
      }
      const Pair next = *pair;
      waiting_.erase(pair);
      running_.push_back({next, ++begun_});
      if (!exchanges_.start(next.partition, next.peer, now)) {
        end_pair(ExchangeEnd{next.partition, next.peer, false, 0, 0, 0});
      }
      again = true;
      break;
    }
  }
  if (is_cycle_ && waiting_.empty() && running_.empty()) {
    is_cycle_ = false;
    if (!has_missed_) {
      core_.metrics.last_full_cycle_ms = (now.mono_us - cycle_began_us_) / 1000;
    }
  }
}

void AntiEntropy::take_end(const ExchangeEnd& end) {
  ShardMetrics& metrics = core_.metrics;
  ++(end.ok ? metrics.exchanges : metrics.failed_exchanges);
  metrics.exchanged_keys += end.keys_compared;
  metrics.exchange_repairs += end.keys_repaired;
  metrics.exchanged_bytes += end.bytes;
  end_pair(end);
}

void AntiEntropy::end_pair(const ExchangeEnd& end) {
  const Pair pair{end.partition, end.peer};
  const auto ended = find_running(pair);
  const uint64_t number = ended->number;
  running_.erase(ended);
  has_missed_ = has_missed_ || !end.ok;
  const auto [first, behind] = repairs_.equal_range(pair.partition);
  for (auto asked = first; asked != behind;) {
    Repair& repair = asked->second;
    const auto place = std::find(repair.pairs.begin(), repair.pairs.end(), pair);
    if (place == repair.pairs.end() || number <= repair.begun_before) {
      ++asked;
      continue;
    }
    repair.pairs.erase(place);
    repair.report.ok = repair.report.ok && end.ok;
    repair.report.exchanges += end.ok ? 1 : 0;
    repair.report.keys_compared += end.keys_compared;
    repair.report.keys_repaired += end.keys_repaired;
    repair.report.bytes += end.bytes;
    if (!repair.pairs.empty()) {
      ++asked;
      continue;
    }
    core_.ports.reply_repair(repair.token, repair.report);
    asked = repairs_.erase(asked);
  }
}

}  // namespace kindred
