#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <numeric>
#include <span>
#include <system_error>

#include "protocol/command/command_table.h"
#include "server/config/value_text.h"
#include "server/figures/figures.h"
#include "server/figures/process_figures.h"

namespace kindred {

namespace {

/// The version of Redis whose commands and replies clients may expect.
constexpr std::string_view kRedisVersion = "7.0.15";

void line(std::string* out, std::string_view name, std::string_view value) {
  out->append(name).append(":").append(value).append("\r\n");
}
void line(std::string* out, std::string_view name, uint64_t value) {
  line(out, name, std::to_string(value));
}

std::string human_bytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "K", "M", "G", "T"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f%s" : "%.2f%s", value, kUnits[unit]);
  return text;
}

std::string kilobytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", static_cast<double>(bytes) / 1024);
  return text;
}

std::string hex(uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

void server_section(const NodeFigures& figures, std::string* out) {
  utsname system{};
  ::uname(&system);
  line(out, "redis_version", kRedisVersion);
  line(out, "redis_git_sha1", "00000000");
  line(out, "redis_git_dirty", uint64_t{0});
  line(out, "kindred_version", figures.version);
  line(out, "redis_mode", "cluster");
  line(out, "os", std::string(system.sysname) + " " + system.release + " " + system.machine);
  line(out, "arch_bits", uint64_t{64});
  line(out, "multiplexing_api", "epoll");
  line(out, "process_id", static_cast<uint64_t>(::getpid()));
  line(out, "process_supervised", ::getenv("NOTIFY_SOCKET") != nullptr ? "systemd" : "no");
  line(out, "run_id", hex(figures.node_id) + hex(figures.node_id) + "00000000");
  line(out, "tcp_port", figures.port);
  line(out, "server_time_usec", figures.unix_ms * 1000);
  line(out, "uptime_in_seconds", figures.uptime_s);
  line(out, "uptime_in_days", figures.uptime_s / 86400);
  line(out, "io_threads_active", uint64_t{figures.workers > 1});
  std::error_code unknown;
  line(out, "executable", std::filesystem::read_symlink("/proc/self/exe", unknown).string());
  line(out, "config_file", figures.config_file);
}

void clients_section(const NodeFigures& figures, std::string* out) {
  line(out, "connected_clients", figures.sum.clients);
  line(out, "cluster_connections", uint64_t{0});
  line(out, "maxclients", figures.maxclients);
  line(out, "blocked_clients", uint64_t{0});
  line(out, "tracking_clients", uint64_t{0});
  line(out, "clients_in_timeout_table", uint64_t{0});
}

void memory_section(const NodeFigures& figures, std::string* out) {
  const ProcessFigures process = process_figures();
  char fragmentation[32];
  std::snprintf(fragmentation, sizeof fragmentation, "%.2f",
                static_cast<double>(process.resident_bytes) /
                    static_cast<double>(std::max<uint64_t>(process.used_bytes, 1)));
  line(out, "used_memory", process.used_bytes);
  line(out, "used_memory_human", human_bytes(process.used_bytes));
  line(out, "used_memory_rss", process.resident_bytes);
  line(out, "used_memory_rss_human", human_bytes(process.resident_bytes));
  line(out, "used_memory_peak", process.resident_peak_bytes);
  line(out, "used_memory_peak_human", human_bytes(process.resident_peak_bytes));
  line(out, "used_memory_dataset", figures.sum.engine.data_bytes);
  line(out, "total_system_memory", process.machine_bytes);
  line(out, "total_system_memory_human", human_bytes(process.machine_bytes));
  line(out, "maxmemory", uint64_t{0});
  line(out, "maxmemory_human", human_bytes(0));
  line(out, "maxmemory_policy", "noeviction");
  line(out, "mem_fragmentation_ratio", fragmentation);
  line(out, "mem_allocator", "libc");
}

std::string_view storage_word(StorageTrouble trouble) {
  switch (trouble) {
    case StorageTrouble::kNone:
      return "ok";
    case StorageTrouble::kFull:
      return "full";
    case StorageTrouble::kReadOnly:
      return "read-only";
    case StorageTrouble::kFailing:
      break;
  }
  return "failing";
}

void persistence_section(const NodeFigures& figures, std::string* out) {
  line(out, "loading", uint64_t{figures.loading});
  line(out, "async_loading", uint64_t{0});
  const SaveFigures& saves = figures.saves;
  const bool any_saved = saves.count > 0 || saves.last_failed;
  line(out, "rdb_changes_since_last_save", uint64_t{0});  // none would be lost without one
  line(out, "rdb_bgsave_in_progress", uint64_t{saves.begun_us != 0});
  line(out, "rdb_last_save_time", saves.last_save_s);
  line(out, "rdb_last_bgsave_status", saves.last_failed ? "err" : "ok");
  line(out, "rdb_last_bgsave_time_sec", any_saved ? std::to_string(saves.last_took_s) : "-1");
  line(out, "rdb_current_bgsave_time_sec",
       saves.begun_us != 0 ? std::to_string(figures.save_runs_s) : "-1");
  line(out, "rdb_saves", saves.count);
  line(out, "aof_enabled", uint64_t{0});
  line(out, "aof_rewrite_in_progress", uint64_t{0});
  line(out, "aof_rewrite_scheduled", uint64_t{0});
  line(out, "aof_last_rewrite_time_sec", "-1");
  line(out, "aof_current_rewrite_time_sec", "-1");
  line(out, "aof_last_bgrewrite_status", "ok");
  line(out, "aof_last_write_status", "ok");
  line(out, "storage_engine", figures.engine);
  line(out, "storage_durability", figures.durability);
  line(out, "storage_disk_bytes", figures.sum.engine.disk_bytes);
  line(out, "storage_failed_writes", figures.sum.failed_writes);
  line(out, "storage_status", storage_word(figures.storage_trouble));
  line(out, "storage_error", figures.storage_error);
}

void stats_section(const NodeFigures& figures, std::string* out) {
  const SessionStats& sessions = figures.sum.sessions;
  line(out, "total_connections_received", sessions.connections_received);
  line(out, "total_commands_processed", sessions.commands_processed);
  line(out, "instantaneous_ops_per_sec", sessions.commands_per_s);
  line(out, "total_net_input_bytes", sessions.bytes_received);
  line(out, "total_net_output_bytes", sessions.bytes_sent);
  line(out, "instantaneous_input_kbps", kilobytes(sessions.received_bytes_per_s));
  line(out, "instantaneous_output_kbps", kilobytes(sessions.sent_bytes_per_s));
  line(out, "rejected_connections", figures.rejected_connections);
  line(out, "expired_keys", uint64_t{0});
  line(out, "evicted_keys", uint64_t{0});
  line(out, "keyspace_hits", sessions.keyspace_hits);
  line(out, "keyspace_misses", sessions.keyspace_misses);
  line(out, "pubsub_channels", figures.sum.listened_count(ListenKind::kChannel));
  line(out, "pubsub_patterns", figures.sum.listened_count(ListenKind::kPattern));
  line(out, "pubsubshard_channels", figures.sum.listened_count(ListenKind::kShardChannel));
  line(out, "total_error_replies", sessions.error_replies);
  line(out, "peer_input_bytes", figures.links.bytes_received);
  line(out, "peer_output_bytes", figures.links.bytes_sent);
  line(out, "peer_frames_received", figures.links.frames_received);
  line(out, "peer_frames_sent", figures.links.frames_sent);
  line(out, "peer_frames_dropped", figures.links.frames_dropped);
  line(out, "operations_in_flight", figures.sum.operations_in_flight);
}

void replication_section(const NodeFigures& figures, std::string* out) {
  const ShardMetrics& shard = figures.sum.shard;
  line(out, "role", "master");
  line(out, "connected_slaves", uint64_t{0});
  line(out, "master_repl_offset", uint64_t{0});
  line(out, "coordinated_reads", shard.coordinated_reads);
  line(out, "coordinated_writes", shard.coordinated_writes);
  line(out, "passed_on_requests", shard.passed_on_requests);
  line(out, "read_repairs", shard.read_repairs);
  line(out, "read_repairs_left", shard.read_repairs_left);
  line(out, "quorum_failures", shard.quorum_failures);
  line(out, "hedged_reads", shard.hedged_reads);
  line(out, "overload_refusals", shard.overload_refusals);
  line(out, "hints_stored", figures.sum.hint_counts.stored);
  line(out, "hints_delivered", figures.sum.hint_counts.delivered);
  line(out, "hints_superseded", figures.sum.hint_counts.superseded);
  line(out, "hints_expired", figures.sum.hint_counts.expired);
  line(out, "hints_pending", figures.sum.hints_pending);
  line(out, "hints_refused", shard.hints_refused);
  line(out, "fallback_coordinated", shard.fallback_coordinated);
  line(out, "restamped_writes", shard.restamped_writes);
  line(out, "recomputed_modifications", shard.recomputed_modifications);
  line(out, "whole_copies", figures.sum.whole_copies);
  line(out, "filling_copies", figures.sum.filling_copies);
}

void cpu_section(const NodeFigures&, std::string* out) {
  const auto seconds = [](uint64_t us) {
    char text[32];
    std::snprintf(text, sizeof text, "%llu.%06llu", static_cast<unsigned long long>(us / 1'000'000),
                  static_cast<unsigned long long>(us % 1'000'000));
    return std::string(text);
  };
  const ProcessFigures process = process_figures();
  line(out, "used_cpu_sys", seconds(process.system_cpu_us));
  line(out, "used_cpu_user", seconds(process.user_cpu_us));
}

void command_line(const CommandSpec& spec, const SessionStats& stats, std::string* out) {
  const SessionStats::Command& command = stats.commands[static_cast<size_t>(spec.id)];
  if (command.calls == 0 && command.rejected == 0) {
    return;
  }
  const uint64_t usec = command.nanoseconds / 1000;
  char text[192];
  std::snprintf(
      text, sizeof text,
      "calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,failed_calls=%llu",
      static_cast<unsigned long long>(command.calls), static_cast<unsigned long long>(usec),
      command.calls == 0
          ? 0.0
          : static_cast<double>(command.nanoseconds) / 1000 / static_cast<double>(command.calls),
      static_cast<unsigned long long>(command.rejected),
      static_cast<unsigned long long>(command.failed));
  line(out, "cmdstat_" + std::string(spec.name), text);
}

void commandstats_section(const NodeFigures& figures, std::string* out) {
  for (const CommandSpec* spec : all_commands()) {
    command_line(*spec, figures.sum.sessions, out);
    for (const CommandSpec& subcommand : spec->subcommands) {
      command_line(subcommand, figures.sum.sessions, out);
    }
  }
}

void latency_line(const CommandSpec& spec, const SessionStats& stats, std::string* out) {
  const LatencyHistogram& latency = stats.commands[static_cast<size_t>(spec.id)].latency;
  if (latency.count() == 0) {
    return;
  }
  char text[96];
  std::snprintf(text, sizeof text, "p50=%llu.000,p99=%llu.000,p99.9=%llu.000",
                static_cast<unsigned long long>(latency.bound_of(500)),
                static_cast<unsigned long long>(latency.bound_of(990)),
                static_cast<unsigned long long>(latency.bound_of(999)));
  line(out, "latency_percentiles_usec_" + std::string(spec.name), text);
}

void latencystats_section(const NodeFigures& figures, std::string* out) {
  for (const CommandSpec* spec : all_commands()) {
    latency_line(*spec, figures.sum.sessions, out);
    for (const CommandSpec& subcommand : spec->subcommands) {
      latency_line(subcommand, figures.sum.sessions, out);
    }
  }
}

void errorstats_section(const NodeFigures& figures, std::string* out) {
  for (const SessionStats::Error& error : figures.sum.sessions.errors) {
    line(out, "errorstat_" + error.prefix, "count=" + std::to_string(error.count));
  }
}

void cluster_section(const NodeFigures&, std::string* out) {
  line(out, "cluster_enabled", uint64_t{1});
}

void keyspace_section(const NodeFigures& figures, std::string* out) {
  if (figures.sum.keys > 0) {
    line(out, "db0",
         "keys=" + std::to_string(figures.sum.keys) +
             ",expires=" + std::to_string(figures.sum.expiring_keys) + ",avg_ttl=0");
  }
}

void kindred_section(const NodeFigures& figures, std::string* out) {
  line(out, "kindred_version", figures.version);
  line(out, "node_name", figures.node_name);
  line(out, "node_id", hex(figures.node_id));
  line(out, "actor", hex(figures.sum.actor));
  line(out, "cluster_id", hex(figures.cluster_id));
  line(out, "ring_epoch", figures.ring_epoch);
  line(out, "ring_hash", hex(figures.ring_hash));
  line(out, "members_up", figures.members_up);
  line(out, "members_down", figures.members_down);
  line(out, "clock_offset_ms", std::to_string(figures.clock_offset_ms));
  line(out, "gossip_messages_sent", figures.gossip.all_sent().messages);
  line(out, "gossip_messages_received", figures.gossip.all_received().messages);
  line(out, "gossip_bytes_sent", figures.gossip.all_sent().bytes);
  line(out, "gossip_bytes_received", figures.gossip.all_received().bytes);
  line(out, "gossip_messages_sent_per_sec", figures.gossip.sent_a_second().messages);
  line(out, "gossip_bytes_sent_per_sec", figures.gossip.sent_a_second().bytes);
  line(out, "gossip_suspicions", figures.swim.suspicions);
  line(out, "gossip_refutations", figures.swim.refutations);
  line(out, "gossip_rejected", figures.swim.rejected);
}

std::string histogram_text(const LiveCount::SiblingHistogram& histogram) {
  static constexpr std::string_view kSizes[] = {"1", "2", "3-4", "5-8", "9-16", "17+"};
  std::string text;
  for (size_t i = 0; i < std::size(kSizes); ++i) {
    text += (i == 0 ? "" : ",") + std::string(kSizes[i]) + "=" + std::to_string(histogram[i + 1]);
  }
  return text;
}

void versions_section(const NodeFigures& figures, std::string* out) {
  const LiveCount::SiblingHistogram& keys = figures.sum.by_siblings;
  line(out, "keys_with_siblings", std::accumulate(keys.begin() + 2, keys.end(), uint64_t{0}));
  line(out, "siblings_histogram", histogram_text(keys));
  line(out, "clock_sizes_histogram", histogram_text(figures.sum.by_clock));
  line(out, "conflicts_hidden", figures.sum.shard.conflicts_hidden);
  line(out, "stale_reads", figures.sum.shard.stale_reads);
  line(out, "tombstones", keys[0]);
  const ShardMetrics& shard_counts = figures.sum.shard;
  line(out, "reap_rounds", shard_counts.reap_rounds);
  line(out, "reaped_keys", shard_counts.reaped_keys);
  line(out, "pruned_keys", shard_counts.pruned_keys);
  line(out, "reap_waiting_partitions", shard_counts.reap_waiting);
  line(out, "reap_held_up_by", figures.reap_held_up_by);
  line(out, "emptied_copies", shard_counts.emptied_copies);
  line(out, "reap_rounds_disbelieved", shard_counts.rounds_disbelieved);
}

void anti_entropy_section(const NodeFigures& figures, std::string* out) {
  const ShardMetrics& shard = figures.sum.shard;
  line(out, "exchanges", shard.exchanges);
  line(out, "exchanges_failed", shard.failed_exchanges);
  line(out, "keys_compared", shard.exchanged_keys);
  line(out, "keys_repaired", shard.exchange_repairs);
  line(out, "bytes", shard.exchanged_bytes);
  line(out, "last_full_cycle_ms", shard.last_full_cycle_ms);
  line(out, "tree_bytes", figures.sum.tree_bytes);
  line(out, "copies_restored", shard.restored_copies);
  line(out, "copies_checked", shard.checked_copies);
  line(out, "copies_mended", shard.mended_copies);
}

void background_section(const NodeFigures& figures, std::string* out) {
  const BudgetFigures& budget = figures.sum.background;
  line(out, "background_rate", budget.bytes_per_s);
  line(out, "background_rate_max", budget.bytes_per_s_max);
  line(out, "background_p99_us", budget.p99_us);
  line(out, "background_p99_target_us", budget.target_us);
  line(out, "background_slowdowns", budget.slowdowns);
  line(out, "background_speedups", budget.speedups);
  for (size_t work = 0; work < kBackgroundWorks; ++work) {
    line(out, "background_bytes_" + std::string(kBackgroundWorkNames[work]),
         budget.spent_bytes[work]);
  }
}

void integrity_section(const NodeFigures& figures, std::string* out) {
  line(out, "checksum_failures_disk",
       figures.inventory_damaged + figures.sum.shard.quarantined_records);
  line(out, "checksum_failures_wire",
       figures.links.checksum_failures + figures.sum.shard.damaged_records_received);
  line(out, "unproven_links", figures.links.unproven_links);
  line(out, "rejected_frames", figures.links.rejected_frames + figures.membership_rejected);
  line(out, "rejected_contexts", figures.sum.sessions.rejected_contexts);
  line(out, "quarantined_records", figures.sum.shard.quarantined_records);
}

struct Section {
  std::string_view title;
  bool by_default;
  void (*write)(const NodeFigures&, std::string*);
};

constexpr Section kSections[] = {
    {"Server", true, server_section},
    {"Clients", true, clients_section},
    {"Memory", true, memory_section},
    {"Persistence", true, persistence_section},
    {"Stats", true, stats_section},
    {"Replication", true, replication_section},
    {"CPU", true, cpu_section},
    {"Commandstats", false, commandstats_section},
    {"Errorstats", true, errorstats_section},
    {"Latencystats", false, latencystats_section},
    {"Cluster", true, cluster_section},
    {"Keyspace", true, keyspace_section},
    {"Kindred", true, kindred_section},
    {"Versions", true, versions_section},
    {"AntiEntropy", true, anti_entropy_section},
    {"Background", true, background_section},
    {"Integrity", true, integrity_section},
};

bool is_wanted(const Section& section, const std::vector<std::string>& names) {
  if (names.empty()) {
    return section.by_default;
  }
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    const std::string word = lower_case(name);
    return word == "all" || word == "everything" || word == lower_case(section.title) ||
           (word == "default" && section.by_default);
  });
}

}  // namespace

