#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "protocol/command/command_table.h"

// What Redis 7.0.15 answers to COMMAND INFO: clients route and check by it, so the table must
// agree.

namespace kindred {
namespace {

struct RedisFact {
  std::string_view name;
  int arity;
  std::string_view flags;
  int first_key;
  int last_key;
  int key_step;
  std::string_view categories;
  std::string_view key_flags;
};

// clang-format off
constexpr RedisFact kFacts[] = {
    {"append", 3, "write denyoom fast", 1, 1, 1, "@write @string @fast", "RW insert"},
    {"asking", 1, "fast", 0, 0, 0, "@fast @connection", ""},
    {"auth", -2, "noscript loading stale fast no_auth allow_busy", 0, 0, 0, "@fast @connection", ""},
    {"bitcount", -2, "readonly", 1, 1, 1, "@read @bitmap @slow", "RO access"},
    {"bitfield", -2, "write denyoom", 1, 1, 1, "@write @bitmap @slow", "RW access update variable_flags"},
    {"bitfield_ro", -2, "readonly fast", 1, 1, 1, "@read @bitmap @fast", "RO access"},
    {"bitop", -4, "write denyoom", 2, -1, 1, "@write @bitmap @slow", "OW update"},
    {"bitpos", -3, "readonly", 1, 1, 1, "@read @bitmap @slow", "RO access"},
    {"client", -2, "", 0, 0, 0, "@slow", ""},
    {"client|caching", 3, "noscript loading stale", 0, 0, 0, "@slow @connection", ""},
    {"client|getname", 2, "noscript loading stale", 0, 0, 0, "@slow @connection", ""},
    {"client|getredir", 2, "noscript loading stale", 0, 0, 0, "@slow @connection", ""},
    {"client|help", 2, "loading stale", 0, 0, 0, "@slow @connection", ""},
    {"client|id", 2, "noscript loading stale", 0, 0, 0, "@slow @connection", ""},
    {"client|info", 2, "noscript loading stale", 0, 0, 0, "@slow @connection", ""},
    {"client|kill", -3, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous @connection", ""},
    {"client|list", -2, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous @connection", ""},
    {"client|no-evict", 3, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous @connection", ""},
    {"client|pause", -3, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous @connection", ""},
    {"client|reply", 3, "noscript loading stale", 0, 0, 0, "@slow @connection", ""},
    {"client|setname", 3, "noscript loading stale", 0, 0, 0, "@slow @connection", ""},
    {"client|tracking", -3, "noscript loading stale", 0, 0, 0, "@slow @connection", ""},
    {"client|trackinginfo", 2, "noscript loading stale", 0, 0, 0, "@slow @connection", ""},
    {"client|unblock", -3, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous @connection", ""},
    {"client|unpause", 2, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous @connection", ""},
    {"cluster", -2, "", 0, 0, 0, "@slow", ""},
    {"cluster|countkeysinslot", 3, "stale", 0, 0, 0, "@slow", ""},
    {"cluster|getkeysinslot", 4, "stale", 0, 0, 0, "@slow", ""},
    {"cluster|help", 2, "loading stale", 0, 0, 0, "@slow", ""},
    {"cluster|info", 2, "stale", 0, 0, 0, "@slow", ""},
    {"cluster|keyslot", 3, "stale", 0, 0, 0, "@slow", ""},
    {"cluster|myid", 2, "stale", 0, 0, 0, "@slow", ""},
    {"cluster|nodes", 2, "stale", 0, 0, 0, "@slow", ""},
    {"cluster|shards", 2, "stale", 0, 0, 0, "@slow", ""},
    {"cluster|slots", 2, "stale", 0, 0, 0, "@slow", ""},
    {"command", -1, "loading stale", 0, 0, 0, "@slow @connection", ""},
    {"command|count", 2, "loading stale", 0, 0, 0, "@slow @connection", ""},
    {"command|docs", -2, "loading stale", 0, 0, 0, "@slow @connection", ""},
    {"command|getkeys", -4, "loading stale", 0, 0, 0, "@slow @connection", ""},
    {"command|getkeysandflags", -4, "loading stale", 0, 0, 0, "@slow @connection", ""},
    {"command|help", 2, "loading stale", 0, 0, 0, "@slow @connection", ""},
    {"command|info", -2, "loading stale", 0, 0, 0, "@slow @connection", ""},
    {"command|list", -2, "loading stale", 0, 0, 0, "@slow @connection", ""},
    {"config", -2, "", 0, 0, 0, "@slow", ""},
    {"config|get", -3, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous", ""},
    {"config|help", 2, "loading stale", 0, 0, 0, "@slow", ""},
    {"config|resetstat", 2, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous", ""},
    {"config|rewrite", 2, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous", ""},
    {"config|set", -4, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous", ""},
    {"copy", -3, "write denyoom", 1, 2, 1, "@keyspace @write @slow", "RO access"},
    {"dbsize", 1, "readonly fast", 0, 0, 0, "@keyspace @read @fast", ""},
    {"decr", 2, "write denyoom fast", 1, 1, 1, "@write @string @fast", "RW access update"},
    {"decrby", 3, "write denyoom fast", 1, 1, 1, "@write @string @fast", "RW access update"},
    {"del", -2, "write", 1, -1, 1, "@keyspace @write @slow", "RM delete"},
    {"discard", 1, "noscript loading stale fast allow_busy", 0, 0, 0, "@fast @transaction", ""},
    {"dump", 2, "readonly", 1, 1, 1, "@keyspace @read @slow", "RO access"},
    {"echo", 2, "loading stale fast", 0, 0, 0, "@fast @connection", ""},
    {"exec", 1, "noscript loading stale skip_slowlog", 0, 0, 0, "@slow @transaction", ""},
    {"exists", -2, "readonly fast", 1, -1, 1, "@keyspace @read @fast", "RO"},
    {"expire", -3, "write fast", 1, 1, 1, "@keyspace @write @fast", "RW update"},
    {"expireat", -3, "write fast", 1, 1, 1, "@keyspace @write @fast", "RW update"},
    {"expiretime", 2, "readonly fast", 1, 1, 1, "@keyspace @read @fast", "RO access"},
    {"flushall", -1, "write", 0, 0, 0, "@keyspace @write @slow @dangerous", ""},
    {"flushdb", -1, "write", 0, 0, 0, "@keyspace @write @slow @dangerous", ""},
    {"function", -2, "", 0, 0, 0, "@slow", ""},
    {"function|flush", -2, "write noscript", 0, 0, 0, "@write @slow @scripting", ""},
    {"function|help", 2, "loading stale", 0, 0, 0, "@slow @scripting", ""},
    {"get", 2, "readonly fast", 1, 1, 1, "@read @string @fast", "RO access"},
    {"getbit", 3, "readonly fast", 1, 1, 1, "@read @bitmap @fast", "RO access"},
    {"getdel", 2, "write fast", 1, 1, 1, "@write @string @fast", "RW access delete"},
    {"getex", -2, "write fast", 1, 1, 1, "@write @string @fast", "RW access update"},
    {"getrange", 4, "readonly", 1, 1, 1, "@read @string @slow", "RO access"},
    {"getset", 3, "write denyoom fast", 1, 1, 1, "@write @string @fast", "RW access update"},
    {"hello", -1, "noscript loading stale fast no_auth allow_busy", 0, 0, 0, "@fast @connection", ""},
    {"incr", 2, "write denyoom fast", 1, 1, 1, "@write @string @fast", "RW access update"},
    {"incrby", 3, "write denyoom fast", 1, 1, 1, "@write @string @fast", "RW access update"},
    {"incrbyfloat", 3, "write denyoom fast", 1, 1, 1, "@write @string @fast", "RW access update"},
    {"info", -1, "loading stale", 0, 0, 0, "@slow @dangerous", ""},
    {"keys", 2, "readonly", 0, 0, 0, "@keyspace @read @slow @dangerous", ""},
    {"latency", -2, "", 0, 0, 0, "@slow", ""},
    {"latency|doctor", 2, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous", ""},
    {"latency|graph", 3, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous", ""},
    {"latency|help", 2, "loading stale", 0, 0, 0, "@slow", ""},
    {"latency|histogram", -2, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous", ""},
    {"latency|history", 3, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous", ""},
    {"latency|latest", 2, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous", ""},
    {"latency|reset", -2, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous", ""},
    {"lcs", -3, "readonly", 1, 2, 1, "@read @string @slow", "RO access"},
    {"memory", -2, "", 0, 0, 0, "@slow", ""},
    {"memory|doctor", 2, "", 0, 0, 0, "@slow", ""},
    {"memory|help", 2, "loading stale", 0, 0, 0, "@slow", ""},
    {"memory|malloc-stats", 2, "", 0, 0, 0, "@slow", ""},
    {"memory|purge", 2, "", 0, 0, 0, "@slow", ""},
    {"memory|stats", 2, "", 0, 0, 0, "@slow", ""},
    {"memory|usage", -3, "readonly", 2, 2, 1, "@read @slow", "RO"},
    {"mget", -2, "readonly fast", 1, -1, 1, "@read @string @fast", "RO access"},
    {"monitor", 1, "admin noscript loading stale", 0, 0, 0, "@admin @slow @dangerous", ""},
    {"mset", -3, "write denyoom", 1, -1, 2, "@write @string @slow", "OW update"},
    {"msetnx", -3, "write denyoom", 1, -1, 2, "@write @string @slow", "OW insert"},
    {"multi", 1, "noscript loading stale fast allow_busy", 0, 0, 0, "@fast @transaction", ""},
    {"object", -2, "", 0, 0, 0, "@slow", ""},
    {"object|encoding", 3, "readonly", 2, 2, 1, "@keyspace @read @slow", "RO"},
    {"object|freq", 3, "readonly", 2, 2, 1, "@keyspace @read @slow", "RO"},
    {"object|help", 2, "loading stale", 0, 0, 0, "@keyspace @slow", ""},
    {"object|idletime", 3, "readonly", 2, 2, 1, "@keyspace @read @slow", "RO"},
    {"object|refcount", 3, "readonly", 2, 2, 1, "@keyspace @read @slow", "RO"},
    {"persist", 2, "write fast", 1, 1, 1, "@keyspace @write @fast", "RW update"},
    {"pexpire", -3, "write fast", 1, 1, 1, "@keyspace @write @fast", "RW update"},
    {"pexpireat", -3, "write fast", 1, 1, 1, "@keyspace @write @fast", "RW update"},
    {"pexpiretime", 2, "readonly fast", 1, 1, 1, "@keyspace @read @fast", "RO access"},
    {"ping", -1, "fast", 0, 0, 0, "@fast @connection", ""},
    {"psetex", 4, "write denyoom", 1, 1, 1, "@write @string @slow", "OW update"},
    {"psubscribe", -2, "pubsub noscript loading stale", 0, 0, 0, "@pubsub @slow", ""},
    {"pttl", 2, "readonly fast", 1, 1, 1, "@keyspace @read @fast", "RO access"},
    {"publish", 3, "pubsub loading stale fast", 0, 0, 0, "@pubsub @fast", ""},
    {"pubsub", -2, "", 0, 0, 0, "@slow", ""},
    {"pubsub|channels", -2, "pubsub loading stale", 0, 0, 0, "@pubsub @slow", ""},
    {"pubsub|help", 2, "loading stale", 0, 0, 0, "@slow", ""},
    {"pubsub|numpat", 2, "pubsub loading stale", 0, 0, 0, "@pubsub @slow", ""},
    {"pubsub|numsub", -2, "pubsub loading stale", 0, 0, 0, "@pubsub @slow", ""},
    {"pubsub|shardchannels", -2, "pubsub loading stale", 0, 0, 0, "@pubsub @slow", ""},
    {"pubsub|shardnumsub", -2, "pubsub loading stale", 0, 0, 0, "@pubsub @slow", ""},
    {"punsubscribe", -1, "pubsub noscript loading stale", 0, 0, 0, "@pubsub @slow", ""},
    {"quit", -1, "noscript loading stale fast no_auth allow_busy", 0, 0, 0, "@fast @connection", ""},
    {"randomkey", 1, "readonly", 0, 0, 0, "@keyspace @read @slow", ""},
    {"readonly", 1, "loading stale fast", 0, 0, 0, "@fast @connection", ""},
    {"readwrite", 1, "loading stale fast", 0, 0, 0, "@fast @connection", ""},
    {"rename", 3, "write", 1, 2, 1, "@keyspace @write @slow", "RW access delete"},
    {"renamenx", 3, "write fast", 1, 2, 1, "@keyspace @write @fast", "RW access delete"},
    {"reset", 1, "noscript loading stale fast no_auth allow_busy", 0, 0, 0, "@fast @connection", ""},
    {"restore", -4, "write denyoom", 1, 1, 1, "@keyspace @write @slow @dangerous", "OW update"},
    {"role", 1, "noscript loading stale fast", 0, 0, 0, "@admin @fast @dangerous", ""},
    {"scan", -2, "readonly", 0, 0, 0, "@keyspace @read @slow", ""},
    {"select", 2, "loading stale fast", 0, 0, 0, "@fast @connection", ""},
    {"set", -3, "write denyoom", 1, 1, 1, "@write @string @slow", "RW access update variable_flags"},
    {"setbit", 4, "write denyoom", 1, 1, 1, "@write @bitmap @slow", "RW access update"},
    {"setex", 4, "write denyoom", 1, 1, 1, "@write @string @slow", "OW update"},
    {"setnx", 3, "write denyoom fast", 1, 1, 1, "@write @string @fast", "OW insert"},
    {"setrange", 4, "write denyoom", 1, 1, 1, "@write @string @slow", "RW update"},
    {"shutdown", -1, "admin noscript loading stale no_multi allow_busy", 0, 0, 0, "@admin @slow @dangerous", ""},
    {"slowlog", -2, "", 0, 0, 0, "@slow", ""},
    {"slowlog|get", -2, "admin loading stale", 0, 0, 0, "@admin @slow @dangerous", ""},
    {"slowlog|help", 2, "loading stale", 0, 0, 0, "@slow", ""},
    {"slowlog|len", 2, "admin loading stale", 0, 0, 0, "@admin @slow @dangerous", ""},
    {"slowlog|reset", 2, "admin loading stale", 0, 0, 0, "@admin @slow @dangerous", ""},
    {"spublish", 3, "pubsub loading stale fast", 1, 1, 1, "@pubsub @fast", "not_key"},
    {"ssubscribe", -2, "pubsub noscript loading stale", 1, -1, 1, "@pubsub @slow", "not_key"},
    {"strlen", 2, "readonly fast", 1, 1, 1, "@read @string @fast", "RO"},
    {"subscribe", -2, "pubsub noscript loading stale", 0, 0, 0, "@pubsub @slow", ""},
    {"substr", 4, "readonly", 1, 1, 1, "@read @string @slow", "RO access"},
    {"sunsubscribe", -1, "pubsub noscript loading stale", 1, -1, 1, "@pubsub @slow", "not_key"},
    {"time", 1, "loading stale fast", 0, 0, 0, "@fast", ""},
    {"touch", -2, "readonly fast", 1, -1, 1, "@keyspace @read @fast", "RO"},
    {"ttl", 2, "readonly fast", 1, 1, 1, "@keyspace @read @fast", "RO access"},
    {"type", 2, "readonly fast", 1, 1, 1, "@keyspace @read @fast", "RO"},
    {"unlink", -2, "write fast", 1, -1, 1, "@keyspace @write @fast", "RM delete"},
    {"unsubscribe", -1, "pubsub noscript loading stale", 0, 0, 0, "@pubsub @slow", ""},
    {"unwatch", 1, "noscript loading stale fast allow_busy", 0, 0, 0, "@fast @transaction", ""},
    {"wait", 3, "noscript", 0, 0, 0, "@slow @connection", ""},
    {"watch", -2, "noscript loading stale fast allow_busy", 1, -1, 1, "@fast @transaction", "RO"},
};
// clang-format on

template <typename Enum>
std::string words(BitSet<Enum> members, std::string_view prefix) {
  std::string text;
  for (size_t i = 0; i < static_cast<size_t>(Enum::kCount); ++i) {
    const auto value = static_cast<Enum>(i);
    if (members.has(value)) {
      text += (text.empty() ? "" : " ") + std::string(prefix) + std::string(name_of(value));
    }
  }
  return text;
}

TEST(RedisFacts, TheTableAgreesWithThem) {
  for (const RedisFact& fact : kFacts) {
    SCOPED_TRACE(fact.name);
    const CommandSpec* const spec = find_command_by_full_name(fact.name);
    ASSERT_NE(spec, nullptr);
    EXPECT_EQ(spec->name, fact.name);
    EXPECT_EQ(spec->arity, fact.arity);
    EXPECT_EQ(words(spec->flags, ""), fact.flags);
    EXPECT_EQ(spec->keys.first, fact.first_key);
    EXPECT_EQ(spec->keys.last, fact.last_key);
    EXPECT_EQ(spec->keys.step, fact.key_step);
    EXPECT_EQ(words(acl_categories(*spec), "@"), fact.categories);
    EXPECT_EQ(words(spec->keys.flags, ""), fact.key_flags);
  }
}

}  // namespace
}  // namespace kindred
