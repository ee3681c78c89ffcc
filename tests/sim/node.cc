#include <algorithm>

#include "protocol/peer/frame.h"
#include "protocol/record/record.h"
#include "tests/sim/cluster.h"

namespace kindred::sim {

namespace {

constexpr uint64_t kBaseUnixMs = 1'750'000'000'000;

/// Which shard of the receiver a message is for.
size_t shard_for(const Message& message, size_t shards) {
  return std::visit(
      [shards](const auto& one) -> size_t {
        using Type = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<Type, Replicate> || std::is_same_v<Type, Fetch>) {
          return one.key.partition % shards;
        } else if constexpr (std::is_same_v<Type, PassOn>) {
          return one.operation->key.partition % shards;
        } else if constexpr (std::is_same_v<Type, FetchRange>) {
          return one.partition % shards;
        } else {
          return (one.id >> 56) % shards;
        }
      },
      message);
}

}  // namespace

SimNode::SimNode(SimCluster& cluster, NodeId id, uint32_t shard_count)
    : believes_up(cluster.plan().nodes, false),
      disagrees_since_us(cluster.plan().nodes, 0),
      cluster_(cluster),
      id_(id),
      shard_count_(shard_count),
      disk_(cluster.plan().keys.size()),
      reader_(cluster.plan().partitions) {}

Now SimNode::now() const {
  const uint64_t now_us = cluster_.queue_.now_us();
  return Now{now_us, kBaseUnixMs + now_us / 1000 + static_cast<uint64_t>(skew_ms)};
}

void SimNode::start(CopyState copies) {
  const Plan& plan = cluster_.plan();
  ++incarnation;
  if (cluster_.trace().on()) {
    cluster_.trace().add(cluster_.queue_.now_us(),
                         "node " + std::to_string(id_) + " starts, its copies " +
                             (copies == CopyState::kWhole ? "whole" : "filling"));
  }
  for (uint32_t i = 0; i < shard_count_; ++i) {
    ShardConfig config;
    config.shard_index = static_cast<uint8_t>(i);
    config.shard_count = static_cast<uint8_t>(shard_count_);
    config.quorum = plan.quorum;
    config.durability = plan.durability;
    config.engine_can_sync = plan.durability == Durability::kSynced;
    config.request_timeout_ms = plan.request_timeout_ms;
    config.siblings_max = 40;
    shards_.push_back(std::make_unique<ShardHost>(*this, config));
    shards_.back()->shard().set_cluster(cluster_.document(), copies, now());
  }
  has_flush = true;
  count_is_exact = true;
  for (uint32_t i = 0; i < disk_.size(); ++i) {
    const KeyRef& key = cluster_.keys()[i];
    Shard& shard = shard_of_partition(key.partition).shard();
    State state;
    if (disk_.at(i).is_damaged) {
      shard.found_corrupt(key);
    } else if (!decode_record(key, disk_.at(i).visible.bytes, &state)) {
      cluster_.oracle().fail("an engine holds a record that can't be read");
    } else if (!state.never_written()) {
      (void)shard.count_existing(key, state, now());
    }
  }
  std::fill(believes_up.begin(), believes_up.end(), false);
  std::fill(disagrees_since_us.begin(), disagrees_since_us.end(), cluster_.queue_.now_us());
  for (auto& host : shards_) {
    host->tick();
  }
}

void SimNode::stop() {
  if (cluster_.trace().on()) {
    cluster_.trace().add(cluster_.queue_.now_us(), "node " + std::to_string(id_) + " is gone");
  }
  for (auto& host : shards_) {
    cluster_.collect_probes(host->shard());
  }
  ++incarnation;
  shards_.clear();
  disk_.lose_memory();
  paused_until_us = 0;
  std::map<ClientToken, Waiting> lost;
  lost.swap(waiting_);
  for (auto& [token, waiting] : lost) {
    Reply reply;
    reply.is_lost = true;
    waiting.done(std::move(reply));
  }
}

