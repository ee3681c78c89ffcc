#include "tests/sim/faults.h"

#include <algorithm>

#include "tests/sim/cluster.h"

namespace kindred::sim {

namespace {

constexpr uint64_t kSecondUs = 1'000'000;
/// The address of a seed that never is there.
constexpr Number kNobody = kNodesMax;

}  // namespace

SimNode& Faults::any_node() {
  const uint64_t choice = cluster_.prng(Chance::kFaults).below(cluster_.node_count());
  return cluster_.node(static_cast<Number>(1 + choice));
}

void Faults::start_nodes() {
  Prng& prng = cluster_.prng(Chance::kFaults);
  const Plan& plan = cluster_.plan();
  const auto late = static_cast<Number>(prng.between(1, plan.nodes));
  for (Number number = 1; number <= plan.nodes; ++number) {
    SimNode& node = cluster_.node(number);
    const bool is_late = plan.founding == Founding::kOneLate && number == late;
    if (is_late) {
      cluster_.probes().add("founder_late");
    }
    start_later(node, is_late ? prng.between(2 * kSecondUs, 9 * kSecondUs)
                              : prng.below(plan.founding_spread_us + 1));
  }
  if (plan.founding == Founding::kSeedNeverThere) {
    SimNode& node = cluster_.node(late);
    std::vector<Address> seeds = node.seeds();
    seeds.push_back(SimNode::address_of(kNobody));
    node.set_seeds(std::move(seeds));
    cluster_.queue().after(prng.between(3 * kSecondUs, 8 * kSecondUs), [this] { mend_seeds(); });
  } else if (plan.founding == Founding::kDisturbed) {
    for (uint64_t times = prng.between(1, 4); times != 0; --times) {
      cluster_.queue().after(prng.below(kSecondUs), [this] { disturb_founding(); });
    }
  }
}

void Faults::start_later(SimNode& node, uint64_t delay_us) {
  const uint64_t mine = node.incarnation;
  cluster_.queue().after(delay_us, [&node, mine] {
    if (node.incarnation == mine && !node.cluster().ring_operator().is_dead(node.number())) {
      node.start();
    }
  });
}

/// No cluster was founded, as one seed is nobody's: the operator takes it out and starts the node
/// again.
void Faults::mend_seeds() {
  cluster_.probes().add("seed_mended");
  for (Number number = 1; number <= cluster_.node_count(); ++number) {
    SimNode& node = cluster_.node(number);
    if (node.document() != nullptr) {
      cluster_.oracle().fail("a cluster was founded though a seed was never heard");
    }
    std::vector<Address> seeds = node.seeds();
    const auto dropped = std::remove(seeds.begin(), seeds.end(), SimNode::address_of(kNobody));
    if (dropped == seeds.end()) {
      continue;
    }
    seeds.erase(dropped, seeds.end());
    node.set_seeds(std::move(seeds));
    if (node.is_up()) {
      node.stop(false);
      start_later(node, cluster_.prng(Chance::kFaults).below(kSecondUs));
    }
  }
}

/// While no member has anything to lose: a node dies, perhaps with its directory.
void Faults::disturb_founding() {
  SimNode& node = any_node();
  if (!node.is_up() || node.document() != nullptr || cluster_.is_healing()) {
    return;
  }
  // Where the ring is to change, a majority of the directories that founded must be there later.
  const bool may_lose = cluster_.plan().ring_change_every_ms == 0 || !has_lost_founder_;
  const bool loses = cluster_.prng(Chance::kFaults).one_in(2) && may_lose;
  has_lost_founder_ = has_lost_founder_ || loses;
  cluster_.probes().add(loses ? "founder_lost_disk" : "founder_crashed");
  node.stop(false);
  if (loses) {
    node.disk().wipe();
    node.is_lossy = true;  // it may be a member for the others
  }
  start_later(node, cluster_.prng(Chance::kFaults).below(2 * kSecondUs));
}

void Faults::every(uint32_t mean_ms, void (Faults::*fault)()) {
  if (mean_ms == 0) {
    return;
  }
  cluster_.queue().after(
      cluster_.prng(Chance::kFaults).between(mean_ms * 200ULL, mean_ms * 1800ULL),
      [this, mean_ms, fault] {
        if (!cluster_.is_healing()) {
          (this->*fault)();
          every(mean_ms, fault);
        }
      });
}

void Faults::schedule() {
  const Plan& plan = cluster_.plan();
  every(plan.cut_every_ms, &Faults::cut);
  every(plan.crash_every_ms, &Faults::crash);
  every(plan.stop_every_ms, &Faults::stop);
  every(plan.machine_crash_every_ms, &Faults::crash_machine);
  every(plan.lossy_every_ms, &Faults::lose);
  every(plan.disk_trouble_every_ms, &Faults::break_disk);
  every(plan.pause_every_ms, &Faults::pause);
  every(plan.doubt_every_ms, &Faults::doubt);
  every(plan.flush_every_ms, &Faults::flush);
  every(plan.clocks_jump ? 4'000 : 0, &Faults::jump_clock);
  if (plan.hangs) {
    const uint64_t latest_us = cluster_.end_us() - Plan::kHangUs - 5 * kSecondUs;
    cluster_.queue().after(cluster_.prng(Chance::kFaults).between(2 * kSecondUs, latest_us),
                           [this] { hang(); });
  }
  if (plan.durability == Durability::kLogged) {
    every(500, &Faults::sync_disks);
  }
}

void Faults::sync_disks() {
  for (Number number = 1; number <= cluster_.node_count(); ++number) {
    cluster_.node(number).disk().sync();
  }
}

void Faults::cut() {
  cluster_.probes().add("cut");
  Prng& prng = cluster_.prng(Chance::kFaults);
  const Number one = any_node().number();
  const bool both_ways = !prng.one_in(3);
  const bool from_all = prng.one_in(2);
  const Number other = any_node().number();
  if (!both_ways && (from_all || one != other)) {
    cluster_.probes().add("cut_one_way");
  }
  for (Number to = 1; to <= cluster_.node_count(); ++to) {
    if (to != one && (from_all || to == other)) {
      Network& network = cluster_.network();
      network.set_cut(one, to, true);
      network.set_cut(to, one, both_ways || network.is_cut(to, one));
      cluster_.membership_judge().fault(one, to);
    }
  }
  if (cluster_.trace().on()) {
    cluster_.trace().add(cluster_.queue().now_us(),
                         "cut: node " + std::to_string(one) +
                             (from_all ? " from all" : " from " + std::to_string(other)) +
                             (both_ways ? "" : ", one way"));
  }
  const bool is_long = prng.one_in(3);
  cluster_.queue().after(prng.between(100'000, is_long ? 8'000'000 : 3'000'000), [this, one] {
    for (Number to = 1; to <= cluster_.node_count(); ++to) {
      cluster_.network().set_cut(one, to, false);
      cluster_.network().set_cut(to, one, false);
    }
    if (cluster_.trace().on()) {
      cluster_.trace().add(cluster_.queue().now_us(), "cut ends: node " + std::to_string(one));
    }
  });
}

void Faults::restart_later(SimNode& node) {
  start_later(node, cluster_.prng(Chance::kFaults).between(20'000, 3'000'000));
}

/// `forgets`: what it acknowledged may be gone.
void Faults::end_process(SimNode& node, bool with_machine, bool forgets) {
  if (forgets && node.document() != nullptr) {
    cluster_.note_loss(node);  // else it held nothing, or has lost it before
  }
  // A copy that was not whole is not made whole by a crash.
  node.is_lossy = node.is_lossy || (node.document() != nullptr && (forgets || !node.all_whole()));
  node.stop(with_machine);
}

void Faults::refresh_loss() {
  for (Number number = 1; number <= cluster_.node_count(); ++number) {
    SimNode& node = cluster_.node(number);
    if (node.is_lossy && !node.is_stopping() && node.all_whole() && node.has_vote()) {
      node.is_lossy = false;
      node.losses.clear();
      for (uint32_t i = 0; i < cluster_.plan().keys.size(); ++i) {
        node.is_lossy = node.is_lossy || node.disk().at(i).is_damaged;
      }
    }
  }
}

bool Faults::loss_allowed() {
  if (cluster_.plan().quorum.write < 2) {
    return false;
  }
  // Of W nodes some may be fallbacks: a copy that is whole again need not hold all that they do.
  if (cluster_.plan().quorum.is_sloppy && cluster_.has_lost()) {
    return false;
  }
  refresh_loss();
  for (Number number = 1; number <= cluster_.node_count(); ++number) {
    if (cluster_.node(number).is_lossy) {
      return false;
    }
  }
  return !cluster_.plan().changes_document() || vote_spared();
}

/// Who changes the ring needs a majority: all members have their votes, and enough would be left.
bool Faults::vote_spared() {
  size_t members = 0;
  for (Number number = 1; number <= cluster_.node_count(); ++number) {
    if (cluster_.ring_operator().is_member(number)) {
      ++members;
      if (!cluster_.node(number).has_vote()) {
        return false;
      }
    }
  }
  return members == 0 || 2 * (members - 1) > members;
}

/// One that waits to be a member may be made one with a directory that it had not stored yet.
bool Faults::may_crash(const SimNode& node) {
  return node.is_up() && (!cluster_.plan().changes_document() ||
                          cluster_.ring_operator().is_member(node.number()) || vote_spared());
}

void Faults::crash() {
  SimNode& node = any_node();
  const bool forgets = cluster_.plan().durability == Durability::kMemory;
  if (!may_crash(node) || (forgets && !loss_allowed())) {
    return;
  }
  cluster_.probes().add("crash");
  refresh_loss();
  end_process(node, false, forgets);
  restart_later(node);
}

/// An operator stops a node, and starts it again.
void Faults::stop() {
  SimNode& node = any_node();
  const bool forgets = cluster_.plan().durability == Durability::kMemory;
  if (!node.is_up() || (forgets && !loss_allowed())) {
    return;
  }
  cluster_.probes().add("stop");
  node.is_lossy = node.is_lossy || forgets;
  node.stop_orderly([this, &node, forgets] {
    if (forgets) {
      cluster_.note_loss(node);
    }
    restart_later(node);
  });
}

void Faults::crash_machine() {
  SimNode& node = any_node();
  const Durability durability = cluster_.plan().durability;
  const bool may_forget = durability != Durability::kSynced;
  if (!may_crash(node) || (may_forget && !loss_allowed())) {
    return;
  }
  cluster_.probes().add("machine_crash");
  end_process(node, true, may_forget);
  if (durability == Durability::kLogged) {
    node.disk().lose_unsynced(cluster_.prng(Chance::kFaults).below(101));
  }
  restart_later(node);
}

/// A directory is wiped or an older copy of it put back, or a record rots.
void Faults::lose() {
  SimNode& node = any_node();
  if (!node.is_up() || !loss_allowed()) {
    return;
  }
  const uint64_t how = cluster_.prng(Chance::kFaults).below(3);
  if (cluster_.plan().durability == Durability::kMemory || how == 2) {
    wipe(node);
  } else if (how == 1) {
    restore_later(node);
  } else {
    damage_record(node);
  }
}

void Faults::damage_record(SimNode& node) {
  const auto key =
      static_cast<uint32_t>(cluster_.prng(Chance::kFaults).below(cluster_.plan().keys.size()));
  DiskKey& kept = node.disk().at(key);
  if (!kept.pending.empty() || kept.visible.bytes.empty() || !node.is_ready()) {
    return;
  }
  cluster_.probes().add("record_damaged");
  kept.is_damaged = true;
  const auto host_of_key = [this, &node, key]() -> ShardHost& {
    return node.shard_of_partition(cluster_.keys()[key].partition);
  };
  cluster_.note_loss_of(node, host_of_key().key_at(key).partition);
  node.is_lossy = true;
  // Found by a read, or at the latest by a check of the whole engine.
  node.later(2'000'000, [&node, key, host_of_key] {
    if (node.disk().at(key).is_damaged) {
      ShardHost& host = host_of_key();
      host.shard().found_corrupt(host.key_at(key));
      host.wake();
    }
  });
}

/// A device takes no writes for a while; what it held stays.
void Faults::break_disk() {
  SimNode& node = any_node();
  Prng& prng = cluster_.prng(Chance::kFaults);
  const auto trouble = prng.one_in(2) ? StorageTrouble::kFull : StorageTrouble::kReadOnly;
  const uint64_t length_us = prng.between(100'000, prng.one_in(3) ? 6'000'000 : 1'500'000);
  if (node.is_ready() && node.disk_trouble() == StorageTrouble::kNone) {
    cluster_.probes().add("disk_trouble");
    node.begin_disk_trouble(trouble, length_us);
  }
}

void Faults::restore_later(SimNode& node) {
  if (node.document() == nullptr) {
    return;  // a backup that is worth its name is of a member
  }
  const Backup old = node.disk().backup();
  cluster_.queue().after(
      cluster_.prng(Chance::kFaults).between(500'000, 4'000'000), [this, &node, old] {
        const bool is_same = node.document() != nullptr && node.disk().files.record == old.record;
        if (cluster_.is_healing() || !loss_allowed() || !is_same) {
          return;
        }
        cluster_.probes().add("restored");
        if (node.is_up()) {
          end_process(node, false, true);
        }
        node.is_lossy = true;
        cluster_.note_loss(node);
        node.disk().restore(old);
        node.directory_lost_us = cluster_.queue().now_us();
        restart_later(node);
      });
}

void Faults::wipe(SimNode& node) {
  cluster_.probes().add("wiped");
  end_process(node, false, true);
  // One that waits to join may be made a member with the directory that it had.
  node.is_lossy = node.is_lossy || cluster_.plan().ring_change_every_ms != 0;
  node.disk().wipe();
  node.directory_lost_us = cluster_.queue().now_us();
  restart_later(node);
}

void Faults::pause() {
  SimNode& node = any_node();
  const uint64_t now_us = cluster_.queue().now_us();
  if (node.is_up() && node.paused_until_us < now_us) {
    cluster_.probes().add("pause");
    const bool is_long = cluster_.prng(Chance::kFaults).one_in(4);
    const uint64_t length_us =
        cluster_.prng(Chance::kFaults).between(50'000, is_long ? 6'000'000 : 1'500'000);
    stand_still(node, length_us);
  }
}

void Faults::stand_still(SimNode& node, uint64_t length_us) {
  node.paused_until_us = cluster_.queue().now_us() + length_us;
  cluster_.note_pause(length_us);
  cluster_.membership_judge().fault_of(node.number());
}

/// As SIGSTOP: a node that is in the middle of things stands still for long, and then goes on as if
/// nothing were.
void Faults::hang() {
  SimNode& node = any_node();
  if (!node.is_ready() || node.paused_until_us > cluster_.queue().now_us()) {
    const uint64_t left_us = cluster_.end_us() - cluster_.queue().now_us();
    if (left_us > Plan::kHangUs + 2 * kSecondUs) {
      cluster_.queue().after(kSecondUs, [this] { hang(); });
    }
    return;
  }
  cluster_.probes().add("hang");
  stand_still(node, Plan::kHangUs);
}

/// A link breaks without cause: its owner takes the other for down.
void Faults::doubt() {
  SimNode& node = any_node();
  SimNode& other = any_node();
  if (&node != &other && node.is_up()) {
    cluster_.probes().add("doubt");
    cluster_.membership_judge().fault(node.number(), other.number());
    cluster_.network().reset_link(node.number(), other.number());
  }
}

void Faults::jump_clock() {
  cluster_.probes().add("clock_jump");
  const int64_t bound = cluster_.plan().clock_skew_ms_max;
  any_node().skew_ms =
      static_cast<int64_t>(
          cluster_.prng(Chance::kFaults).below(static_cast<uint64_t>(2 * bound + 1))) -
      bound;
}

void Faults::flush() {
  SimNode& node = any_node();
  if (is_flushing_ || !node.is_ready()) {
    return;
  }
  cluster_.probes().add("flush_asked");
  is_flushing_ = true;
  const Stamp before = node.document()->flush_stamp;
  const uint64_t began_us = cluster_.queue().now_us();
  const size_t flush = cluster_.oracle().flush_began(began_us);
  node.ask_flush([this, &node, flush, before, saw_all = node.sees_all_up()](FlushEnd end) {
    is_flushing_ = false;
    if (end == FlushEnd::kRefused) {
      return cluster_.oracle().flush_refused(flush);
    }
    if (end == FlushEnd::kUnknown) {
      cluster_.probes().add("flush_unknown");
      return cluster_.oracle().flush_unknown(flush);
    }
    cluster_.probes().add("flush");
    const Stamp installed = node.document()->flush_stamp;
    if (installed <= before) {
      cluster_.oracle().fail("a flush was acknowledged that its coordinator does not have");
    }
    cluster_.oracle().flush_done(flush, installed, saw_all, cluster_.queue().now_us());
  });
}

}  // namespace kindred::sim
