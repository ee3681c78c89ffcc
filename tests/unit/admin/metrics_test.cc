#include "server/admin/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

namespace kindred {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
  }
  return lines;
}

TEST(Metrics, TableHasUniqueNamesInBaseUnits) {
  std::set<std::string_view> names;
  for (const MetricSpec& metric : metric_table()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_TRUE(metric.name.starts_with("kindred_")) << metric.name;
    EXPECT_EQ(metric.kind == MetricSpec::Kind::kCounter, metric.name.ends_with("_total"))
        << metric.name;
    EXPECT_THAT(std::string(metric.name), Not(testing::ContainsRegex("_(ms|us|kb|percent)(_|$)")));
    EXPECT_TRUE(metric.help.ends_with('.')) << metric.name;
  }
}

// Whoever adds a count to INFO adds it here as well, or says that it needs none.
TEST(Metrics, HaveWhatInfoCounts) {
  const std::set<std::string_view> left_out = {
      // Parts of dates, of versions and of names.
      "redis_version",
      "redis_git_sha1",
      "redis_git_dirty",
      "arch_bits",
      "process_id",
      "tcp_port",
      "server_time_usec",
      "uptime_in_days",
      "io_threads_active",
      // Always the same in Kindred; there for clients of Redis.
      "cluster_connections",
      "blocked_clients",
      "tracking_clients",
      "clients_in_timeout_table",
      "maxmemory",
      "mem_fragmentation_ratio",
      "async_loading",
      "rdb_changes_since_last_save",
      "aof_enabled",
      "aof_rewrite_in_progress",
      "aof_rewrite_scheduled",
      "aof_last_rewrite_time_sec",
      "aof_current_rewrite_time_sec",
      "rdb_last_bgsave_time_sec",
      "rdb_current_bgsave_time_sec",
      "expired_keys",
      "evicted_keys",
      "connected_slaves",
      "master_repl_offset",
      "cluster_enabled",
      // Rates: Prometheus makes its own.
      "instantaneous_ops_per_sec",
      "instantaneous_input_kbps",
      "instantaneous_output_kbps",
      "gossip_messages_sent_per_sec",
      "gossip_bytes_sent_per_sec",
      // Sums of a metric with labels.
      "keys_with_siblings",
  };
  std::set<std::string_view> told;
  for (const MetricSpec& metric : metric_table()) {
    told.insert(metric.info);
  }
  std::set<std::string> fields;
  for (const std::string& line : lines_of(info_text(NodeFigures(), {}))) {
    const size_t colon = line.find(':');
    const std::string value = colon == std::string::npos ? "" : line.substr(colon + 1);
    const bool is_number = !value.empty() && value.size() < 16 &&
                           value.find_first_not_of("-.0123456789") == std::string::npos;
    const std::string field = line.substr(0, colon);
    if (is_number && !field.starts_with("background_bytes_")) {
      EXPECT_NE(told.contains(field), left_out.contains(field)) << field;
      fields.insert(field);
    }
  }
  EXPECT_GT(fields.size(), 100U);
  for (const std::string_view field : left_out) {
    EXPECT_TRUE(fields.contains(std::string(field))) << field;
  }
}

TEST(Metrics, AreOneFamilyEach) {
  NodeFigures figures;
  figures.version = "1.2.3";
  figures.node_name = "a\"b\\c\nd";
  figures.clock_offset_ms = -250;
  auto& get = figures.sum.sessions.of(CommandId::kGet);
  get.calls = 3;
  get.failed = 1;
  for (const uint64_t us : {1, 5, 20'000'000}) {
    get.latency.note(us);
  }
  figures.sum.sessions.count_error("NOQUORUM read");
  figures.sum.by_siblings = {7, 0, 0, 2, 0, 0, 0};
  const std::string text = metrics_text(figures);
  for (const std::string_view line :
       {"kindred_node_info{version=\"1.2.3\",node=\"a\\\"b\\\\c\\nd\",engine=\"\",durability=\"\"} "
        "1",
        "kindred_clock_offset_seconds -0.25", "kindred_tombstones 7",
        "kindred_keys_by_siblings{siblings=\"3-4\"} 2",
        "kindred_errors_total{error=\"NOQUORUM\"} 1",
        "kindred_command_calls_total{command=\"get\"} 3",
        "kindred_command_failed_total{command=\"get\"} 1",
        "kindred_command_duration_seconds_bucket{command=\"get\",le=\"1e-06\"} 1",
        "kindred_command_duration_seconds_bucket{command=\"get\",le=\"1.6e-05\"} 2",
        "kindred_command_duration_seconds_bucket{command=\"get\",le=\"4.194304\"} 2",
        "kindred_command_duration_seconds_bucket{command=\"get\",le=\"+Inf\"} 3",
        "kindred_command_duration_seconds_sum{command=\"get\"} 20.000006",
        "kindred_command_duration_seconds_count{command=\"get\"} 3"}) {
    EXPECT_THAT(text, HasSubstr("\n" + std::string(line) + "\n"));
  }
  EXPECT_THAT(text, Not(HasSubstr("command=\"set\"")));
  EXPECT_THAT(text, Not(HasSubstr("le=\"16.777216\"")));
  std::set<std::string> families;
  for (const std::string& line : lines_of(text)) {
    if (line.starts_with("# TYPE ")) {
      EXPECT_TRUE(families.insert(line.substr(7, line.find(' ', 7) - 7)).second) << line;
    }
  }
}

}  // namespace
}  // namespace kindred
