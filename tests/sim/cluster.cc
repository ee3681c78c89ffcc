#include "tests/sim/cluster.h"

#include <algorithm>

#include "protocol/record/key.h"
#include "protocol/record/record.h"
#include "replication/ring/claim.h"
#include "tests/sim/client.h"

namespace kindred::sim {

namespace {

constexpr uint64_t kDetectEveryUs = 50'000;
constexpr uint64_t kSettleUs = 60'000'000;

}  // namespace

SimCluster::SimCluster(const Plan& plan, Trace& trace, Probes& probes)
    : plan_(plan),
      trace_(trace),
      probes_(probes),
      prng_(plan.seed * 0x9e3779b97f4a7c15ULL + 17),
      actors_(plan.seed * 0x2545f4914f6cdd1dULL + 5),
      oracle_(plan_) {
  for (uint32_t i = 0; i < plan_.keys.size(); ++i) {
    key_names_.push_back("key:" + std::to_string(i) + ":" + std::to_string(prng_.below(10'000)));
  }
  for (const std::string& name : key_names_) {
    key_refs_.push_back(make_key(name, plan_.partitions));
  }
}

uint32_t SimCluster::key_index(const KeyRef& key) const {
  for (uint32_t i = 0; i < key_refs_.size(); ++i) {
    if (key_refs_[i].hash == key.hash) {
      return i;
    }
  }
  std::abort();  // a shard made a key up
}

void SimCluster::found() {
  auto document = std::make_shared<ClusterDocument>();
  document->cluster_id = 0x51u;
  document->epoch = 1;
  document->replicas = plan_.replicas;
  std::vector<ClaimMember> claims;
  for (uint32_t i = 0; i < plan_.nodes; ++i) {
    Member member;
    member.id = i + 1;
    member.directory = i + 100;
    member.name = "n" + std::to_string(i + 1);
    member.zone = "default";
    document->members.push_back(member);
    claims.push_back(ClaimMember{member.id, 1, member.zone});
  }
  PlacementParams params;
  params.partition_count = plan_.partitions;
  params.replicas = plan_.replicas;
  document->ring = BalancedClaim().place(nullptr, claims, params);
  document_ = std::move(document);
}

void SimCluster::run() {
  found();
  for (uint32_t i = 0; i < plan_.nodes; ++i) {
    nodes_.push_back(std::make_unique<SimNode>(*this, i + 1, plan_.shards[i]));
    const int64_t bound = plan_.clock_skew_ms_max;
    nodes_.back()->skew_ms =
        bound == 0
            ? 0
            : static_cast<int64_t>(prng_.below(static_cast<uint64_t>(2 * bound + 1))) - bound;
  }
  for (auto& node : nodes_) {
    node->start(CopyState::kWhole);
  }
  for (auto& node : nodes_) {
    detect(*node);
  }
  schedule_faults();
  std::vector<std::unique_ptr<Client>> clients;
  for (uint32_t i = 0; i < plan_.clients; ++i) {
    clients.push_back(std::make_unique<Client>(*this, i));
  }
  while (!oracle_.failed() && queue_.run_one(end_us())) {
  }
  if (!oracle_.failed()) {
    heal();
  }
  if (!oracle_.failed()) {
    converge();
  }
  if (!oracle_.failed()) {
    check_end();
  }
  for (auto& node : nodes_) {
    for (auto& host : node->shards()) {
      collect_probes(host->shard());
    }
  }
  for (auto& client : clients) {
    client->count(probes_);
  }
}

void SimCluster::ask(NodeId to, const Operation& operation, uint32_t write,
                     std::function<void(Reply&&)> done) {
  SimNode& target = node(to);
  const ClientToken token = ++last_token_;
  const uint32_t key = key_index(operation.key);
  if (!target.is_up()) {
    Reply reply;
    reply.is_lost = true;
    return done(std::move(reply));
  }
  target.ask(token, operation, write, SimNode::Waiting{key, std::move(done)});
}

void SimCluster::transmit(NodeId from, NodeId to, std::string frame, Ghost ghost, bool may_repeat) {
  if (cut_[from][to] || prng_.chance(is_healing_ ? 0 : plan_.drop_chance)) {
    return;
  }
  SimNode& target = node(to);
  if (!target.is_up()) {
    return;
  }
  const int copies = may_repeat && !is_healing_ && prng_.chance(plan_.duplicate_chance) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    uint64_t delay_us = plan_.delay_us + prng_.below(plan_.delay_spread_us + 1);
    if (!is_healing_ && prng_.chance(plan_.slow_chance)) {
      delay_us += prng_.below(plan_.slow_us_max);
    }
    // A message dies with the process that it was sent to, as its link does.
    target.later(delay_us, [this, from, to, frame, ghost] {
      if (!cut_[from][to]) {
        node(to).deliver(from, frame, ghost);
      }
    });
  }
}

bool SimCluster::reachable(const SimNode& from, const SimNode& to) const {
  auto hung = [this](const SimNode& node) {
    return node.paused_until_us > queue_.now_us() + 100'000;
  };
  return const_cast<SimNode&>(to).is_up() && !hung(to) && !cut_[from.id()][to.id()] &&
         !cut_[to.id()][from.id()];
}

/// Each node's failure detector: late, and wrong where the seed says so (doubt()).
void SimCluster::detect(SimNode& node) {
  for (uint32_t i = 0; i < plan_.nodes; ++i) {
    SimNode& other = *nodes_[i];
    if (&other == &node) {
      continue;
    }
    const bool up = reachable(node, other);
    if (up == node.believes_up[i]) {
      node.disagrees_since_us[i] = queue_.now_us();
      continue;
    }
    const uint64_t patience_us = up ? 60'000 : 400'000;
    if (queue_.now_us() >= node.disagrees_since_us[i] + patience_us || queue_.now_us() < 1000) {
      node.believes_up[i] = up;
      if (trace_.on()) {
        trace_.add(queue_.now_us(), "node " + std::to_string(node.id()) + " takes node " +
                                        std::to_string(other.id()) + " for " +
                                        (up ? "up" : "down"));
      }
      for (auto& host : node.shards()) {
        host->set_alive(other.id(), up);
      }
    }
  }
  node.later(kDetectEveryUs, [this, &node] { detect(node); });
}

void SimCluster::every(uint32_t mean_ms, void (SimCluster::*fault)()) {
  if (mean_ms == 0) {
    return;
  }
  queue_.after(prng_.between(mean_ms * 200ULL, mean_ms * 1800ULL), [this, mean_ms, fault] {
    if (!is_healing_) {
      (this->*fault)();
      every(mean_ms, fault);
    }
  });
}

void SimCluster::schedule_faults() {
  every(plan_.cut_every_ms, &SimCluster::cut);
  every(plan_.crash_every_ms, &SimCluster::crash);
  every(plan_.machine_crash_every_ms, &SimCluster::crash_machine);
  every(plan_.lossy_every_ms, &SimCluster::lose);
  every(plan_.pause_every_ms, &SimCluster::pause);
  every(plan_.doubt_every_ms, &SimCluster::doubt);
  every(plan_.flush_every_ms, &SimCluster::flush);
  every(plan_.clocks_jump ? 4'000 : 0, &SimCluster::jump_clock);
  if (plan_.durability == Durability::kLogged) {
    every(500, &SimCluster::sync_disks);
  }
}

void SimCluster::sync_disks() {
  for (auto& node : nodes_) {
    node->disk().sync();
  }
}

void SimCluster::cut() {
  probes_.add("cut");
  const NodeId one = any_node().id();
  const bool both_ways = !prng_.one_in(3);
  const bool from_all = prng_.one_in(2);
  NodeId other = any_node().id();
  for (NodeId to = 1; to <= plan_.nodes; ++to) {
    if (to != one && (from_all || to == other)) {
      cut_[one][to] = true;
      cut_[to][one] = both_ways || cut_[to][one];
    }
  }
  if (trace_.on()) {
    trace_.add(queue_.now_us(), "cut: node " + std::to_string(one) +
                                    (from_all ? " from all" : " from " + std::to_string(other)) +
                                    (both_ways ? "" : ", one way"));
  }
  queue_.after(prng_.between(100'000, 3'000'000), [this, one] {
    for (NodeId to = 1; to <= plan_.nodes; ++to) {
      cut_[one][to] = cut_[to][one] = false;
    }
    if (trace_.on()) {
      trace_.add(queue_.now_us(), "cut ends: node " + std::to_string(one));
    }
  });
}

void SimCluster::restart_later(SimNode& node, CopyState copies) {
  node.is_lossy = copies == CopyState::kFilling;
  const uint64_t mine = node.incarnation;
  queue_.after(prng_.between(20'000, 3'000'000), [this, &node, copies, mine] {
    if (node.incarnation == mine) {
      node.start(copies);
      detect(node);
    }
  });
  if (prng_.one_in(2)) {
    // Its links are reset: the others know at once.
    for (auto& other : nodes_) {
      if (other->is_up() && other->believes_up[node.id() - 1]) {
        other->believes_up[node.id() - 1] = false;
        for (auto& host : other->shards()) {
          host->set_alive(node.id(), false);
        }
      }
    }
  }
}

/// Whether a copy may lose what it acknowledged: the design bears one such copy at a time.
bool SimCluster::loss_allowed() {
  if (plan_.quorum.write < 2) {
    return false;
  }
  for (auto& node : nodes_) {
    if (node->is_lossy && node->is_up() && node->all_whole()) {
      bool damaged = false;
      for (uint32_t i = 0; i < plan_.keys.size(); ++i) {
        damaged = damaged || node->disk().at(i).is_damaged;
      }
      node->is_lossy = damaged;
    }
    if (node->is_lossy) {
      return false;
    }
  }
  return true;
}

void SimCluster::crash() {
  SimNode& node = any_node();
  if (!node.is_up()) {
    return;
  }
  const bool forgets = plan_.durability == Durability::kMemory;
  if (forgets && !loss_allowed()) {
    return;
  }
  probes_.add("crash");
  // A copy that was not whole is not made whole by a crash.
  const bool whole = node.all_whole() && !forgets;
  node.stop();
  restart_later(node, whole ? CopyState::kWhole : CopyState::kFilling);
}

void SimCluster::crash_machine() {
  SimNode& node = any_node();
  if (!node.is_up()) {
    return;
  }
  const bool may_forget = plan_.durability != Durability::kSynced;
  if (may_forget && !loss_allowed()) {
    return;
  }
  probes_.add("machine_crash");
  const bool whole = node.all_whole() && !may_forget;
  node.stop();
  if (plan_.durability == Durability::kLogged) {
    node.disk().lose_unsynced(prng_.below(101));
  }
  restart_later(node, whole ? CopyState::kWhole : CopyState::kFilling);
}

/// A directory is wiped or an older copy of it put back, or a record rots.
void SimCluster::lose() {
  SimNode& node = any_node();
  if (!node.is_up() || !loss_allowed()) {
    return;
  }
  const uint64_t how = prng_.below(3);
  if (how == 0 && plan_.durability != Durability::kMemory) {
    const auto key = static_cast<uint32_t>(prng_.below(plan_.keys.size()));
    DiskKey& kept = node.disk().at(key);
    if (kept.pending.empty() && !kept.visible.bytes.empty()) {
      probes_.add("record_damaged");
      kept.is_damaged = true;
      node.is_lossy = true;
      // Found by a read, or at the latest by a check of the whole engine.
      node.later(2'000'000, [this, &node, key] {
        if (node.disk().at(key).is_damaged) {
          node.shard_of_partition(key_refs_[key].partition).shard().found_corrupt(key_refs_[key]);
          node.shard_of_partition(key_refs_[key].partition).wake();
        }
      });
    }
    return;
  }
  if (how == 1 && plan_.durability != Durability::kMemory) {
    const std::vector<KeptRecord> old = node.disk().backup();
    queue_.after(prng_.between(500'000, 4'000'000), [this, &node, old] {
      if (is_healing_ || !loss_allowed()) {
        return;
      }
      probes_.add("restored");
      if (node.is_up()) {
        node.stop();
      }
      node.disk().restore(old);
      ++node.incarnation;  // a restart that was planned is off
      restart_later(node, CopyState::kFilling);
    });
    return;
  }
  probes_.add("wiped");
  node.stop();
  node.disk().wipe();
  restart_later(node, CopyState::kFilling);
}

void SimCluster::pause() {
  SimNode& node = any_node();
  if (node.is_up() && node.paused_until_us < queue_.now_us()) {
    probes_.add("pause");
    const uint64_t length_us = prng_.between(50'000, 1'500'000);
    node.paused_until_us = queue_.now_us() + length_us;
    paused_us_ = std::max(paused_us_, length_us);
  }
}

void SimCluster::doubt() {
  SimNode& node = any_node();
  SimNode& other = any_node();
  if (&node == &other || !node.is_up() || !node.believes_up[other.id() - 1]) {
    return;
  }
  probes_.add("doubt");
  node.believes_up[other.id() - 1] = false;
  node.disagrees_since_us[other.id() - 1] = queue_.now_us() + prng_.between(0, 400'000);
  for (auto& host : node.shards()) {
    host->set_alive(other.id(), false);
  }
}

void SimCluster::jump_clock() {
  probes_.add("clock_jump");
  const int64_t bound = plan_.clock_skew_ms_max;
  any_node().skew_ms =
      static_cast<int64_t>(prng_.below(static_cast<uint64_t>(2 * bound + 1))) - bound;
}

/// FLUSHALL as membership does it: all members must be there; a stamp above all of theirs is
/// committed, and the answer comes once all of them have it.
void SimCluster::flush() {
  if (is_flushing_) {
    return;
  }
  Stamp highest = 0;
  for (auto& node : nodes_) {
    if (!node->is_up() || queue_.now_us() < node->paused_until_us) {
      return;
    }
    highest = std::max(highest, stamp_at_ms(node->now().cluster_ms));
    for (auto& host : node->shards()) {
      highest = std::max(highest, host->shard().highest_stamp());
    }
  }
  probes_.add("flush");
  is_flushing_ = true;
  flush_stamp_ = highest + 1;
  oracle_.flush_began(queue_.now_us());
  auto document = std::make_shared<ClusterDocument>(*document_);
  document->flush_stamp = flush_stamp_;
  document_ = std::move(document);
  if (trace_.on()) {
    trace_.add(queue_.now_us(), "flush at " + text(Dot{flush_stamp_, 0}));
  }
  for (auto& node : nodes_) {
    node->has_flush = false;
    node->later(prng_.between(0, 200'000), [&one = *node] { one.install_cluster(); });
  }
  install_flush();
}

void SimCluster::install_flush() {
  for (auto& node : nodes_) {
    if (!node->is_up() || !node->has_flush) {
      return queue_.after(5'000, [this] { install_flush(); });
    }
  }
  oracle_.flush_done(flush_stamp_, queue_.now_us());
  is_flushing_ = false;
}

/// Faults end, nodes come back, copies fill, what is under way ends.
void SimCluster::heal() {
  is_healing_ = true;
  cut_ = {};
  if (trace_.on()) {
    trace_.add(queue_.now_us(), "healing");
  }
  const uint64_t until_us = queue_.now_us() + kSettleUs;
  auto settled = [this] {
    return !is_flushing_ && std::all_of(nodes_.begin(), nodes_.end(), [this](const auto& node) {
      return node->is_up() && node->all_whole() && node->idle() &&
             std::count(node->believes_up.begin(), node->believes_up.end(), true) + 1 ==
                 plan_.nodes;
    });
  };
  // Late messages, restarts and timeouts are all over by then.
  const uint64_t quiet_us = queue_.now_us() + 6'000'000;
  while (!oracle_.failed() && queue_.run_one(quiet_us)) {
  }
  while (!oracle_.failed() && !settled() && queue_.run_one(until_us)) {
  }
  if (!oracle_.failed() && !settled()) {
    std::string why;
    for (auto& node : nodes_) {
      why += " node " + std::to_string(node->id()) + (node->is_up() ? "" : " down") +
             (node->all_whole() ? "" : " filling") + (node->idle() ? "" : " busy");
    }
    oracle_.fail("the cluster does not settle:" + why);
  }
}

/// Reads every key at every node with R=N a few times: read repair makes replicas equal.
void SimCluster::converge() {
  for (int round = 0; round < 3; ++round) {
    for (uint32_t i = 0; i < key_refs_.size(); ++i) {
      for (auto& node : nodes_) {
        Operation operation;
        operation.kind = OpKind::kRead;
        operation.key = key_refs_[i];
        operation.quorum.r = static_cast<uint8_t>(document_->ring.copies());
        operation.quorum.timeout_ms = 10'000;
        bool is_done = false;
        ask(node->id(), operation, kNone, [this, &is_done, i](Reply&& reply) {
          is_done = true;
          if (reply.is_lost || reply.outcome.code != OutcomeCode::kOk) {
            oracle_.fail("a healthy cluster refuses a read of key " + std::to_string(i) +
                         ": code " + std::to_string(static_cast<int>(reply.outcome.code)) + ", " +
                         std::to_string(reply.outcome.seen) + " of " +
                         std::to_string(reply.outcome.needed));
          }
        });
        const uint64_t until_us = queue_.now_us() + 20'000'000;
        while (!is_done && queue_.run_one(until_us)) {
        }
        const uint64_t quiet_us = queue_.now_us() + 50'000;
        while (queue_.run_one(quiet_us)) {
        }
        if (!is_done) {
          return oracle_.fail("a read was never answered");
        }
        if (oracle_.failed()) {
          return;
        }
      }
    }
  }
  const uint64_t quiet_us = queue_.now_us() + 1'000'000;
  while (queue_.run_one(quiet_us)) {
  }
}

void SimCluster::check_end() {
  for (uint32_t i = 0; i < key_refs_.size() && !oracle_.failed(); ++i) {
    const KeyRef& key = key_refs_[i];
    bool is_first = true;
    State state;
    Knowledge met;
    for (NodeId owner : document_->ring.owners(key.partition)) {
      const KeptRecord& record = node(owner).disk().at(i).visible;
      met = join(met, record.met);
      State other;
      if (!decode_record(key, record.bytes, &other)) {
        return oracle_.fail("a record can't be read");
      }
      // What a flush made dead may still lie in one engine and not in another.
      apply_flush(other, document_->flush_stamp);
      if (!is_first && !(other == state)) {
        return oracle_.fail("replicas of key " + std::to_string(i) + " differ after healing");
      }
      state = other;
      is_first = false;
    }
    oracle_.check_final(i, state, met);
  }
  for (auto& node : nodes_) {
    if (!node->idle()) {
      oracle_.fail("node " + std::to_string(node->id()) + " has work left over");
    }
  }
  check_counts();
}

/// DBSIZE's counters against what the engines hold.
void SimCluster::check_counts() {
  for (auto& node : nodes_) {
    uint64_t counted = 0;
    uint64_t live = 0;
    for (auto& host : node->shards()) {
      for (uint32_t p = 0; p < plan_.partitions; ++p) {
        counted +=
            host->shard().copies().at(static_cast<uint16_t>(p)).count.live(node->now().cluster_ms);
      }
    }
    for (uint32_t i = 0; i < key_refs_.size(); ++i) {
      State state;
      (void)decode_record(key_refs_[i], node->disk().at(i).visible.bytes, &state);
      apply_flush(state, document_->flush_stamp);
      live += state.has_live_sibling(node->now().cluster_ms) ? 1 : 0;
    }
    if (counted != live && node->count_is_exact && !oracle_.failed()) {
      oracle_.fail("node " + std::to_string(node->id()) + " counts " + std::to_string(counted) +
                   " keys and holds " + std::to_string(live));
    }
  }
}

void SimCluster::collect_probes(Shard& shard) {
  const ShardMetrics& metrics = shard.metrics();
  probes_.add("restamped", metrics.restamped_writes);
  probes_.add("recomputed", metrics.recomputed_modifications);
  probes_.add("read_repair", metrics.read_repairs);
  probes_.add("hedged", metrics.hedged_reads);
  probes_.add("passed_on", metrics.passed_on_requests);
  probes_.add("filled", metrics.filled_copies);
  probes_.add("conflict_seen", metrics.conflicts_seen);
  probes_.add("quorum_failed", metrics.quorum_failures);
}

}  // namespace kindred::sim
