#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/api/engine.h"
#include "replication/membership/swim.h"
#include "replication/node/shard.h"
#include "server/figures/gossip_count.h"
#include "server/figures/peer_link_metrics.h"
#include "server/session/channels.h"
#include "server/session/stats.h"

namespace kindred {

/// By BackgroundWork.
inline constexpr std::string_view kBackgroundWorkNames[kBackgroundWorks] = {
    "transfers", "hints", "anti_entropy", "read_repair", "tree_rebuilds", "sweeps", "reaping"};

/// What one worker counts, taken on its thread; sums over the workers are the node's.
struct WorkerFigures {
  SessionStats sessions;
  ShardMetrics shard;
  BudgetFigures background;
  HintCounts hint_counts;
  uint64_t hints_pending = 0;
  uint64_t clients = 0;
  uint64_t operations_in_flight = 0;
  uint64_t keys = 0;
  uint64_t expiring_keys = 0;
  LiveCount::SiblingHistogram by_siblings{};
  LiveCount::SiblingHistogram by_clock{};
  ActorId actor = 0;  // of the first partition held
  uint64_t filling_copies = 0;
  uint64_t whole_copies = 0;
  uint64_t tree_bytes = 0;
  uint64_t failed_writes = 0;
  uint64_t dropped_messages = 0;
  plugins::EngineStats engine;
  /// Hashes of the names that clients listen to, in order, by ListenKind: workers may have the
  /// same.
  std::array<std::vector<uint64_t>, static_cast<size_t>(ListenKind::kCount)> listened;

  size_t listened_count(ListenKind kind) const {
    return listened[static_cast<size_t>(kind)].size();
  }
  void add(const WorkerFigures& other);
};

/// Of SAVE and BGSAVE.
struct SaveFigures {
  uint64_t begun_us = 0;     // of the one under way; 0: there is none
  uint64_t last_save_s = 0;  // unix seconds; the node's start where there was none
  uint64_t last_took_s = 0;  // meaningful where count > 0 or last_failed
  uint64_t count = 0;        // that succeeded
  bool last_failed = false;
};

/// What INFO tells of.
struct NodeFigures {
  WorkerFigures sum;
  PeerLinkMetrics links;
  GossipCount gossip;
  SwimMetrics swim;
  std::string version;
  std::string node_name;
  std::string reap_held_up_by;  // a member's name; empty: nobody does
  std::string engine;
  std::string durability;
  uint64_t node_id = 0;
  uint64_t cluster_id = 0;
  uint64_t ring_epoch = 0;
  uint64_t ring_hash = 0;
  uint64_t members_up = 0;
  uint64_t members_down = 0;
  int64_t clock_offset_ms = 0;
  uint64_t membership_rejected = 0;
  uint64_t uptime_s = 0;
  uint64_t unix_ms = 0;
  uint64_t maxclients = 0;
  uint64_t rejected_connections = 0;
  uint64_t inventory_damaged = 0;
  uint16_t port = 0;
  uint32_t workers = 1;
  std::string config_file;
  bool loading = false;
  StorageTrouble storage_trouble = StorageTrouble::kNone;
  std::string storage_error;  // the engine's words
  SaveFigures saves;
  uint64_t save_runs_s = 0;  // how long the one under way has
};

/// INFO's text for the sections asked for ("all", "default", "everything", or names); none: the
/// default ones. Source: the INFO page of Redis's command reference.
std::string info_text(const NodeFigures& figures, const std::vector<std::string>& sections);

}  // namespace kindred
