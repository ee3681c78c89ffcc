#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "replication/keyspace/keyspace.h"
#include "replication/node/messages.h"
#include "replication/quorum/quorum.h"

namespace kindred::sim {

/// What clients do with a key, so that what must hold for it can be said.
enum class KeyClass : uint8_t {
  kMixed,       // everything
  kVersions,    // DPUT, DDEL, DGET
  kRegister,    // SET, DEL, GET
  kCounter,     // INCR, GET
  kLog,         // APPEND, GET
  kExpiry,      // SET, DPUT, EXPIRE, PERSIST, GET; times far ahead
  kShortLived,  // SET and SET NX with a time to live of seconds, GET
};

/// How the nodes find each other.
enum class Founding : uint8_t {
  kTogether,
  kOneLate,
  kSeedNeverThere,  // one names a seed that is nobody's, until it is started without it
  kDisturbed,       // nodes die meanwhile, some with their directory
};

/// One seed's world. Chances are per million.
struct Plan {
  uint64_t seed = 0;
  uint32_t seconds = 30;

  uint32_t nodes = 3;
  uint32_t replicas = 3;
  uint32_t partitions = 16;
  std::vector<uint32_t> shards;  // of each node
  QuorumDefaults quorum;
  Durability durability = Durability::kSynced;
  uint32_t request_timeout_ms = 500;
  std::vector<KeyClass> keys;
  std::vector<Keyspace> rules;  // of each key, or none at all; without their patterns
  uint32_t clients = 4;
  uint64_t think_us_max = 40'000;

  Founding founding = Founding::kTogether;
  uint64_t founding_spread_us = 50'000;  // between the nodes' first starts

  // Network.
  uint64_t delay_us = 300;
  uint64_t delay_spread_us = 1000;
  uint64_t slow_chance = 2'000;  // of a message that takes up to slow_us_max
  uint64_t slow_us_max = 300'000;
  uint64_t drop_chance = 0;
  uint64_t duplicate_chance = 0;
  uint64_t garble_chance = 0;  // of a frame of which a bit is turned

  // Engines.
  uint64_t load_pending_chance = 50'000;
  uint64_t load_failure_chance = 0;
  uint64_t store_failure_chance = 0;
  uint64_t store_refusal_chance = 0;
  uint64_t sync_us_max = 3'000;
  uint64_t stall_us_max =
      500'000;  // of one store in 200; one load or node record in 20 takes most of it

  // Clocks, in ms.
  int64_t clock_skew_ms_max = 0;
  bool clocks_jump = false;

  // Anti-entropy: a cycle every so many ms, 0: none; and whether it alone makes copies equal at the
  // end, before anything is read.
  uint32_t exchange_every_ms = 0;
  bool heals_by_exchange = false;

  // Reaping: a cycle every so many ms, 0: none; of what is dead for so long.
  uint32_t reap_every_ms = 0;
  uint64_t tombstone_grace_ms = 86'400'000;

  // Faults, one every so many ms on average; 0: never.
  uint32_t cut_every_ms = 0;
  uint32_t crash_every_ms = 0;
  uint32_t stop_every_ms = 0;  // in order
  uint32_t machine_crash_every_ms = 0;
  uint32_t lossy_every_ms = 0;         // wiped or restored directory, damaged record
  uint32_t disk_trouble_every_ms = 0;  // a device that is full or read-only for a while
  uint32_t pause_every_ms = 0;
  bool hangs = false;           // a node stands still for 40 s, once; in runs long enough for it
  uint32_t doubt_every_ms = 0;  // a link that breaks without cause
  uint32_t flush_every_ms = 0;
  size_t tree_bytes_max = 0;            // of a node
  uint32_t ring_change_every_ms = 0;    // nodes join, leave, are removed or replaced
  uint32_t copies_change_every_ms = 0;  // keyspaces get an n of their own, or lose it
  uint32_t spare_nodes = 0;             // that may join

  static constexpr uint64_t kHangUs = 40'000'000;
  static constexpr uint32_t kSecondsToHang = 60;

  uint64_t hint_ttl_ms = 10'800'000;

  uint8_t read_quorum(uint32_t key) const {
    return rules.empty() || rules[key].read == 0 ? quorum.read : rules[key].read;
  }
  uint8_t write_quorum(uint32_t key) const {
    return rules.empty() || rules[key].write == 0 ? quorum.write : rules[key].write;
  }
  bool has_registers(uint32_t key) const { return rules.empty() || rules[key].has_registers; }
  std::string_view resolver(uint32_t key) const {
    return rules.empty() ? kResolverLww : std::string_view(rules[key].resolver);
  }
  /// R + W > N and 2W > N: acknowledged registers of the key keep their real-time order, where
  /// quorums are sloppy those whose quorums primaries met alone.
  bool is_strict(uint32_t key) const {
    return read_quorum(key) + write_quorum(key) > replicas && 2 * write_quorum(key) > replicas;
  }
  /// Operators ask for changes that a majority of members has to agree on.
  bool changes_document() const { return ring_change_every_ms != 0 || copies_change_every_ms != 0; }
  /// No node, link or device fails; what members want may change.
  bool is_peaceful() const {
    return cut_every_ms == 0 && crash_every_ms == 0 && stop_every_ms == 0 &&
           machine_crash_every_ms == 0 && lossy_every_ms == 0 && pause_every_ms == 0 && !hangs &&
           doubt_every_ms == 0 && store_failure_chance == 0 && store_refusal_chance == 0 &&
           load_failure_chance == 0 && disk_trouble_every_ms == 0;
  }
  /// Nothing makes two nodes coordinate read-modify-writes of a key at once.
  bool is_calm() const {
    return is_peaceful() && flush_every_ms == 0 && ring_change_every_ms == 0 &&
           copies_change_every_ms == 0;
  }
  /// What fails in time fails for no reason: no frame is lost, or late by more than a request
  /// waits.
  bool must_serve() const {
    return is_peaceful() && drop_chance == 0 && garble_chance == 0 &&
           slow_us_max < request_timeout_ms * 1000ULL;
  }
};

[[nodiscard]] Plan make_plan(uint64_t seed, uint32_t seconds);
/// Lets nodes join, leave, be removed and replaced meanwhile.
void add_ring_changes(Plan& plan);
[[nodiscard]] std::string describe(const Plan& plan);

}  // namespace kindred::sim
