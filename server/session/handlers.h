#pragma once

#include <array>

#include "protocol/command/command_id.h"
#include "server/session/call.h"

namespace kindred {

/// How a command is carried out.
struct Handler {
  void (*run)(Call& call) = nullptr;
  /// Runs only when every command before it is answered.
  bool waits_for_all = false;
  /// Answers -LOADING before the node is in a cluster.
  bool needs_cluster = false;
};

/// Of every command but containers, whose subcommands have their own. Any thread.
const Handler& handler_of(CommandId id);

// The handlers, a family a file.

void run_acl_cat(Call& call);
void run_acl_deluser(Call& call);
void run_acl_dryrun(Call& call);
void run_acl_genpass(Call& call);
void run_acl_getuser(Call& call);
void run_acl_list(Call& call);
void run_acl_load(Call& call);
void run_acl_log(Call& call);
void run_acl_save(Call& call);
void run_acl_setuser(Call& call);
void run_acl_users(Call& call);
void run_acl_whoami(Call& call);

void run_auth(Call& call);
void run_client_getname(Call& call);
void run_client_id(Call& call);
void run_client_info(Call& call);
void run_client_kill(Call& call);
void run_client_list(Call& call);
void run_client_reply(Call& call);
void run_client_setinfo(Call& call);
void run_client_setname(Call& call);
void run_echo(Call& call);
void run_hello(Call& call);
void run_ping(Call& call);
void run_quit(Call& call);
void run_reset(Call& call);
void run_select(Call& call);

void run_command(Call& call);
void run_command_count(Call& call);
void run_command_docs(Call& call);
void run_command_getkeys(Call& call);
void run_command_info(Call& call);
void run_command_list(Call& call);
void run_config_get(Call& call);
void run_config_resetstat(Call& call);
void run_config_set(Call& call);
void run_help(Call& call);
void run_info(Call& call);
void run_memory_usage(Call& call);
void run_shutdown(Call& call);
void run_time(Call& call);
void run_flush(Call& call);
void run_dbsize(Call& call);

void run_copy(Call& call);
void run_del(Call& call);
void run_dump(Call& call);
void run_exists(Call& call);
void run_expire(Call& call);
void run_object(Call& call);
void run_persist(Call& call);
void run_rename(Call& call);
void run_restore(Call& call);
void run_ttl(Call& call);
void run_type(Call& call);
void run_wait(Call& call);

void run_keys(Call& call);
void run_randomkey(Call& call);
void run_scan(Call& call);

void run_append(Call& call);
void run_get(Call& call);
void run_getdel(Call& call);
void run_getex(Call& call);
void run_getrange(Call& call);
void run_getset(Call& call);
void run_increment(Call& call);
void run_incrbyfloat(Call& call);
void run_lcs(Call& call);
void run_mget(Call& call);
void run_mset(Call& call);
void run_msetnx(Call& call);
void run_set(Call& call);
void run_setex(Call& call);
void run_setnx(Call& call);
void run_setrange(Call& call);
void run_strlen(Call& call);

void run_bitcount(Call& call);
void run_bitfield(Call& call);
void run_bitop(Call& call);
void run_bitpos(Call& call);
void run_getbit(Call& call);
void run_setbit(Call& call);

void run_discard(Call& call);
void run_exec(Call& call);
void run_multi(Call& call);

void run_function_flush(Call& call);

void run_ok(Call& call);
void run_cluster_countkeysinslot(Call& call);
void run_cluster_getkeysinslot(Call& call);
void run_cluster_info(Call& call);
void run_cluster_keyslot(Call& call);
void run_cluster_myid(Call& call);
void run_cluster_nodes(Call& call);
void run_cluster_shards(Call& call);
void run_cluster_slots(Call& call);

void run_dcontext(Call& call);
void run_ddel(Call& call);
void run_dexplain(Call& call);
void run_dget(Call& call);
void run_dmget(Call& call);
void run_dput(Call& call);

void run_keyspace_del(Call& call);
void run_keyspace_get(Call& call);
void run_keyspace_list(Call& call);
void run_keyspace_set(Call& call);
void run_ring_clear(Call& call);
void run_ring_commit(Call& call);
void run_ring_drain(Call& call);
void run_ring_backup(Call& call);
void run_bgrewriteaof(Call& call);
void run_bgsave(Call& call);
void run_lastsave(Call& call);
void run_save(Call& call);
void run_ring_hints(Call& call);
void run_ring_join(Call& call);
void run_ring_leave(Call& call);
void run_ring_plan(Call& call);
void run_ring_remove(Call& call);
void run_ring_replace(Call& call);
void run_ring_members(Call& call);
void run_ring_owners(Call& call);
void run_ring_preflist(Call& call);
void run_ring_status(Call& call);
void run_ring_repair(Call& call);
void run_ring_transfers(Call& call);

void run_client_caching(Call& call);
void run_client_getredir(Call& call);
void run_client_flag(Call& call);
void run_client_tracking(Call& call);
void run_client_trackinginfo(Call& call);
void run_client_unblock(Call& call);

void run_monitor(Call& call);
void run_role(Call& call);
void run_command_getkeysandflags(Call& call);
void run_memory_doctor(Call& call);
void run_memory_malloc_stats(Call& call);
void run_memory_purge(Call& call);
void run_memory_stats(Call& call);

void run_subscribe(Call& call);
void run_unsubscribe(Call& call);
void run_publish(Call& call);
void run_pubsub_channels(Call& call);
void run_pubsub_numsub(Call& call);
void run_pubsub_numpat(Call& call);

void run_config_rewrite(Call& call);

void run_client_pause(Call& call);
void run_client_unpause(Call& call);

void run_slowlog_get(Call& call);
void run_slowlog_len(Call& call);
void run_slowlog_reset(Call& call);
void run_latency_histogram(Call& call);
void run_latency_none(Call& call);
void run_latency_reset(Call& call);
void run_latency_doctor(Call& call);
void run_latency_graph(Call& call);

void run_watch(Call& call);
void run_unwatch(Call& call);

}  // namespace kindred
