#include "tests/sim/cluster.h"

#include <algorithm>
#include <utility>

#include "protocol/record/key.h"
#include "tests/sim/client.h"

namespace kindred::sim {

SimCluster::SimCluster(const Plan& plan, Trace& trace, Probes& probes)
    : plan_(plan),
      trace_(trace),
      probes_(probes),
      streams_(plan.seed),
      actors_(plan.seed * 0x2545f4914f6cdd1dULL + 5),
      oracle_(plan_),
      network_(*this),
      membership_judge_(*this),
      faults_(*this),
      operator_(*this) {
  Prng& names = prng(Chance::kWorld);
  for (uint32_t i = 0; i < plan_.keys.size(); ++i) {
    key_names_.push_back("key:" + std::to_string(i) + ":" + std::to_string(names.below(10'000)));
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

/// All nodes name each other as seeds, and start as the plan says.
void SimCluster::start_nodes() {
  std::vector<Address> seeds;
  for (Number number = 1; number <= plan_.nodes; ++number) {
    seeds.push_back(SimNode::address_of(number));
  }
  for (Number number = 1; number <= plan_.nodes + plan_.spare_nodes; ++number) {
    nodes_.push_back(std::make_unique<SimNode>(*this, number, plan_.shards[number - 1]));
    SimNode& node = *nodes_.back();
    node.set_seeds(seeds);
    const int64_t bound = plan_.clock_skew_ms_max;
    const uint64_t skew = prng(Chance::kWorld).below(static_cast<uint64_t>(2 * bound + 1));
    node.skew_ms = static_cast<int64_t>(skew) - bound;
    probes_.add("clock_wrong", node.skew_ms != 0 ? 1 : 0);
  }
  operator_.schedule();
  faults_.start_nodes();
}

std::vector<SimNode*> SimCluster::members() {
  std::vector<SimNode*> result;
  for (auto& node : nodes_) {
    if (operator_.is_wanted(node->number())) {
      result.push_back(node.get());
    }
  }
  return result;
}

void SimCluster::run() {
  start_nodes();
  faults_.schedule();
  membership_judge_.watch_copies();
  std::vector<std::unique_ptr<Client>> clients;
  for (uint32_t i = 0; i < plan_.clients; ++i) {
    clients.push_back(std::make_unique<Client>(*this, i));
  }
  run_until_us(end_us());
  if (!oracle_.failed()) {
    heal();
  }
  if (!oracle_.failed()) {
    converge();
  }
  if (!oracle_.failed()) {
    reap_everywhere();
  }
  if (!oracle_.failed()) {
    check_end();
  }
  for (auto& node : nodes_) {
    for (ShardHost* host : node->shards()) {
      collect_probes(host->shard());
    }
  }
  for (auto& client : clients) {
    client->count(probes_);
  }
}

void SimCluster::run_until_us(uint64_t time_us) {
  while (!oracle_.failed() && queue_.run_one(time_us)) {
  }
}

/// `done`, called with `nothing()` where a node hangs; what it says later is not heard.
template <typename Answer, typename Nothing>
std::function<void(Answer)> SimCluster::patiently(std::function<void(Answer)> done,
                                                  Nothing nothing) {
  if (!plan_.hangs || is_healing_) {
    return done;
  }
  constexpr uint64_t kPatienceUs = 3'000'000;
  auto once = std::make_shared<std::function<void(Answer)>>(std::move(done));
  queue_.after(kPatienceUs, [this, once, nothing] {
    if (const auto waiting = std::exchange(*once, nullptr)) {
      probes_.add("client_gave_up");
      waiting(nothing());
    }
  });
  return [once](Answer answer) {
    if (const auto waiting = std::exchange(*once, nullptr)) {
      waiting(std::forward<Answer>(answer));
    }
  };
}

void SimCluster::ask(Number number, Request request, std::function<void(Reply&&)> done) {
  SimNode& target = node(number);
  if (!target.is_up()) {
    Reply reply;  // nobody listens there
    reply.is_refused = true;
    reply.outcome.code = OutcomeCode::kNoReplicas;
    return done(std::move(reply));
  }
  target.ask(++last_token_, std::move(request), patiently<Reply&&>(std::move(done), [] {
    Reply lost;
    lost.is_lost = true;
    return lost;
  }));
}

void SimCluster::ask_scan(Number number, const ScanRequest& request,
                          std::function<void(const ScanPage&)> done) {
  SimNode& target = node(number);
  if (!target.is_up()) {
    return done(ScanPage{});
  }
  target.ask_scan(++last_token_, request,
                  patiently<const ScanPage&>(std::move(done), [] { return ScanPage{}; }));
}

void SimCluster::count_copies(uint32_t key, uint32_t dot, uint64_t since_us, CopiesSeen* copies) {
  const bool was_lost =
      lost_us_ >= since_us ||
      std::any_of(nodes_.begin(), nodes_.end(), [](const auto& node) { return node->is_lossy; });
  if (was_lost) {
    copies->held = copies->durable = UINT32_MAX;
    return;
  }
  for (auto& node : nodes_) {
    bool is_held = false;
    bool is_durable = false;
    Disk& disk = node->disk();
    for (uint32_t place = 0; place < disk.size(); ++place) {
      const bool counts = place == key || (disk.key_of(place) == key && plan_.quorum.is_sloppy);
      is_held = is_held || (counts && knows(disk.at(place).visible.met, dot));
      is_durable = is_durable || (counts && knows(disk.synced(place).met, dot));
    }
    copies->held += is_held ? 1 : 0;
    copies->durable += is_durable ? 1 : 0;
  }
}

uint64_t SimCluster::paused_since(uint64_t since_us) const {
  uint64_t sum_us = 0;
  for (const auto& [began_us, length_us] : pauses_) {
    sum_us += began_us + length_us > since_us ? length_us : 0;
  }
  return sum_us;
}

void SimCluster::collect_probes(Shard& shard) {
  const ShardMetrics& metrics = shard.metrics();
  probes_.add("restamped", metrics.restamped_writes);
  probes_.add("recomputed", metrics.recomputed_modifications);
  probes_.add("read_repair", metrics.read_repairs);
  probes_.add("hedged", metrics.hedged_reads);
  probes_.add("passed_on", metrics.passed_on_requests);
  probes_.add("filled", metrics.filled_copies);
  probes_.add("exchanged", metrics.exchanges);
  probes_.add("exchange_failed", metrics.failed_exchanges);
  probes_.add("exchange_repair", metrics.exchange_repairs);
  probes_.add("conflict_seen", metrics.conflicts_seen);
  probes_.add("conflict_hidden", metrics.conflicts_hidden);
  probes_.add("quorum_failed", metrics.quorum_failures);
  probes_.add("fallback_coordinated", metrics.fallback_coordinated);
  const HintCounts& hints = shard.hints().counts();
  probes_.add("reap_round", metrics.reap_rounds);
  probes_.add("reaped_key", metrics.reaped_keys);
  probes_.add("pruned_key", metrics.pruned_keys);
  probes_.add("reap_emptied", metrics.emptied_copies);
  probes_.add("reap_waited", metrics.reap_waiting);
  probes_.add("hint_stored", hints.stored);
  probes_.add("hint_delivered", hints.delivered);
  probes_.add("hint_superseded", hints.superseded);
  probes_.add("hint_expired", hints.expired);
  const uint64_t gone = hints.delivered + hints.superseded + hints.expired;
  if (hints.stored != gone + shard.hints().pending_count()) {
    oracle_.fail("hints: " + std::to_string(hints.stored) + " stored, " + std::to_string(gone) +
                 " gone and " + std::to_string(shard.hints().pending_count()) + " pending");
  }
}

bool SimCluster::has_gone(const Dot& dot) {
  const auto is_owners = [&dot](const Copy& copy) {
    return copy.actor == dot.actor && copy.state != CopyState::kNone &&
           copy.state != CopyState::kDeparting;
  };
  if (dot.is_zero()) {
    return false;
  }
  for (auto& node : nodes_) {
    for (ShardHost* host : node->shards()) {
      const Copies& copies = host->shard().copies();
      for (uint32_t p = 0; p < copies.size(); ++p) {
        if (is_owners(copies.at(static_cast<uint16_t>(p)))) {
          return false;
        }
      }
    }
  }
  return true;
}

void SimCluster::note_loss(SimNode& node) {
  node.losses.note_all();
  lost_us_ = queue_.now_us();
}

void SimCluster::note_loss_of(SimNode& node, uint16_t partition) {
  node.losses.note(partition);
  lost_us_ = queue_.now_us();
}

}  // namespace kindred::sim
