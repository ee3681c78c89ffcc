#include "tests/sim/plan.h"

#include <algorithm>

#include "tests/sim/prng.h"

namespace kindred::sim {

namespace {

void choose_cluster(Plan& plan, Prng& prng) {
  plan.nodes = prng.one_in(3) ? static_cast<uint32_t>(prng.between(4, 5)) : 3;
  plan.replicas = 3;
  plan.partitions = prng.one_in(2) ? 16 : 4;
  for (uint32_t i = 0; i < plan.nodes; ++i) {
    plan.shards.push_back(prng.one_in(3) ? 2 : 1);
  }
  const uint64_t quorums = prng.below(20);
  plan.quorum.read = 2;
  plan.quorum.write = 2;
  if (quorums == 0) {
    plan.quorum.read = 1;
    plan.quorum.write = 3;
  } else if (quorums == 1) {
    plan.quorum.read = 3;
    plan.quorum.write = 1;
  } else if (quorums == 2) {
    plan.quorum.read = 1;
  } else if (quorums == 3) {
    plan.quorum.read = 3;
  }
  plan.durability = prng.one_in(4)   ? Durability::kMemory
                    : prng.one_in(3) ? Durability::kLogged
                                     : Durability::kSynced;
  plan.request_timeout_ms = static_cast<uint32_t>(prng.between(150, 800));
}

void choose_founding(Plan& plan, Prng& prng) {
  const uint64_t how = prng.below(12);
  plan.founding = how == 0   ? Founding::kOneLate
                  : how == 1 ? Founding::kSeedNeverThere
                  : how < 4  ? Founding::kDisturbed
                             : Founding::kTogether;
  plan.founding_spread_us = prng.one_in(4) ? 3'000'000 : 50'000;
}

void choose_workload(Plan& plan, Prng& prng) {
  plan.keys = {KeyClass::kVersions, KeyClass::kRegister, KeyClass::kMixed,     KeyClass::kLog,
               KeyClass::kCounter,  KeyClass::kExpiry,   KeyClass::kShortLived};
  if (prng.one_in(3)) {
    const KeyClass focus = plan.keys[prng.below(plan.keys.size())];
    plan.keys.assign(2, focus);
    plan.keys.push_back(KeyClass::kMixed);
    plan.keys.push_back(KeyClass::kVersions);
  }
  plan.clients = static_cast<uint32_t>(prng.between(3, 6));
  plan.think_us_max = prng.between(30'000, 150'000);
}

void choose_network(Plan& plan, Prng& prng) {
  if (prng.one_in(3)) {
    plan.delay_spread_us = prng.between(5'000, 40'000);
  }
  plan.slow_chance = prng.one_in(2) ? 10'000 : 1'000;
  plan.slow_us_max = prng.one_in(4) ? 4'000'000 : 300'000;
  plan.drop_chance = prng.one_in(2) ? prng.between(1'000, 40'000) : 0;
  plan.duplicate_chance = prng.one_in(2) ? prng.between(1'000, 40'000) : 0;
  plan.garble_chance = prng.one_in(6) ? 300 : 0;
}

void choose_faults(Plan& plan, Prng& prng) {
  auto every = [&prng](uint64_t one_in, uint32_t low_ms, uint32_t high_ms) {
    return prng.one_in(one_in) ? static_cast<uint32_t>(prng.between(low_ms, high_ms)) : 0;
  };
  plan.cut_every_ms = every(2, 1'500, 8'000);
  plan.crash_every_ms = every(2, 2'000, 8'000);
  plan.stop_every_ms = every(4, 3'000, 10'000);
  plan.machine_crash_every_ms = every(3, 3'000, 12'000);
  plan.lossy_every_ms = every(3, 3'000, 10'000);
  plan.pause_every_ms = every(4, 2'000, 8'000);
  plan.doubt_every_ms = every(3, 1'000, 6'000);
  plan.flush_every_ms = every(8, 8'000, 20'000);
  if (prng.one_in(6)) {
    // Copies are filling most of the time, and their sources come and go.
    plan.lossy_every_ms = 600;
    plan.crash_every_ms = 900;
    plan.drop_chance = 60'000;
    plan.clock_skew_ms_max = 3'000;
  }
  plan.store_failure_chance = prng.one_in(4) ? 2'000 : 0;
  plan.store_refusal_chance = prng.one_in(4) ? 2'000 : 0;
}

/// More nodes than copies, of which many are down at a time.
void choose_sloppy(Plan& plan, Prng& prng) {
  plan.quorum.is_sloppy = plan.quorum.write == 2 && prng.one_in(3);
  if (!plan.quorum.is_sloppy) {
    return;
  }
  plan.nodes = static_cast<uint32_t>(prng.between(4, 6));
  plan.shards.resize(plan.nodes, 1);
  plan.hint_ttl_ms = prng.one_in(2) ? prng.between(500, 3'000) : plan.hint_ttl_ms;
  if (prng.one_in(2)) {
    plan.crash_every_ms = static_cast<uint32_t>(prng.between(300, 1'200));
    plan.cut_every_ms = static_cast<uint32_t>(prng.between(1'000, 4'000));
  }
  if (prng.one_in(4)) {
    plan.store_failure_chance = 3'000;
    plan.store_refusal_chance = 3'000;
  }
}

/// Half of the keys go by rules of their own: other quorums, no registers, a resolver. W stays 2 at
/// least: what one copy alone acknowledged goes with it.
void choose_rules(Plan& plan, Prng& prng) {
  const bool is_usual = plan.quorum.read == 2 && plan.quorum.write == 2 && !plan.quorum.is_sloppy;
  if (!is_usual || !prng.one_in(3)) {
    return;
  }
  if (prng.one_in(3)) {
    plan.quorum.read = 1;
    plan.quorum.write = 3;
  }
  for (const KeyClass key_class : plan.keys) {
    Keyspace& rule = plan.rules.emplace_back();
    if (prng.one_in(2)) {
      rule.read = static_cast<uint8_t>(prng.between(1, 3));
      rule.write = static_cast<uint8_t>(rule.read == 1 ? 3 : prng.between(2, 3));
    }
    if (key_class == KeyClass::kRegister || key_class == KeyClass::kMixed) {
      rule.has_registers = prng.one_in(3);
    }
    if (key_class == KeyClass::kVersions || key_class == KeyClass::kMixed) {
      rule.resolver = prng.one_in(4) ? kResolverSiblings : prng.one_in(2) ? "max" : "min";
    }
  }
}

/// Some keys get more or fewer copies meanwhile, with quorums that are strict of any number of up
/// to five. Of two copies, one that is lost leaves the other.
void choose_copies(Plan& plan, Prng& prng) {
  const bool is_usual = plan.quorum.read == 2 && plan.quorum.write == 2;
  if (!is_usual || !prng.one_in(3)) {
    return;
  }
  plan.copies_change_every_ms = static_cast<uint32_t>(prng.between(500, 6'000));
  plan.rules.resize(plan.keys.size());
  for (Keyspace& rule : plan.rules) {
    rule.read = 3;
    rule.write = 3;
  }
}

}  // namespace

Plan make_plan(uint64_t seed, uint32_t seconds) {
  Prng prng(seed * 2 + 1);
  Plan plan;
  plan.seed = seed;
  plan.seconds = seconds;
  choose_cluster(plan, prng);
  choose_founding(plan, prng);
  choose_workload(plan, prng);
  choose_network(plan, prng);
  if (!prng.one_in(5)) {
    choose_faults(plan, prng);
  }
  if (plan.quorum.write == 1) {
    // One acknowledgement is one copy: losing it loses the write, as was asked for.
    plan.lossy_every_ms = 0;
    if (plan.durability == Durability::kMemory) {
      plan.durability = Durability::kSynced;
    }
  }
  plan.load_pending_chance = prng.one_in(2) ? 100'000 : 5'000;
  plan.sync_us_max = prng.one_in(4) ? 30'000 : 2'000;
  if (plan.clock_skew_ms_max == 0 && !prng.one_in(3)) {
    plan.clock_skew_ms_max = static_cast<int64_t>(prng.between(1, 3'000));
  }
  plan.clocks_jump = plan.clock_skew_ms_max != 0 && prng.one_in(2);
  Prng sloppy(seed * 2 + 0x510ff);
  choose_sloppy(plan, sloppy);
  Prng disks(seed * 2 + 0xd15c);
  if (plan.durability != Durability::kMemory && disks.one_in(3)) {
    plan.disk_trouble_every_ms = static_cast<uint32_t>(disks.between(1'500, 8'000));
    plan.load_failure_chance = disks.one_in(2) ? 20'000 : 0;
  }
  Prng exchanging(seed * 2 + 0x3c4a6);
  if (exchanging.one_in(3)) {
    plan.exchange_every_ms = static_cast<uint32_t>(exchanging.between(200, 3'000));
    plan.heals_by_exchange = true;
  }
  Prng hanging(seed * 2 + 0x4a46);
  plan.hangs = seconds >= Plan::kSecondsToHang && hanging.one_in(4);
  Prng ruling(seed * 2 + 0x4e757);
  choose_rules(plan, ruling);
  Prng copying(seed * 2 + 0xc0917);
  choose_copies(plan, copying);
  Prng reaping(seed * 2 + 0x7ea9);
  if (reaping.one_in(2)) {
    plan.reap_every_ms = static_cast<uint32_t>(reaping.between(100, 1'500));
    plan.tombstone_grace_ms = reaping.between(50, 2'000);
  }
  // A node's usual trees are far larger than the keys need here, and half of a run's time.
  plan.tree_bytes_max = seed % 32 == 0 ? size_t{64} << 20 : size_t{256} << 10;
  return plan;
}

void add_ring_changes(Plan& plan) {
  Prng prng(plan.seed * 2 + 101);
  plan.ring_change_every_ms = static_cast<uint32_t>(prng.between(1'000, 5'000));
  plan.spare_nodes = static_cast<uint32_t>(prng.between(1, 3));
  if (plan.is_peaceful() && prng.one_in(2)) {
    // Grown from one or two, fewer than there are to be copies.
    plan.founding = Founding::kTogether;
    plan.nodes = static_cast<uint32_t>(prng.between(1, 2));
    plan.shards.resize(plan.nodes, 1);
    plan.spare_nodes += 2;
  }
  for (uint32_t i = 0; i < plan.spare_nodes; ++i) {
    plan.shards.push_back(prng.one_in(3) ? 2 : 1);
  }
  if (plan.is_peaceful() && prng.one_in(2)) {
    // Else hardly a timeout is longer than what slow messages and disks may take.
    plan.slow_us_max = 30'000;
    plan.stall_us_max = 30'000;
  }
}

std::string describe(const Plan& plan) {
  auto number = [](const char* name, uint64_t value) {
    return " " + std::string(name) + "=" + std::to_string(value);
  };
  return number("nodes", plan.nodes) + number("founding", static_cast<uint64_t>(plan.founding)) +
         number("Q", plan.partitions) + number("R", plan.quorum.read) +
         number("W", plan.quorum.write) + number("sloppy", plan.quorum.is_sloppy ? 1 : 0) +
         number("durability", static_cast<uint64_t>(plan.durability)) +
         number("keys", plan.keys.size()) + number("clients", plan.clients) +
         number("timeout_ms", plan.request_timeout_ms) + number("drop", plan.drop_chance) +
         number("duplicate", plan.duplicate_chance) + number("garble", plan.garble_chance) +
         number("skew_ms", static_cast<uint64_t>(plan.clock_skew_ms_max)) +
         number("cut", plan.cut_every_ms) + number("crash", plan.crash_every_ms) +
         number("stop", plan.stop_every_ms) + number("machine_crash", plan.machine_crash_every_ms) +
         number("lossy", plan.lossy_every_ms) + number("pause", plan.pause_every_ms) +
         number("hangs", plan.hangs ? 1 : 0) + number("doubt", plan.doubt_every_ms) +
         number("flush", plan.flush_every_ms) + number("ring_change", plan.ring_change_every_ms) +
         number("copies_change", plan.copies_change_every_ms) + number("spare", plan.spare_nodes) +
         number("disk_trouble", plan.disk_trouble_every_ms) +
         number("load_failure", plan.load_failure_chance) +
         number("store_failure", plan.store_failure_chance) +
         number("store_refusal", plan.store_refusal_chance) + number("rules", plan.rules.size()) +
         number("exchange", plan.exchange_every_ms) +
         number("heals_by_exchange", plan.heals_by_exchange ? 1 : 0) +
         number("reap", plan.reap_every_ms) + number("grace_ms", plan.tombstone_grace_ms);
}

}  // namespace kindred::sim
