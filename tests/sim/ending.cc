// The end of a run: faults are over, the cluster must settle, and then everything is judged.
#include <algorithm>
#include <optional>

#include "protocol/membership/node_record_codec.h"
#include "protocol/record/key.h"
#include "protocol/record/record.h"
#include "tests/sim/cluster.h"

namespace kindred::sim {

namespace {

/// Late messages, restarts and timeouts are all over by then.
constexpr uint64_t kQuietUs = 6'000'000;
/// Then all nodes see each other and hold the same document.
constexpr uint64_t kAgreeUs = 4'000'000;
constexpr uint64_t kSettleUs = 60'000'000;

}  // namespace

bool SimCluster::all_see_each_other() {
  const std::vector<SimNode*> wanted = members();
  return std::all_of(wanted.begin(), wanted.end(), [&](SimNode* node) {
    return node->sees_all_up() && node->document()->members.size() == wanted.size() &&
           *node->document() == *wanted.front()->document();
  });
}

bool SimCluster::has_settled() {
  const std::vector<SimNode*> wanted = members();
  return all_see_each_other() && operator_.has_settled() &&
         std::all_of(wanted.begin(), wanted.end(),
                     [](SimNode* node) { return node->all_whole() && node->idle(); });
}

std::string SimCluster::what_is_unsettled() {
  std::string why;
  const auto document = members().front()->document();
  for (SimNode* node : members()) {
    why += " node " + std::to_string(node->number());
    if (!node->is_ready()) {
      why += node->is_up() ? " no member" : " down";
      continue;
    }
    why += std::string(node->sees_all_up() ? "" : " misses members") +
           (node->all_whole() ? "" : " filling") + (node->idle() ? "" : " busy") +
           (node->has_vote() ? "" : " without vote") +
           (document == nullptr || *node->document() == *document ? "" : " other document");
  }
  if (document != nullptr) {
    why += "; " + std::to_string(document->members.size()) + " members, " +
           std::to_string(document->moves.size()) + " moves, " +
           std::to_string(document->staged.size()) + " staged, epoch " +
           std::to_string(document->epoch);
  }
  return why + operator_.what_is_open();
}

/// Faults end, nodes come back, copies fill, what is under way ends.
void SimCluster::heal() {
  is_healing_ = true;
  network_.heal();
  if (trace_.on()) {
    trace_.add(queue_.now_us(), "healing");
  }
  const uint64_t until_us = queue_.now_us() + kSettleUs;
  run_until_us(queue_.now_us() + kQuietUs);
  while (!oracle_.failed() && !operator_.has_settled() && queue_.run_one(until_us)) {
  }
  const uint64_t agreed_us = queue_.now_us() + kAgreeUs;
  while (!oracle_.failed() && !all_see_each_other() && queue_.run_one(agreed_us)) {
  }
  if (!oracle_.failed() && !all_see_each_other()) {
    oracle_.fail("the nodes don't agree after healing:" + what_is_unsettled());
  }
  while (!oracle_.failed() && !has_settled() && queue_.run_one(until_us)) {
  }
  if (!oracle_.failed() && !has_settled()) {
    oracle_.fail("the cluster does not settle:" + what_is_unsettled());
  }
}

PartitionIndex SimCluster::partition_of(uint32_t key, const ClusterDocument& document) const {
  return document.partitions().of(key_refs_[key].key, key_refs_[key].slot);
}

void SimCluster::read_everywhere(uint32_t key) {
  for (SimNode* node : members()) {
    Request request;
    Operation& operation = request.operation;
    operation.kind = OpKind::kRead;
    operation.key = key_refs_[key];
    const ClusterDocument& document = *node->document();
    operation.quorum.r =
        static_cast<uint8_t>(document.ring.owners(partition_of(key, document)).size());
    operation.quorum.timeout_ms = 10'000;
    bool is_done = false;
    ask(node->number(), std::move(request), [this, &is_done, key](Reply&& reply) {
      is_done = true;
      if (reply.is_lost || reply.outcome.code != OutcomeCode::kOk) {
        oracle_.fail("a healthy cluster refuses a read of key " + std::to_string(key) + ": code " +
                     std::to_string(static_cast<int>(reply.outcome.code)) + ", " +
                     std::to_string(reply.outcome.seen) + " of " +
                     std::to_string(reply.outcome.needed));
      }
    });
    const uint64_t until_us = queue_.now_us() + 20'000'000;
    while (!is_done && queue_.run_one(until_us)) {
    }
    if (!is_done) {
      return oracle_.fail("a read was never answered");
    }
    run_until_us(queue_.now_us() + 50'000);
  }
}

/// Anti-entropy alone makes copies equal: each round every pair of owners compares once. What an
/// owner could not drop as a reap round was agreed, its disk being full, goes with the next one.
/// Reap rounds go on, and what was on its way as one pruned a context is met once more.
void SimCluster::exchange_everywhere() {
  constexpr int kRoundsMin = 3;
  constexpr int kRoundsMax = 6;
  const auto document = members().front()->document();
  for (int round = 0; round < kRoundsMax && !oracle_.failed(); ++round) {
    if (round >= kRoundsMin && different_key(*document) == key_refs_.size()) {
      break;
    }
    for (auto& node : nodes_) {
      for (ShardHost* host : node->shards()) {
        host->start_exchanges();
        if (plan_.reap_every_ms != 0 && round == 1) {
          host->start_reaping();
        }
      }
    }
    const uint64_t until_us = queue_.now_us() + kSettleUs;
    while (!has_settled() && queue_.run_one(until_us)) {
    }
  }
  if (!has_settled() && !oracle_.failed()) {
    oracle_.fail("exchanges don't end:" + what_is_unsettled());
  }
  if (const size_t key = different_key(*document); key != key_refs_.size() && !oracle_.failed()) {
    oracle_.fail("replicas of key " + std::to_string(key) + " differ after exchanges");
  }
}

/// Reads every key at every node with R=N a few times: read repair makes replicas equal.
void SimCluster::converge() {
  if (plan_.heals_by_exchange) {
    exchange_everywhere();
  }
  for (int round = 0; round < 3; ++round) {
    for (uint32_t key = 0; key < key_refs_.size() && !oracle_.failed(); ++key) {
      read_everywhere(key);
    }
  }
  // Values with a time to live are over by any node's clock.
  run_until_us(queue_.now_us() + 20'000'000);
}

/// What is dead, and nobody writes to any more, leaves all copies, and what it took is free.
void SimCluster::reap_everywhere() {
  if (plan_.reap_every_ms == 0) {
    return;
  }
  for (int round = 0; round < 3 && !oracle_.failed(); ++round) {
    for (SimNode* node : members()) {
      for (ShardHost* host : node->shards()) {
        host->start_reaping();
      }
    }
    const uint64_t until_us = queue_.now_us() + kSettleUs;
    while (!oracle_.failed() && !has_settled() && queue_.run_one(until_us)) {
    }
    run_until_us(queue_.now_us() + 2'000'000);  // commits on their way
    // One that was kept over a crash, between mark and drop, spreads first.
    for (uint32_t key = 0; key < key_refs_.size() && round == 0 && !oracle_.failed(); ++key) {
      read_everywhere(key);
    }
  }
  const auto document = members().front()->document();
  for (SimNode* node : members()) {
    for (uint32_t key = 0; key < key_refs_.size() && !oracle_.failed(); ++key) {
      State state;
      (void)decode_record(key_refs_[key], node->disk().at(key).visible.bytes, &state);
      apply_flush(state, document->flush_stamp);
      if (!state.never_written() && !state.has_live_sibling(node->now().cluster_ms)) {
        oracle_.fail("node " + std::to_string(node->number()) + " still has the tombstone of key " +
                     std::to_string(key));
      }
    }
  }
}

/// A SCAN at each node shows the keys that have a living version, and no others.
void SimCluster::scan_everywhere(const ClusterDocument& document) {
  for (SimNode* node : members()) {
    std::vector<bool> seen(key_refs_.size());
    for (uint64_t cursor = 0; !oracle_.failed();) {
      bool is_done = false;
      ask_scan(node->number(), ScanRequest{cursor, 2, 10'000}, [&](const ScanPage& page) {
        is_done = true;
        if (!page.ok) {
          return oracle_.fail("a healthy cluster refuses a scan");
        }
        cursor = page.cursor;
        for (const ScannedKey& key : page.keys) {
          seen[key_index(make_key(key.key, plan_.partitions))] = true;
        }
      });
      const uint64_t until_us = queue_.now_us() + 20'000'000;
      while (!is_done && queue_.run_one(until_us)) {
      }
      if (!is_done) {
        return oracle_.fail("a scan was never answered");
      }
      if (cursor == 0) {
        break;
      }
    }
    for (uint32_t key = 0; key < key_refs_.size() && !oracle_.failed(); ++key) {
      const NodeId owner = document.ring.owners(partition_of(key, document)).front();
      const Number holder = node->number_at(document.find_member(owner)->peer_address);
      State state;
      (void)decode_record(key_refs_[key], this->node(holder).disk().at(key).visible.bytes, &state);
      apply_flush(state, document.flush_stamp);
      if (seen[key] != state.has_live_sibling(node->now().cluster_ms)) {
        oracle_.fail(std::string("a scan ") + (seen[key] ? "shows" : "misses") + " key " +
                     std::to_string(key));
      }
    }
  }
}

/// The first key whose replicas differ; as many as there are: none.
size_t SimCluster::different_key(const ClusterDocument& document) {
  for (uint32_t key = 0; key < key_refs_.size(); ++key) {
    std::optional<State> first;
    for (const NodeId owner : document.ring.owners(partition_of(key, document))) {
      SimNode& holder =
          node(members().front()->number_at(document.find_member(owner)->peer_address));
      State state;
      (void)decode_record(key_refs_[key], holder.disk().at(key).visible.bytes, &state);
      apply_flush(state, document.flush_stamp);
      if (first && !(*first == state)) {
        return key;
      }
      first = state;
      first->own();
    }
  }
  return key_refs_.size();
}

void SimCluster::check_key(uint32_t key, const ClusterDocument& document) {
  bool is_first = true;
  State state;
  Knowledge met;
  for (const NodeId owner : document.ring.owners(partition_of(key, document))) {
    SimNode& holder = node(members().front()->number_at(document.find_member(owner)->peer_address));
    const KeptRecord& record = holder.disk().at(key).visible;
    met = join(met, record.met);
    State other;
    if (!decode_record(key_refs_[key], record.bytes, &other)) {
      return oracle_.fail("a record can't be read");
    }
    // What a flush made dead may still lie in one engine and not in another.
    apply_flush(other, document.flush_stamp);
    if (!is_first && !(other == state)) {
      return oracle_.fail("replicas of key " + std::to_string(key) + " differ after healing");
    }
    state = other;
    is_first = false;
  }
  oracle_.check_final(key, state, met);
}

/// No member keeps what it does not own.
void SimCluster::check_unowned(const ClusterDocument& document) {
  for (SimNode* node : members()) {
    for (uint32_t key = 0; key < key_refs_.size(); ++key) {
      if (!document.holds(partition_of(key, document), node->id()) &&
          !node->disk().at(key).visible.bytes.empty()) {
        return oracle_.fail("node " + std::to_string(node->number()) + " still has key " +
                            std::to_string(key) + ", which it does not own");
      }
    }
  }
}

void SimCluster::check_end() {
  const auto document = members().front()->document();
  for (uint32_t key = 0; key < key_refs_.size() && !oracle_.failed(); ++key) {
    check_key(key, *document);
  }
  for (SimNode* node : members()) {
    if (!node->idle()) {
      oracle_.fail("node " + std::to_string(node->number()) + " has work left over");
    }
  }
  check_hints();
  scan_everywhere(*document);
  check_unowned(*document);
  check_counts(*document);
  check_trees(*document);
  membership_judge_.check();
}

/// All are where they belong, and none is left in an engine.
void SimCluster::check_hints() {
  for (SimNode* node : members()) {
    uint64_t pending = 0;
    for (ShardHost* host : node->shards()) {
      pending += host->shard().hints().pending_count();
    }
    Disk& disk = node->disk();
    for (uint32_t place = 0; place < disk.size(); ++place) {
      const bool is_left = disk.target_of(place) != 0 && !disk.is_mark(place) &&
                           !disk.at(place).visible.bytes.empty();
      if ((is_left || pending != 0) && !oracle_.failed()) {
        oracle_.fail("node " + std::to_string(node->number()) + " is left with hints, " +
                     std::to_string(pending) + " by its count");
      }
    }
  }
}

/// DBSIZE's counters against what the engines hold.
void SimCluster::check_counts(const ClusterDocument& document) {
  for (SimNode* node : members()) {
    uint64_t counted = 0;
    uint64_t live = 0;
    const uint64_t now_ms = node->now().cluster_ms;
    for (ShardHost* host : node->shards()) {
      for (uint32_t p = 0; p < document.ring.partition_count(); ++p) {
        counted += host->shard().copies().at(static_cast<uint16_t>(p)).count.live(now_ms);
      }
    }
    for (uint32_t i = 0; i < key_refs_.size(); ++i) {
      State state;
      (void)decode_record(key_refs_[i], node->disk().at(i).visible.bytes, &state);
      apply_flush(state, document.flush_stamp);
      live += state.has_live_sibling(now_ms) ? 1 : 0;
    }
    if (counted != live && node->count_is_exact && !oracle_.failed()) {
      oracle_.fail("node " + std::to_string(node->number()) + " counts " + std::to_string(counted) +
                   " keys and holds " + std::to_string(live));
    }
  }
}

/// Merkle trees against what the engines hold.
void SimCluster::check_trees(const ClusterDocument& document) {
  for (SimNode* node : members()) {
    for (uint32_t p = 0; p < document.ring.partition_count() && !oracle_.failed(); ++p) {
      const auto partition = static_cast<uint16_t>(p);
      const Copy& copy = node->shard_of_partition(partition).shard().copies().at(partition);
      if (copy.state != CopyState::kWhole) {
        continue;
      }
      MerkleTree held(document.ring.slots_of(p), copy.tree.tree().level());
      for (uint32_t i = 0; i < key_refs_.size(); ++i) {
        State state;
        if (partition_of(i, document) == p) {
          (void)decode_record(key_refs_[i], node->disk().at(i).visible.bytes, &state);
          apply_flush(state, document.flush_stamp);
          held.update({key_refs_[i].slot, key_refs_[i].hash}, 0, tree_digest(state));
        }
      }
      if (!copy.tree.is_exact() || !(held == copy.tree.tree())) {
        std::string keys;
        for (uint32_t i = 0; i < key_refs_.size(); ++i) {
          keys += partition_of(i, document) == p ? " " + std::to_string(i) : "";
        }
        oracle_.fail("node " + std::to_string(node->number()) + " has a wrong tree of partition " +
                     std::to_string(p) + ", keys" + keys +
                     (copy.tree.is_exact() ? "" : ", in doubt"));
      }
    }
  }
}

}  // namespace kindred::sim
