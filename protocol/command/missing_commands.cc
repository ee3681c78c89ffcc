#include "protocol/command/missing_commands.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

#include "protocol/resp/ascii.h"

namespace kindred {

namespace {

constexpr std::string_view kLists[] = {
    "blmove", "blmpop", "blpop", "brpop",     "brpoplpush", "lindex", "linsert", "llen",
    "lmove",  "lmpop",  "lpop",  "lpos",      "lpush",      "lpushx", "lrange",  "lrem",
    "lset",   "ltrim",  "rpop",  "rpoplpush", "rpush",      "rpushx", "sort",    "sort_ro"};
constexpr std::string_view kHashes[] = {
    "hdel",  "hexists", "hget",       "hgetall", "hincrby", "hincrbyfloat", "hkeys",   "hlen",
    "hmget", "hmset",   "hrandfield", "hscan",   "hset",    "hsetnx",       "hstrlen", "hvals"};
constexpr std::string_view kSets[] = {
    "sadd",        "scard",     "sdiff",    "sdiffstore", "sinter",     "sintercard",
    "sinterstore", "sismember", "smembers", "smismember", "smove",      "spop",
    "srandmember", "srem",      "sscan",    "sunion",     "sunionstore"};
constexpr std::string_view kSortedSets[] = {"bzmpop",         "bzpopmax",        "bzpopmin",
                                            "zadd",           "zcard",           "zcount",
                                            "zdiff",          "zdiffstore",      "zincrby",
                                            "zinter",         "zintercard",      "zinterstore",
                                            "zlexcount",      "zmpop",           "zmscore",
                                            "zpopmax",        "zpopmin",         "zrandmember",
                                            "zrange",         "zrangebylex",     "zrangebyscore",
                                            "zrangestore",    "zrank",           "zrem",
                                            "zremrangebylex", "zremrangebyrank", "zremrangebyscore",
                                            "zrevrange",      "zrevrangebylex",  "zrevrangebyscore",
                                            "zrevrank",       "zscan",           "zscore",
                                            "zunion",         "zunionstore"};
constexpr std::string_view kGeo[] = {
    "geoadd",    "geodist",       "geohash",           "geopos",
    "georadius", "georadius_ro",  "georadiusbymember", "georadiusbymember_ro",
    "geosearch", "geosearchstore"};
constexpr std::string_view kHyperLogLogs[] = {"pfadd", "pfcount", "pfdebug", "pfmerge",
                                              "pfselftest"};
constexpr std::string_view kStreams[] = {"xack",   "xadd",       "xautoclaim", "xclaim",   "xdel",
                                         "xgroup", "xinfo",      "xlen",       "xpending", "xrange",
                                         "xread",  "xreadgroup", "xrevrange",  "xsetid",   "xtrim"};
constexpr std::string_view kScripts[] = {"eval",  "eval_ro",  "evalsha",  "evalsha_ro",
                                         "fcall", "fcall_ro", "function", "script"};

// Those that concern what Kindred does in another way.
constexpr std::string_view kOthers[] = {
    "bgrewriteaof", "debug",     "failover", "lolwut",  "migrate", "module", "move",
    "psync",        "replicaof", "replconf", "slaveof", "swapdb",  "sync"};

bool has(std::span<const std::string_view> names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [name](std::string_view known) { return equals_ignoring_case(known, name); });
}

struct Missing {
  std::string_view what;
  std::span<const std::string_view> names;
};
constexpr Missing kMissing[] = {
    {"lists", kLists},
    {"hashes", kHashes},
    {"sets", kSets},
    {"sorted sets", kSortedSets},
    {"geospatial indexes", kGeo},
    {"HyperLogLogs", kHyperLogLogs},
    {"streams", kStreams},
    {"scripts and functions", kScripts},
};

}  // namespace

std::string missing_command_error(std::string_view name) {
  for (const Missing& missing : kMissing) {
    if (has(missing.names, name)) {
      return "ERR unknown command '" + std::string(name) + "': " + std::string(missing.what) +
             " are not there yet";
    }
  }
  return {};
}

bool is_missing_command(std::string_view name) {
  return has(kOthers, name) ||
         std::any_of(std::begin(kMissing), std::end(kMissing),
                     [name](const Missing& missing) { return has(missing.names, name); });
}

}  // namespace kindred
