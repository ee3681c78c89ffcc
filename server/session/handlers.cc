#include "server/session/handlers.h"

#include <initializer_list>

namespace kindred {

namespace {

struct Entry {
  CommandId id;
  Handler handler;
};

constexpr bool kAll = true;      // waits_for_all
constexpr bool kCluster = true;  // needs_cluster

constexpr Entry kEntries[] = {
    {CommandId::kAclCat, {run_acl_cat}},
    {CommandId::kAclDeluser, {run_acl_deluser, kAll}},
    {CommandId::kAclDryrun, {run_acl_dryrun}},
    {CommandId::kAclGenpass, {run_acl_genpass}},
    {CommandId::kAclGetuser, {run_acl_getuser}},
    {CommandId::kAclHelp, {run_help}},
    {CommandId::kAclList, {run_acl_list}},
    {CommandId::kAclLoad, {run_acl_load, kAll}},
    {CommandId::kAclLog, {run_acl_log}},
    {CommandId::kAclSave, {run_acl_save, kAll}},
    {CommandId::kAclSetuser, {run_acl_setuser, kAll}},
    {CommandId::kAclUsers, {run_acl_users}},
    {CommandId::kAclWhoami, {run_acl_whoami}},

    {CommandId::kAuth, {run_auth, kAll}},
    {CommandId::kClientGetname, {run_client_getname}},
    {CommandId::kClientHelp, {run_help}},
    {CommandId::kClientId, {run_client_id}},
    {CommandId::kClientInfo, {run_client_info}},
    {CommandId::kClientKill, {run_client_kill, kAll}},
    {CommandId::kClientList, {run_client_list}},
    {CommandId::kClientReply, {run_client_reply}},
    {CommandId::kClientSetinfo, {run_client_setinfo}},
    {CommandId::kClientSetname, {run_client_setname}},
    {CommandId::kClientCaching, {run_client_caching}},
    {CommandId::kClientGetredir, {run_client_getredir}},
    {CommandId::kClientNoEvict, {run_client_flag}},
    {CommandId::kClientNoTouch, {run_client_flag}},
    {CommandId::kClientTracking, {run_client_tracking}},
    {CommandId::kClientTrackinginfo, {run_client_trackinginfo}},
    {CommandId::kClientUnblock, {run_client_unblock}},
    {CommandId::kClientPause, {run_client_pause, kAll}},
    {CommandId::kClientUnpause, {run_client_unpause, kAll}},
    {CommandId::kEcho, {run_echo}},
    {CommandId::kHello, {run_hello, kAll}},
    {CommandId::kPing, {run_ping}},
    {CommandId::kQuit, {run_quit, kAll}},
    {CommandId::kReset, {run_reset, kAll}},
    {CommandId::kSelect, {run_select}},

    {CommandId::kBgrewriteaof, {run_bgrewriteaof, kAll}},
    {CommandId::kBgsave, {run_bgsave, kAll, kCluster}},
    {CommandId::kCommand, {run_command}},
    {CommandId::kCommandCount, {run_command_count}},
    {CommandId::kCommandDocs, {run_command_docs}},
    {CommandId::kCommandGetkeys, {run_command_getkeys}},
    {CommandId::kCommandHelp, {run_help}},
    {CommandId::kCommandInfo, {run_command_info}},
    {CommandId::kCommandList, {run_command_list}},
    {CommandId::kConfigGet, {run_config_get}},
    {CommandId::kConfigHelp, {run_help}},
    {CommandId::kConfigResetstat, {run_config_resetstat}},
    {CommandId::kConfigRewrite, {run_config_rewrite, kAll}},
    {CommandId::kConfigSet, {run_config_set, kAll}},
    {CommandId::kDbsize, {run_dbsize, kAll, kCluster}},
    {CommandId::kFlushall, {run_flush, kAll, kCluster}},
    {CommandId::kFlushdb, {run_flush, kAll, kCluster}},
    {CommandId::kInfo, {run_info, kAll}},
    {CommandId::kLastsave, {run_lastsave}},
    {CommandId::kMemoryHelp, {run_help}},
    {CommandId::kMemoryUsage, {run_memory_usage, false, kCluster}},
    {CommandId::kMonitor, {run_monitor, kAll}},
    {CommandId::kRole, {run_role}},
    {CommandId::kCommandGetkeysandflags, {run_command_getkeysandflags}},
    {CommandId::kMemoryDoctor, {run_memory_doctor}},
    {CommandId::kMemoryMallocStats, {run_memory_malloc_stats}},
    {CommandId::kMemoryPurge, {run_memory_purge}},
    {CommandId::kMemoryStats, {run_memory_stats}},
    {CommandId::kSave, {run_save, kAll, kCluster}},
    {CommandId::kShutdown, {run_shutdown, kAll}},
    {CommandId::kSlowlogGet, {run_slowlog_get, kAll}},
    {CommandId::kSlowlogLen, {run_slowlog_len, kAll}},
    {CommandId::kSlowlogReset, {run_slowlog_reset, kAll}},
    {CommandId::kSlowlogHelp, {run_help}},
    {CommandId::kLatencyHistogram, {run_latency_histogram, kAll}},
    {CommandId::kLatencyLatest, {run_latency_none}},
    {CommandId::kLatencyHistory, {run_latency_none}},
    {CommandId::kLatencyReset, {run_latency_reset}},
    {CommandId::kLatencyDoctor, {run_latency_doctor}},
    {CommandId::kLatencyGraph, {run_latency_graph}},
    {CommandId::kLatencyHelp, {run_help}},
    {CommandId::kTime, {run_time}},

    {CommandId::kCopy, {run_copy, kAll, kCluster}},
    {CommandId::kDel, {run_del, false, kCluster}},
    {CommandId::kDump, {run_dump, false, kCluster}},
    {CommandId::kExists, {run_exists, false, kCluster}},
    {CommandId::kExpire, {run_expire, false, kCluster}},
    {CommandId::kExpireat, {run_expire, false, kCluster}},
    {CommandId::kExpiretime, {run_ttl, false, kCluster}},
    {CommandId::kKeys, {run_keys, kAll, kCluster}},
    {CommandId::kObjectEncoding, {run_object, false, kCluster}},
    {CommandId::kObjectFreq, {run_object, false, kCluster}},
    {CommandId::kObjectHelp, {run_help}},
    {CommandId::kObjectIdletime, {run_object, false, kCluster}},
    {CommandId::kObjectRefcount, {run_object, false, kCluster}},
    {CommandId::kPersist, {run_persist, false, kCluster}},
    {CommandId::kPexpire, {run_expire, false, kCluster}},
    {CommandId::kPexpireat, {run_expire, false, kCluster}},
    {CommandId::kPexpiretime, {run_ttl, false, kCluster}},
    {CommandId::kPttl, {run_ttl, false, kCluster}},
    {CommandId::kRandomkey, {run_randomkey, kAll, kCluster}},
    {CommandId::kRename, {run_rename, kAll, kCluster}},
    {CommandId::kRenamenx, {run_rename, kAll, kCluster}},
    {CommandId::kRestore, {run_restore, false, kCluster}},
    {CommandId::kScan, {run_scan, kAll, kCluster}},
    {CommandId::kTouch, {run_exists, false, kCluster}},
    {CommandId::kTtl, {run_ttl, false, kCluster}},
    {CommandId::kType, {run_type, false, kCluster}},
    {CommandId::kUnlink, {run_del, false, kCluster}},
    {CommandId::kWait, {run_wait, kAll, kCluster}},

    {CommandId::kAppend, {run_append, false, kCluster}},
    {CommandId::kDecr, {run_increment, false, kCluster}},
    {CommandId::kDecrby, {run_increment, false, kCluster}},
    {CommandId::kGet, {run_get, false, kCluster}},
    {CommandId::kGetdel, {run_getdel, false, kCluster}},
    {CommandId::kGetex, {run_getex, false, kCluster}},
    {CommandId::kGetrange, {run_getrange, false, kCluster}},
    {CommandId::kGetset, {run_getset, false, kCluster}},
    {CommandId::kIncr, {run_increment, false, kCluster}},
    {CommandId::kIncrby, {run_increment, false, kCluster}},
    {CommandId::kIncrbyfloat, {run_incrbyfloat, false, kCluster}},
    {CommandId::kLcs, {run_lcs, kAll, kCluster}},
    {CommandId::kMget, {run_mget, false, kCluster}},
    {CommandId::kMset, {run_mset, false, kCluster}},
    {CommandId::kMsetnx, {run_msetnx, kAll, kCluster}},
    {CommandId::kPsetex, {run_setex, false, kCluster}},
    {CommandId::kSet, {run_set, false, kCluster}},
    {CommandId::kSetex, {run_setex, false, kCluster}},
    {CommandId::kSetnx, {run_setnx, false, kCluster}},
    {CommandId::kSetrange, {run_setrange, false, kCluster}},
    {CommandId::kStrlen, {run_strlen, false, kCluster}},
    {CommandId::kSubstr, {run_getrange, false, kCluster}},

    {CommandId::kBitcount, {run_bitcount, false, kCluster}},
    {CommandId::kBitfield, {run_bitfield, false, kCluster}},
    {CommandId::kBitfieldRo, {run_bitfield, false, kCluster}},
    {CommandId::kBitop, {run_bitop, kAll, kCluster}},
    {CommandId::kBitpos, {run_bitpos, false, kCluster}},
    {CommandId::kGetbit, {run_getbit, false, kCluster}},
    {CommandId::kSetbit, {run_setbit, false, kCluster}},
    {CommandId::kSubscribe, {run_subscribe, kAll}},
    {CommandId::kPsubscribe, {run_subscribe, kAll}},
    {CommandId::kUnsubscribe, {run_unsubscribe, kAll}},
    {CommandId::kPunsubscribe, {run_unsubscribe, kAll}},
    {CommandId::kSsubscribe, {run_subscribe, kAll}},
    {CommandId::kSunsubscribe, {run_unsubscribe, kAll}},
    {CommandId::kPublish, {run_publish}},
    {CommandId::kSpublish, {run_publish}},
    {CommandId::kPubsubChannels, {run_pubsub_channels}},
    {CommandId::kPubsubNumsub, {run_pubsub_numsub}},
    {CommandId::kPubsubNumpat, {run_pubsub_numpat}},
    {CommandId::kPubsubShardchannels, {run_pubsub_channels}},
    {CommandId::kPubsubShardnumsub, {run_pubsub_numsub}},
    {CommandId::kPubsubHelp, {run_help}},

    {CommandId::kDiscard, {run_discard}},
    {CommandId::kExec, {run_exec, kAll}},
    {CommandId::kMulti, {run_multi}},

    {CommandId::kFunctionFlush, {run_function_flush}},
    {CommandId::kFunctionHelp, {run_help}},
    {CommandId::kWatch, {run_watch, kAll, kCluster}},
    {CommandId::kUnwatch, {run_unwatch, kAll}},

    {CommandId::kAsking, {run_ok}},
    {CommandId::kClusterCountkeysinslot, {run_cluster_countkeysinslot, kAll, kCluster}},
    {CommandId::kClusterGetkeysinslot, {run_cluster_getkeysinslot, kAll, kCluster}},
    {CommandId::kClusterHelp, {run_help}},
    {CommandId::kClusterInfo, {run_cluster_info}},
    {CommandId::kClusterKeyslot, {run_cluster_keyslot}},
    {CommandId::kClusterMyid, {run_cluster_myid}},
    {CommandId::kClusterNodes, {run_cluster_nodes}},
    {CommandId::kClusterShards, {run_cluster_shards}},
    {CommandId::kClusterSlots, {run_cluster_slots}},
    {CommandId::kReadonly, {run_ok}},
    {CommandId::kReadwrite, {run_ok}},

    {CommandId::kDcontext, {run_dcontext, false, kCluster}},
    {CommandId::kDdel, {run_ddel, false, kCluster}},
    {CommandId::kDexplain, {run_dexplain, false, kCluster}},
    {CommandId::kDget, {run_dget, false, kCluster}},
    {CommandId::kDmget, {run_dmget, false, kCluster}},
    {CommandId::kDput, {run_dput, false, kCluster}},

    {CommandId::kKeyspaceDel, {run_keyspace_del, kAll, kCluster}},
    {CommandId::kKeyspaceGet, {run_keyspace_get, false, kCluster}},
    {CommandId::kKeyspaceHelp, {run_help}},
    {CommandId::kKeyspaceList, {run_keyspace_list, false, kCluster}},
    {CommandId::kKeyspaceSet, {run_keyspace_set, kAll, kCluster}},

    {CommandId::kRingBackup, {run_ring_backup, kAll, kCluster}},
    {CommandId::kRingClear, {run_ring_clear, kAll, kCluster}},
    {CommandId::kRingCommit, {run_ring_commit, kAll, kCluster}},
    {CommandId::kRingDrain, {run_ring_drain, kAll, kCluster}},
    {CommandId::kRingHelp, {run_help}},
    {CommandId::kRingHints, {run_ring_hints, false, kCluster}},
    {CommandId::kRingJoin, {run_ring_join, kAll}},  // also at a node that waits to be let in
    {CommandId::kRingLeave, {run_ring_leave, kAll, kCluster}},
    {CommandId::kRingMembers, {run_ring_members, false, kCluster}},
    {CommandId::kRingOwners, {run_ring_owners, false, kCluster}},
    {CommandId::kRingPlan, {run_ring_plan, false, kCluster}},
    {CommandId::kRingPreflist, {run_ring_preflist, false, kCluster}},
    {CommandId::kRingRemove, {run_ring_remove, kAll, kCluster}},
    {CommandId::kRingRepair, {run_ring_repair, kAll, kCluster}},
    {CommandId::kRingReplace, {run_ring_replace, kAll, kCluster}},
    {CommandId::kRingStatus, {run_ring_status, false, kCluster}},
    {CommandId::kRingTransfers, {run_ring_transfers, false, kCluster}},
};

using HandlerTable = std::array<Handler, static_cast<size_t>(CommandId::kCount)>;

constexpr HandlerTable make_table() {
  HandlerTable table;
  for (const Entry& entry : kEntries) {
    table[static_cast<size_t>(entry.id)] = entry.handler;
  }
  return table;
}

constexpr HandlerTable kHandlers = make_table();

constexpr bool is_container(CommandId id) {
  return id == CommandId::kClient || id == CommandId::kConfig || id == CommandId::kMemory ||
         id == CommandId::kCluster || id == CommandId::kRing || id == CommandId::kObject ||
         id == CommandId::kFunction || id == CommandId::kKeyspace || id == CommandId::kPubsub ||
         id == CommandId::kSlowlog || id == CommandId::kLatency || id == CommandId::kAcl;
}

constexpr bool every_command_has_a_handler() {
  for (size_t i = 0; i < kHandlers.size(); ++i) {
    if (kHandlers[i].run == nullptr && !is_container(static_cast<CommandId>(i))) {
      return false;
    }
  }
  return true;
}
static_assert(every_command_has_a_handler());

}  // namespace

const Handler& handler_of(CommandId id) {
  return kHandlers[static_cast<size_t>(id)];
}

}  // namespace kindred
