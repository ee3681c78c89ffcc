#include "server/session/stats.h"

#include <algorithm>
#include <numeric>

namespace kindred {

uint64_t LatencyHistogram::count() const {
  return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0});
}

uint64_t LatencyHistogram::bound_of(uint64_t per_mille) const {
  const uint64_t all = count();
  uint64_t found = 0;
  for_each_bound([&](uint64_t bound_us, uint64_t up_to) {
    if (found == 0 && all > 0 && up_to * 1000 >= all * per_mille) {
      found = bound_us;
    }
  });
  return found;
}

void SessionStats::count_error(std::string_view text) {
  ++error_replies;
  const std::string_view prefix = text.substr(0, text.find(' '));
  for (Error& error : errors) {
    if (error.prefix == prefix) {
      ++error.count;
      return;
    }
  }
  if (errors.size() < kErrorPrefixesMax) {
    errors.push_back({std::string(prefix), 1});
  }
}

void SessionStats::add(const SessionStats& other) {
  for (size_t i = 0; i < commands.size(); ++i) {
    commands[i].calls += other.commands[i].calls;
    commands[i].nanoseconds += other.commands[i].nanoseconds;
    commands[i].rejected += other.commands[i].rejected;
    commands[i].failed += other.commands[i].failed;
    commands[i].latency.add(other.commands[i].latency);
  }
  for (const Error& theirs : other.errors) {
    const auto ours = std::find_if(errors.begin(), errors.end(), [&](const Error& error) {
      return error.prefix == theirs.prefix;
    });
    if (ours != errors.end()) {
      ours->count += theirs.count;
    } else {
      errors.push_back(theirs);
    }
  }
  commands_processed += other.commands_processed;
  connections_received += other.connections_received;
  bytes_received += other.bytes_received;
  bytes_sent += other.bytes_sent;
  error_replies += other.error_replies;
  protocol_errors += other.protocol_errors;
  rejected_contexts += other.rejected_contexts;
  keyspace_hits += other.keyspace_hits;
  keyspace_misses += other.keyspace_misses;
  commands_per_s += other.commands_per_s;
  received_bytes_per_s += other.received_bytes_per_s;
  sent_bytes_per_s += other.sent_bytes_per_s;
}

void SessionStats::reset() {
  *this = SessionStats();
}

}  // namespace kindred