void SimNode::install_cluster() {
  has_flush = true;
  count_is_exact = false;  // what was written during the flush is counted again only by a restart
  for (auto& host : shards_) {
    host->shard().set_cluster(cluster_.document(), CopyState::kFilling, now());
    host->wake();
  }
}

void SimNode::later(uint64_t delay_us, std::function<void()> action) {
  const uint64_t mine = incarnation;
  cluster_.queue_.after(delay_us, [this, mine, action = std::move(action)]() mutable {
    if (mine != incarnation) {
      return;
    }
    if (cluster_.queue_.now_us() < paused_until_us) {
      return later(paused_until_us - cluster_.queue_.now_us(), std::move(action));
    }
    action();
  });
}

void SimNode::ask(ClientToken token, const Operation& operation, uint32_t write, Waiting waiting) {
  waiting_.emplace(token, std::move(waiting));
  shard_of_partition(operation.key.partition).submit(token, operation, write);
}

void SimNode::answered_twice() {
  cluster_.oracle().fail("a request was answered twice");
}

uint64_t SimNode::new_actor() {
  return cluster_.actors_.next() | 1;
}

void SimNode::deliver(NodeId from, const std::string& bytes, const Ghost& ghost) {
  Frame frame;
  if (read_frame_header(bytes, kFramePayloadBytesMax, &frame.header) != FrameError::kNone ||
      !frame_checksum_holds(bytes)) {
    return cluster_.oracle().fail("a frame can't be read");
  }
  frame.payload = std::string_view(bytes).substr(kFrameHeaderBytes);
  reader_.start(frame);
  while (const Message* message = reader_.next()) {
    shards_[shard_for(*message, shards_.size())]->receive(from, *message, ghost);
  }
  if (reader_.failed()) {
    cluster_.oracle().fail("a message can't be read");
  }
}

StoreStatus SimNode::store_later(uint32_t key, uint8_t shard, StoreToken token,
                                 Durability durability, uint64_t delay_us) {
  PendingStore store;
  store.number = ++last_store_;
  store.shard = shard;
  store.token = token;
  store.record = disk_.at(key).visible;
  disk_.at(key).pending.push_back(std::move(store));
  const bool ok =
      cluster_.is_healing() || !cluster_.prng().chance(cluster_.plan().store_failure_chance);
  (void)durability;
  later(delay_us, [this, key, number = last_store_, ok] { store_done(key, number, ok); });
  return StoreStatus::kPending;
}

/// Stores of a key end in order: one that ends takes the earlier ones with it; one that fails, the
/// later ones, which stand on it.
void SimNode::store_done(uint32_t key, uint64_t number, bool ok) {
  DiskKey& kept = disk_.at(key);
  std::vector<PendingStore> ended;
  if (ok) {
    while (!kept.pending.empty() && kept.pending.front().number <= number) {
      ended.push_back(std::move(kept.pending.front()));
      kept.pending.pop_front();
      disk_.log(key, ended.back().record);
    }
    if (cluster_.plan().durability == Durability::kSynced) {
      disk_.sync();
    }
  } else {
    const bool is_there =
        std::any_of(kept.pending.begin(), kept.pending.end(),
                    [number](const PendingStore& one) { return one.number == number; });
    while (is_there && !kept.pending.empty()) {
      ended.push_back(std::move(kept.pending.front()));
      kept.pending.pop_front();
    }
    if (is_there) {
      cluster_.probes().add("store_failed");
      kept.visible = kept.logged;
      count_is_exact = false;
    }
  }
  const uint64_t mine = incarnation;
  for (const PendingStore& store : ended) {
    if (mine == incarnation && store.token != 0) {
      shards_[store.shard]->stored(store.token, ok);
    }
  }
}

bool SimNode::all_whole() {
  for (auto& host : shards_) {
    if (host->shard().copies().count(CopyState::kFilling) != 0) {
      return false;
    }
  }
  return is_up();
}

bool SimNode::idle() {
  return std::all_of(shards_.begin(), shards_.end(), [](const auto& host) {
    return host->shard().operations_in_flight() == 0 && !host->shard().needs_tick();
  });
}

}  // namespace kindred::sim
