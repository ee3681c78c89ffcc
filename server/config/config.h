#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "replication/keyspace/keyspace.h"

namespace kindred {

enum class DurabilityDirective : uint8_t { kNone, kAsync, kGroup };
enum class LogVerbosity : uint8_t { kDebug, kVerbose, kNotice, kWarning };

/// Whether clients must show a certificate.
enum class TlsClients : uint8_t { kYes, kNo, kOptional };

/// Unsent output above which a client is cut off: at once, or where it stays so for some time; 0:
/// never.
struct OutputLimitDirective {
  uint64_t hard_bytes = 0;
  uint64_t soft_bytes = 0;
  uint32_t soft_s = 0;
};

/// client-output-buffer-limit. A node has no clients of the class 'replica': its limit is shown.
struct OutputLimits {
  OutputLimitDirective normal;
  OutputLimitDirective replica{256ULL << 20, 64ULL << 20, 60};
  OutputLimitDirective pubsub{32ULL << 20, 8ULL << 20, 60};
};

/// HOST:PEERPORT as written in the configuration.
struct SeedAddress {
  std::string host;
  uint16_t port = 0;
  friend bool operator==(const SeedAddress&, const SeedAddress&) = default;
};

/// What the directives say, one member each; the table in directives.cc fills and prints it.
struct Config {
  std::string config_file;  // that it was read from, with its whole path; empty: from none
  std::vector<std::string> bind = {"127.0.0.1"};  // numeric; the first one is announced
  uint16_t port = 6379;
  uint16_t peer_port = 0;  // 0: port + 10000
  std::string announce_host;
  uint16_t admin_port = 0;  // 0: none
  uint16_t announce_port = 0;
  uint16_t announce_peer_port = 0;
  std::string dir = ".";
  std::string restore;  // a backup's directory; empty: none
  std::string node_name;
  std::string zone = "default";
  uint32_t weight = 1;
  bool auto_join = true;
  std::vector<SeedAddress> seeds;
  std::string storage_engine = "rocksdb";
  std::vector<std::string> plugins;
  std::vector<std::pair<std::string, std::string>> engine_settings;
  uint32_t ring_partitions = 256;
  uint32_t replicas = 3;
  uint32_t read_quorum = 2;
  uint32_t write_quorum = 2;
  uint32_t durable_quorum = 0;
  DurabilityDirective durability = DurabilityDirective::kGroup;
  bool sloppy_quorum = true;
  uint64_t hint_ttl_ms = 10'800'000;
  uint64_t hint_store_bytes_max = 1ULL << 30;
  uint64_t hint_bytes_per_s = 16ULL << 20;
  uint64_t background_bytes_per_s = 64ULL << 20;
  uint64_t background_p99_target_us = 0;
  uint64_t tombstone_grace_ms = 86'400'000;
  uint32_t anti_entropy_interval_ms = 10'000;  // 0: never
  uint32_t request_timeout_ms = 1000;
  uint32_t max_siblings = 100;
  std::vector<Keyspace> keyspaces;  // as a cluster is founded with
  uint32_t workers = 0;             // 0: one a core
  uint32_t maxclients = 10000;
  uint64_t proto_max_bulk_len_bytes = 512ULL << 20;
  uint64_t client_query_buffer_limit_bytes = 1ULL << 30;
  OutputLimits output_limits;
  uint32_t timeout_s = 0;
  uint32_t tcp_keepalive_s = 300;               // 0: none
  uint32_t notify_events = 0;                   // event_class bits; 0: none
  int64_t slowlog_log_slower_than_us = 10'000;  // negative: none
  uint64_t slowlog_max_len = 128;
  uint64_t acllog_max_len = 128;
  std::string requirepass;
  std::vector<std::vector<std::string>> users;  // of each `user` line the words after it
  std::string aclfile;                          // empty: none
  bool protected_mode = true;
  std::string cluster_secret;  // empty: none
  uint16_t tls_port = 0;
  std::string tls_cert_file;
  std::string tls_key_file;
  std::string tls_key_file_pass;
  std::string tls_ca_cert_file;
  std::string tls_ca_cert_dir;
  TlsClients tls_auth_clients = TlsClients::kYes;
  bool tls_peers = false;
  LogVerbosity loglevel = LogVerbosity::kNotice;
  std::string logfile;
  std::string pidfile;

  uint16_t effective_peer_port() const {
    return peer_port != 0 ? peer_port : static_cast<uint16_t>(client_port() + 10000);
  }
  /// As announced where announce-port says nothing.
  uint16_t client_port() const { return port != 0 ? port : tls_port; }
  bool uses_tls() const { return tls_port != 0 || tls_peers; }
};

}  // namespace kindred
