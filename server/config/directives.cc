#include "server/config/directives.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "replication/keyspace/keyspace_words.h"
#include "server/access/users.h"
#include "server/config/directive_setters.h"

namespace kindred {

namespace {

using namespace directive_setters;  // NOLINT: the table reads better

constexpr Choice<DurabilityDirective> kDurabilities[] = {{"none", DurabilityDirective::kNone},
                                                         {"async", DurabilityDirective::kAsync},
                                                         {"group", DurabilityDirective::kGroup}};
constexpr Choice<bool> kYesOrNo[] = {{"yes", true}, {"no", false}};
constexpr Choice<TlsClients> kTlsClients[] = {
    {"yes", TlsClients::kYes}, {"no", TlsClients::kNo}, {"optional", TlsClients::kOptional}};
constexpr Choice<LogVerbosity> kLogLevels[] = {{"debug", LogVerbosity::kDebug},
                                               {"verbose", LogVerbosity::kVerbose},
                                               {"notice", LogVerbosity::kNotice},
                                               {"warning", LogVerbosity::kWarning}};

std::string set_bind(Config& config, Words words) {
  if (words.empty()) {
    return "needs at least one address";
  }
  config.bind.assign(words.begin(), words.end());
  return "";
}

std::string print_bind(const Config& config) {
  std::string out;
  for (const std::string& host : config.bind) {
    out += (out.empty() ? "" : " ") + host;
  }
  return out;
}

std::string print_peer_port(const Config& config) {
  return std::to_string(config.effective_peer_port());
}

std::string set_partitions(Config& config, Words words) {
  const auto value = words.size() == 1 ? parse_number(words[0]) : std::nullopt;
  if (!value || *value < 16 || *value > 16384 || !std::has_single_bit(*value)) {
    return must_be("a power of two from 16 to 16384", words);
  }
  config.ring_partitions = static_cast<uint32_t>(*value);
  return "";
}

std::string add_seed(Config& config, Words words) {
  constexpr size_t kSeedsMax = 64;
  const auto seed = words.size() == 1 ? parse_seed(words[0]) : std::nullopt;
  if (!seed) {
    return must_be("HOST:PEERPORT", words);
  }
  if (config.seeds.size() == kSeedsMax) {
    return "may be given 64 times at most";
  }
  config.seeds.push_back(*seed);
  return "";
}

std::string print_seeds(const Config& config) {
  std::string out;
  for (const SeedAddress& seed : config.seeds) {
    out += (out.empty() ? "" : " ") + to_text(seed);
  }
  return out;
}

std::string add_plugin(Config& config, Words words) {
  if (words.size() != 1 || words[0].empty()) {
    return must_be("the path of a shared object", words);
  }
  config.plugins.push_back(words[0]);
  return "";
}

std::string print_plugins(const Config& config) {
  std::string out;
  for (const std::string& path : config.plugins) {
    out += (out.empty() ? "" : " ") + path;
  }
  return out;
}

std::string add_keyspace(Config& config, Words words) {
  constexpr uint32_t kReplicasMax = 16;  // of the directive; N itself may come later
  const std::vector<std::string_view> given(words.begin(), words.end());
  Keyspace keyspace;
  const std::string wrong = parse_keyspace(given, kReplicasMax, &keyspace);
  if (!wrong.empty()) {
    return "is wrong: " + wrong;
  }
  for (const Keyspace& known : config.keyspaces) {
    if (known.pattern == keyspace.pattern) {
      return "names '" + keyspace.pattern + "' twice";
    }
  }
  if (config.keyspaces.size() == kKeyspacesMax) {
    return "may be given 256 times at most";
  }
  config.keyspaces.push_back(std::move(keyspace));
  return "";
}

std::string print_keyspaces(const Config& config) {
  std::string out;
  for (const Keyspace& keyspace : config.keyspaces) {
    out += (out.empty() ? "" : ", ") + keyspace_text(keyspace);
  }
  return out;
}

std::string set_cluster_secret(Config& config, Words words) {
  constexpr size_t kBytesMin = 16;
  if (words.size() != 1 || words[0].size() < kBytesMin) {
    return "must be one word of at least 16 characters";  // and is not shown
  }
  config.cluster_secret = words[0];
  return "";
}

std::string add_user(Config& config, Words words) {
  Users scratch;
  std::string wrong = add_configured_user(scratch, words);
  if (!wrong.empty()) {
    return wrong;
  }
  for (const auto& known : config.users) {
    if (known[0] == words[0]) {
      return "names '" + words[0] + "' twice";
    }
  }
  config.users.emplace_back(words.begin(), words.end());
  return "";
}

std::string add_engine_setting(Config& config, Words words) {
  if (words.size() != 2) {
    return "must be a name and a value";  // and may be a secret
  }
  config.engine_settings.emplace_back(words[0], words[1]);
  return "";
}

std::string print_engine_settings(const Config& config) {
  std::string out;
  for (const auto& [name, value] : config.engine_settings) {
    out.append(out.empty() ? "" : " ").append(name).append(" ");
    out.append(without_secret(name, value));
  }
  return out;
}

std::string set_slow_from(Config& config, Words words) {
  if (words.size() == 1 && words[0] == "-1") {
    config.slowlog_log_slower_than_us = -1;
    return "";
  }
  const auto from_us = words.size() == 1 ? parse_number(words[0]) : std::nullopt;
  if (!from_us || *from_us > INT64_MAX) {
    return must_be("a number of microseconds, or -1", words);
  }
  config.slowlog_log_slower_than_us = static_cast<int64_t>(*from_us);
  return "";
}

std::string print_slow_from(const Config& config) {
  return std::to_string(config.slowlog_log_slower_than_us);
}

constexpr bool kRuntime = true;
constexpr bool kStart = false;
constexpr bool kRepeatable = true;
constexpr bool kOnce = false;

// clang-format off
constexpr Directive kDirectives[] = {
    {"bind", "ADDRESS...", "127.0.0.1", kStart, kOnce,
     "Addresses to listen on for clients and peers; connections to peers leave from the first. "
     "Beyond loopback it needs a cluster-secret or tls-peers.", set_bind, print_bind},
    {"port", "PORT", "6379", kStart, kOnce, "Port for clients; 0: none without TLS.",
     set_number<&Config::port, 0, 65535>, print_number<&Config::port>},
    {"peer-port", "PORT", "port + 10000", kStart, kOnce, "Port for the other nodes.",
     set_number<&Config::peer_port, 1, 65535>, print_peer_port},
    {"announce-host", "ADDRESS", "", kStart, kOnce,
     "The address that others are told, where it is not the first of bind.",
     set_text<&Config::announce_host>, print_text<&Config::announce_host>},
    {"announce-port", "PORT", "0", kStart, kOnce, "The client port that others are told; 0: port.",
     set_number<&Config::announce_port, 0, 65535>, print_number<&Config::announce_port>},
    {"announce-peer-port", "PORT", "0", kStart, kOnce,
     "The peer port that others are told; 0: peer-port.",
     set_number<&Config::announce_peer_port, 0, 65535>, print_number<&Config::announce_peer_port>},
    {"admin-port", "PORT", "0", kStart, kOnce,
     "Port of the admin pages, HTTP without TLS: /metrics, /healthz, /readyz, /ring; 0: off.",
     set_number<&Config::admin_port, 0, 65535>, print_number<&Config::admin_port>},
    {"dir", "DIRECTORY", ".", kStart, kOnce,
     "Where the node keeps its data. One process a directory.",
     set_text<&Config::dir>, print_text<&Config::dir>},
    {"restore", "DIRECTORY", "", kStart, kOnce,
     "Puts what RING BACKUP or SAVE left in that directory into dir, which must not hold a node's data yet, "
     "and starts from it.",
     set_text<&Config::restore>, print_text<&Config::restore>},
    {"node-name", "NAME", "", kStart, kOnce,
     "The node's name; a random one, kept in dir, where it is not given.",
     set_name<&Config::node_name>, print_text<&Config::node_name>},
    {"zone", "NAME", "default", kStart, kOnce,
     "Where the node stands: copies of a key go to different zones where there are several. "
     "Another one counts from the next start on.",
     set_name<&Config::zone>, print_text<&Config::zone>},
    {"weight", "NUMBER", "1", kStart, kOnce,
     "The node's share of the data relative to the others'. Another one counts from the next start "
     "on: partitions move then.",
     set_number<&Config::weight, 1, 1000>, print_number<&Config::weight>},
    {"seed", "HOST:PEERPORT", "", kStart, kRepeatable,
     "A node to find the cluster through, and to join it. A node with no seed founds a cluster of its "
     "own; nodes that name each other found one together.", add_seed, print_seeds},
    {"auto-join", "yes|no", "yes", kStart, kOnce,
     "Whether a node that finds a cluster through its seeds joins it and takes its share without more "
     "commands; `no`: it waits for RING JOIN.",
     set_choice<&Config::auto_join, kYesOrNo>, print_choice<&Config::auto_join, kYesOrNo>},
    {"cluster-secret", "SECRET", "", kStart, kOnce,
     "Shared by all nodes, at least 16 characters: links between nodes begin with its proof, and every "
     "frame is authenticated. Needed where bind is not loopback.", set_cluster_secret, nullptr},
    {"storage-engine", "NAME", "rocksdb", kStart, kOnce,
     "What keeps the data: rocksdb, lmdb, redis, memory, or an engine from a "
     "plugin.",
     set_name<&Config::storage_engine>, print_text<&Config::storage_engine>},
    {"storage-engine-setting", "NAME VALUE", "", kStart, kRepeatable,
     "A setting of the engine's own.", add_engine_setting, print_engine_settings},
    {"plugin", "PATH", "", kStart, kRepeatable, "A shared object with a storage engine, a resolver, or both.",
     add_plugin, print_plugins},
    {"ring-partitions", "NUMBER", "256", kStart, kOnce,
     "Q, the number of partitions: a power of two from 16 to 16384. Fixed when the cluster is "
     "founded.", set_partitions, print_number<&Config::ring_partitions>},
    {"replicas", "NUMBER", "3", kStart, kOnce,
     "N, copies of each key. Fixed when the cluster is founded.",
     set_number<&Config::replicas, 1, 16>, print_number<&Config::replicas>},
    {"read-quorum", "NUMBER", "2", kRuntime, kOnce,
     "R, copies that must answer a read; capped at the number of members.",
     set_number<&Config::read_quorum, 1, 16>, print_number<&Config::read_quorum>},
    {"write-quorum", "NUMBER", "2", kRuntime, kOnce,
     "W, copies that must hold a write; capped at the number of members.",
     set_number<&Config::write_quorum, 1, 16>, print_number<&Config::write_quorum>},
    {"durable-quorum", "NUMBER", "0", kRuntime, kOnce, "DW, copies that must have synced a write.",
     set_number<&Config::durable_quorum, 0, 16>, print_number<&Config::durable_quorum>},
    {"durability", "none|async|group", "group", kRuntime, kOnce,
     "How safe a copy is before it counts: in memory, written to the log, or synced (one sync "
     "serves all writes that wait). The memory engine has none.",
     set_choice<&Config::durability, kDurabilities>, print_choice<&Config::durability, kDurabilities>},
    {"sloppy-quorum", "yes|no", "yes", kRuntime, kOnce,
     "Whether other nodes may stand in for replicas that are down, so that W and R are met without "
     "them. With `no` hints are kept all the same, but count for nothing.",
     set_choice<&Config::sloppy_quorum, kYesOrNo>, print_choice<&Config::sloppy_quorum, kYesOrNo>},
    {"hint-ttl-ms", "MILLISECONDS", "10800000", kRuntime, kOnce,
     "Age from which a hint need not wait for its node: it goes once a write quorum of the other "
     "replicas holds what it holds.",
     set_number<&Config::hint_ttl_ms, 1, UINT32_MAX>, print_number<&Config::hint_ttl_ms>},
    {"hint-store-max", "SIZE", "1gb", kRuntime, kOnce,
     "Size of all hints that a worker keeps for others; more are refused.",
     set_size<&Config::hint_store_bytes_max, 0>, print_number<&Config::hint_store_bytes_max>},
    {"hint-rate", "SIZE", "16mb", kRuntime, kOnce,
     "How much of the hints is handed over in a second.",
     set_size<&Config::hint_bytes_per_s, 1>, print_number<&Config::hint_bytes_per_s>},
    {"background-rate", "SIZE", "64mb", kRuntime, kOnce,
     "What all work that no client waits for (hints, transfers, anti-entropy, sweeps) may move in a "
     "second at most; it gets less while it makes requests slow.",
     set_size<&Config::background_bytes_per_s, 1>, print_number<&Config::background_bytes_per_s>},
    {"background-p99-target-us", "MICROSECONDS", "0", kRuntime, kOnce,
     "Background work gives way while the 99th percentile of requests is above this. 0: half as much "
     "again as it is without such work.",
     set_number<&Config::background_p99_target_us, 0, 3'600'000'000>, print_number<&Config::background_p99_target_us>},
    {"request-timeout-ms", "MILLISECONDS", "1000", kRuntime, kOnce,
     "How long a request waits for its quorum.",
     set_number<&Config::request_timeout_ms, 1, 3'600'000>, print_number<&Config::request_timeout_ms>},
    {"tombstone-grace-ms", "MILLISECONDS", "86400000", kRuntime, kOnce,
     "Age from which tombstones are let go, once all owners agree; expired keys a minute after their "
     "time at the latest. Looked at every anti-entropy-interval-ms, or every 10 s where that is 0. Safe at any value: "
     "it only spares work.",
     set_number<&Config::tombstone_grace_ms, 0, 31'536'000'000>, print_number<&Config::tombstone_grace_ms>},
    {"anti-entropy-interval-ms", "MILLISECONDS", "10000", kRuntime, kOnce,
     "Time between two comparisons of each copy with the other owners', by their Merkle trees; what "
     "differs is brought together. 0: never, and tombstones wait for owners that differ.",
     set_number<&Config::anti_entropy_interval_ms, 0, 86'400'000>, print_number<&Config::anti_entropy_interval_ms>},
    {"max-siblings", "NUMBER", "100", kRuntime, kOnce,
     "Siblings of a key above which DPUT is refused.",
     set_number<&Config::max_siblings, 1, 100'000>, print_number<&Config::max_siblings>},
    {"keyspace", "PATTERN OPTIONS", "", kStart, kRepeatable,
     "What holds for the keys of a pattern, as KEYSPACE SET takes it. Counts where this node founds a cluster; "
     "afterwards KEYSPACE SET changes it.", add_keyspace, print_keyspaces},
    {"workers", "NUMBER", "0", kStart, kOnce, "Event loops, each with its share of the partitions; 0: one a core.",
     set_number<&Config::workers, 0, 64>, print_number<&Config::workers>},
    {"maxclients", "NUMBER", "10000", kRuntime, kOnce, "Client connections at a time.",
     set_number<&Config::maxclients, 1, 1'000'000>, print_number<&Config::maxclients>},
    {"proto-max-bulk-len", "SIZE", "512mb", kRuntime, kOnce, "Longest value or argument.",
     set_size<&Config::proto_max_bulk_len_bytes, 1 << 20>, print_number<&Config::proto_max_bulk_len_bytes>},
    {"client-query-buffer-limit", "SIZE", "1gb", kRuntime, kOnce,
     "Bytes of one request that a client may have sent unfinished.",
     set_size<&Config::client_query_buffer_limit_bytes, 1 << 20>, print_number<&Config::client_query_buffer_limit_bytes>},
    {"client-output-buffer-limit", "CLASS HARD-SIZE SOFT-SIZE SOFT-SECONDS ...",
     "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", kRuntime, kOnce,
     "Bytes of unread output at which a client is let go: at once from the hard size on, and when it has been "
     "above the soft size for so long; 0: never. Of clients that listen (pubsub) and of the others (normal); "
     "`replica`, or `slave`, has no effect.",
     set_output_limits, print_output_limits},
    {"timeout", "SECONDS", "0", kRuntime, kOnce, "Idle time after which a client is let go; 0: never.",
     set_number<&Config::timeout_s, 0, INT32_MAX>, print_number<&Config::timeout_s>},
    {"tcp-keepalive", "SECONDS", "300", kRuntime, kOnce,
     "Silence of a client after which the system asks whether it is still there; 0: never. Counts for new "
     "connections.", set_number<&Config::tcp_keepalive_s, 0, 32'767>, print_number<&Config::tcp_keepalive_s>},
    {"requirepass", "PASSWORD", "", kRuntime, kOnce, "What clients must give AUTH first; empty: nothing.",
     set_text<&Config::requirepass>, print_text<&Config::requirepass>},
    {"user", "NAME RULES", "", kStart, kRepeatable,
     "A user and what it may do, as ACL SETUSER takes it. Not together with aclfile.", add_user, nullptr},
    {"aclfile", "PATH", "", kStart, kOnce,
     "A file of `user` lines, read at start and by ACL LOAD, written by ACL SAVE.",
     set_text<&Config::aclfile>, print_text<&Config::aclfile>},
    {"protected-mode", "yes|no", "yes", kRuntime, kOnce,
     "Refuses clients from other machines while the default user needs no password.",
     set_choice<&Config::protected_mode, kYesOrNo>, print_choice<&Config::protected_mode, kYesOrNo>},
    {"tls-port", "PORT", "0", kStart, kOnce, "Port for clients with TLS; 0: off. TLS 1.2 at least.",
     set_number<&Config::tls_port, 0, 65535>, print_number<&Config::tls_port>},
    {"tls-cert-file", "PATH", "", kRuntime, kOnce,
     "The node's certificate with its chain, PEM. It and what follows is read again by CONFIG SET of any of "
     "them and at SIGHUP.", set_text<&Config::tls_cert_file>, print_text<&Config::tls_cert_file>},
    {"tls-key-file", "PATH", "", kRuntime, kOnce, "The certificate's key, PEM.",
     set_text<&Config::tls_key_file>, print_text<&Config::tls_key_file>},
    {"tls-key-file-pass", "PASSWORD", "", kRuntime, kOnce, "What opens the key.",
     set_text<&Config::tls_key_file_pass>, nullptr},
    {"tls-ca-cert-file", "PATH", "", kRuntime, kOnce,
     "Who may have signed the certificates of clients and peers, PEM.",
     set_text<&Config::tls_ca_cert_file>, print_text<&Config::tls_ca_cert_file>},
    {"tls-ca-cert-dir", "PATH", "", kRuntime, kOnce, "The same as a directory, a file each, named by hash.",
     set_text<&Config::tls_ca_cert_dir>, print_text<&Config::tls_ca_cert_dir>},
    {"tls-auth-clients", "yes|no|optional", "yes", kRuntime, kOnce,
     "Whether clients must show a certificate.",
     set_choice<&Config::tls_auth_clients, kTlsClients>, print_choice<&Config::tls_auth_clients, kTlsClients>},
    {"tls-peers", "yes|no", "no", kStart, kOnce,
     "TLS between nodes, each of which shows its certificate. For all nodes alike.",
     set_choice<&Config::tls_peers, kYesOrNo>, print_choice<&Config::tls_peers, kYesOrNo>},
    {"notify-keyspace-events", "CLASSES", "", kRuntime, kOnce,
     "Which changes of keys are published to this node's clients, as letters: K by key, E by event, g, $ or A of "
     "which kind; empty: none.", set_notify_events, print_notify_events},
    {"slowlog-log-slower-than", "MICROSECONDS", "10000", kRuntime, kOnce,
     "From when a command is slow, from its start to its answer; 0: every one is, -1: none is.",
     set_slow_from, print_slow_from},
    {"slowlog-max-len", "NUMBER", "128", kRuntime, kOnce, "Slow commands that are kept.",
     set_number<&Config::slowlog_max_len, 0, 1'000'000>, print_number<&Config::slowlog_max_len>},
    {"acllog-max-len", "NUMBER", "128", kRuntime, kOnce, "Refusals that ACL LOG keeps.",
     set_number<&Config::acllog_max_len, 0, 1'000'000>, print_number<&Config::acllog_max_len>},
    {"loglevel", "debug|verbose|notice|warning", "notice", kRuntime, kOnce, "How much is logged.",
     set_choice<&Config::loglevel, kLogLevels>, print_choice<&Config::loglevel, kLogLevels>},
    {"logfile", "PATH", "", kStart, kOnce, "Where to log; empty: standard output.",
     set_text<&Config::logfile>, print_text<&Config::logfile>},
    {"pidfile", "PATH", "", kStart, kOnce, "A file that holds the process id while the node runs.",
     set_text<&Config::pidfile>, print_text<&Config::pidfile>},
};
// clang-format on

}  // namespace

std::span<const Directive> directives() {
  return kDirectives;
}

const Directive* find_directive(std::string_view name) {
  const std::string wanted = lower_case(name);
  for (const Directive& directive : kDirectives) {
    if (directive.name == wanted) {
      return &directive;
    }
  }
  return nullptr;
}

TooLarge quorum_above_replicas(const Config& config) {
  for (const auto& [quorum, name] : {std::pair(config.read_quorum, "read-quorum"),
                                     std::pair(config.write_quorum, "write-quorum"),
                                     std::pair(config.durable_quorum, "durable-quorum")}) {
    if (quorum > config.replicas) {
      return {name, "is " + std::to_string(quorum) + ", more than the " +
                        std::to_string(config.replicas) + " copies that replicas says"};
    }
  }
  for (const Keyspace& keyspace : config.keyspaces) {
    const uint32_t most = std::max(keyspace.read, keyspace.write);
    if (keyspace.copies == 0 && most > config.replicas) {
      return {"keyspace", "asks for " + std::to_string(most) + " copies of '" + keyspace.pattern +
                              "', more than the " + std::to_string(config.replicas) +
                              " that replicas says"};
    }
  }
  const auto own =
      std::ranges::count_if(config.keyspaces, [](const Keyspace& one) { return one.copies != 0; });
  const uint32_t most_layers = layers_max(config.ring_partitions);
  if (own >= static_cast<std::ptrdiff_t>(most_layers)) {
    return {"keyspace", "gives more than " + std::to_string(most_layers - 1) +
                            " patterns an n of their own, with ring-partitions " +
                            std::to_string(config.ring_partitions)};
  }
  return {};
}

std::string set_directive(Config& config, std::string_view name,
                          std::span<const std::string> words) {
  const Directive* directive = find_directive(name);
  if (directive == nullptr) {
    return "unknown directive '" + std::string(name) + "' (kindred-server --help lists them)";
  }
  const std::string subject = "directive '" + std::string(directive->name) + "' ";
  if (words.empty()) {
    return subject + "needs a value: " + std::string(directive->argument);
  }
  const std::string wrong = directive->set(config, words);
  return wrong.empty() ? "" : subject + wrong;
}

}  // namespace kindred