void WorkerFigures::add(const WorkerFigures& other) {
  sessions.add(other.sessions);
  background.add(other.background);
  shard.coordinated_reads += other.shard.coordinated_reads;
  shard.coordinated_writes += other.shard.coordinated_writes;
  shard.passed_on_requests += other.shard.passed_on_requests;
  shard.read_repairs += other.shard.read_repairs;
  shard.read_repairs_left += other.shard.read_repairs_left;
  shard.quorum_failures += other.shard.quorum_failures;
  shard.restamped_writes += other.shard.restamped_writes;
  shard.recomputed_modifications += other.shard.recomputed_modifications;
  shard.hedged_reads += other.shard.hedged_reads;
  shard.overload_refusals += other.shard.overload_refusals;
  shard.conflicts_seen += other.shard.conflicts_seen;
  shard.conflicts_hidden += other.shard.conflicts_hidden;
  shard.stale_reads += other.shard.stale_reads;
  shard.quarantined_records += other.shard.quarantined_records;
  shard.damaged_records_received += other.shard.damaged_records_received;
  shard.storage_failures += other.shard.storage_failures;
  shard.filled_copies += other.shard.filled_copies;
  shard.exchanges += other.shard.exchanges;
  shard.failed_exchanges += other.shard.failed_exchanges;
  shard.exchanged_keys += other.shard.exchanged_keys;
  shard.exchange_repairs += other.shard.exchange_repairs;
  shard.exchanged_bytes += other.shard.exchanged_bytes;
  shard.last_full_cycle_ms = std::max(shard.last_full_cycle_ms, other.shard.last_full_cycle_ms);
  shard.reap_rounds += other.shard.reap_rounds;
  shard.reaped_keys += other.shard.reaped_keys;
  shard.pruned_keys += other.shard.pruned_keys;
  shard.emptied_copies += other.shard.emptied_copies;
  shard.restored_copies += other.shard.restored_copies;
  shard.checked_copies += other.shard.checked_copies;
  shard.mended_copies += other.shard.mended_copies;
  shard.rounds_disbelieved += other.shard.rounds_disbelieved;
  shard.reap_waiting += other.shard.reap_waiting;
  shard.reap_held_up_by =
      shard.reap_held_up_by != 0 ? shard.reap_held_up_by : other.shard.reap_held_up_by;
  tree_bytes += other.tree_bytes;
  shard.hints_refused += other.shard.hints_refused;
  shard.fallback_coordinated += other.shard.fallback_coordinated;
  hint_counts.add(other.hint_counts);
  hints_pending += other.hints_pending;
  clients += other.clients;
  operations_in_flight += other.operations_in_flight;
  keys += other.keys;
  expiring_keys += other.expiring_keys;
  for (size_t i = 0; i < by_siblings.size(); ++i) {
    by_siblings[i] += other.by_siblings[i];
    by_clock[i] += other.by_clock[i];
  }
  actor = actor != 0 ? actor : other.actor;
  filling_copies += other.filling_copies;
  whole_copies += other.whole_copies;
  failed_writes += other.failed_writes;
  dropped_messages += other.dropped_messages;
  engine.records += other.engine.records;
  engine.data_bytes += other.engine.data_bytes;
  engine.memory_bytes += other.engine.memory_bytes;
  engine.disk_bytes += other.engine.disk_bytes;
  for (size_t kind = 0; kind < listened.size(); ++kind) {
    std::vector<uint64_t> all;
    std::set_union(listened[kind].begin(), listened[kind].end(), other.listened[kind].begin(),
                   other.listened[kind].end(), std::back_inserter(all));
    listened[kind] = std::move(all);
  }
}

std::string info_text(const NodeFigures& figures, const std::vector<std::string>& sections) {
  std::string out;
  for (const Section& section : kSections) {
    if (is_wanted(section, sections)) {
      if (!out.empty()) {
        out += "\r\n";
      }
      out.append("# ").append(section.title).append("\r\n");
      section.write(figures, &out);
    }
  }
  return out;
}

}  // namespace kindred
