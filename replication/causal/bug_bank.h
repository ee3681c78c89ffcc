#pragma once

/// Deliberate bugs, compiled in on demand (KINDRED_BUG_BANK) and switched on one at a time by the
/// simulator, which must catch each. In a normal build KINDRED_BUG(name) is the constant false.
/// The list is data: name, what it breaks.
#define KINDRED_BUGS(X)                                                                           \
  X(merge_without_floor, "merge keeps registers under the floor")                                 \
  X(vector_only_put_context, "DPUT returns its own dot as a vector entry")                        \
  X(put_context_not_stored, "a write does not add its context's dots to the state")               \
  X(actor_reused_after_restart, "a copy keeps its actor over an unclean stop")                    \
  X(bare_write_shipped, "replicas get the new version under the vector, without its siblings")    \
  X(ack_before_store, "a replica acknowledges before its write is durable")                       \
  X(filling_copy_reads, "a filling copy answers reads")                                           \
  X(filling_copy_acks, "a filling copy counts for W")                                             \
  X(filling_copy_coordinates, "a filling copy coordinates")                                       \
  X(fill_from_one, "a filling copy is whole after merging from one other primary")                \
  X(fill_trusts_unstored, "a fill takes what a write is still to store for stored")               \
  X(filling_source_vouches, "a copy is whole by sources that are filling themselves")             \
  X(coordinated_twice, "a passed-on write is coordinated at both nodes")                          \
  X(no_restamp, "an acknowledgement with a higher dot is ignored")                                \
  X(restamp_counts_old_acks, "acks of the first round count for the re-stamped write")            \
  X(modify_restamped, "a read-modify-write is re-stamped instead of computed again")              \
  X(modify_without_quorum_read, "read-modify-write reads only the local copy")                    \
  X(modify_read_by_own_write, "a read-modify-write with a larger W reads fewer copies")           \
  X(transaction_not_queued, "a transaction of several keys queues for none of them")              \
  X(transaction_reads_stale, "a transaction of several keys misses what came meanwhile")          \
  X(modify_not_serialised, "read-modify-writes of one key run side by side")                      \
  X(write_quorum_one_short, "a write answers one acknowledgement early")                          \
  X(read_quorum_one_short, "a read answers one reply early")                                      \
  X(digest_ignores_siblings, "a digest mismatch is taken for a match")                            \
  X(set_covers_nothing, "SET leaves the siblings of its coordinator's copy")                      \
  X(duplicate_ack_counts, "two acknowledgements of one replica count twice")                      \
  X(stamp_not_above_state, "a stamp follows the wall clock even below what the state holds")      \
  X(modify_applied_twice, "a read-modify-write computed again builds on its own first round")     \
  X(actor_survives_late_failure, "a local store that fails after its request ended is ignored")   \
  X(step_not_checked, "a replica takes requests made under other owners than it goes by")         \
  X(arriving_copy_serves, "a copy that arrives is taken for whole before it merged anything")     \
  X(write_quorum_of_old_only, "while a partition moves, W of the old owners are enough")          \
  X(old_owners_read_on, "a move ends while R of the old owners may not know of it yet")           \
  X(old_copy_erased_early, "a copy that departs is erased before its owners hold what it held")   \
  X(actor_kept_on_regain, "a copy that comes back to a node keeps the actor that it had")         \
  X(hint_acked_before_store, "a fallback acknowledges a hint before it is durable")               \
  X(hint_in_the_partition, "a hint is stored as if it were the fallback's own copy")              \
  X(hint_dropped_unstored, "a hint goes when it was sent, not when its target stored it")         \
  X(fallback_actor_kept, "a fallback's actor outlives its hint")                                  \
  X(own_hint_counts, "the coordinator's own hint counts for W")                                   \
  X(late_own_hint_counts, "a fallback's own hint counts beside its target that acked first")      \
  X(late_load_answers, "a load that fails after its request was answered answers it again")       \
  X(late_reads_dropped, "a read that moved on ignores what the node before it answers")           \
  X(hints_left_behind, "a member goes while it still holds hints")                                \
  X(leaver_takes_hints, "a member that leaves takes hints in, after it said that it holds none")  \
  X(empty_fallback_counts, "a fallback without a hint counts for R without a primary")            \
  X(tree_not_folded, "a node of a tree is one leaf under it, not all")                            \
  X(tree_not_updated_by_exchange, "what an exchange stores does not show in the tree")            \
  X(wrong_tree_is_kept, "a tree that differs where no key does is not looked into")               \
  X(exchange_sends_nothing, "an exchange only takes what the peer has, and sends nothing")        \
  X(resolver_ignored, "siblings are told as the newest of them, whatever the keyspace says")      \
  X(covering_set_without_read, "a SET that is no register write reads nothing first")             \
  X(keyspace_write_quorum_forgotten, "a fill reckons with the configured W alone")                \
  X(full_disk_acks, "a node whose engine refuses writes acknowledges them all the same")          \
  X(quarantine_keeps_the_copy, "a copy of which a record was damaged stays whole")                \
  X(lost_record_keeps_the_actor, "a copy that lost a record stamps on under its actor")           \
  X(silent_peer_loses_writes, "a write that a silent peer has goes to the next one too")          \
  X(minority_decides, "half of the voters are taken for a majority")                              \
  X(accepted_left_open, "what was accepted waits for the next change if its proposer is gone")    \
  X(accepted_document_ignored, "a proposer ignores what voters have accepted before")             \
  X(promise_not_synced, "a voter answers before its vote is stored")                              \
  X(accusation_not_refuted, "a member that hears that it is suspected says nothing")              \
  X(incarnation_unbounded, "any jump of an incarnation is believed")                              \
  X(gossip_not_exchanged, "members never compare what they know of each other")                   \
  X(own_pause_blamed, "a node that stood still blames others for the silence")                    \
  X(old_round_merges, "a state from before a reap round is merged after it")                      \
  X(write_after_the_save, "a node that has saved its trees stores writes")                        \
  X(save_mark_kept, "a start believes trees that were saved before an earlier one")               \
  X(reap_without_hints_report, "a round is agreed while members have hints, and take more in")    \
  X(reap_changed_copy, "a copy drops what was agreed on though it has changed since")             \
  X(reap_without_one_owner, "a round is agreed without the vote of the last owner")               \
  X(reap_ignores_digests, "an owner votes for a tombstone that its copy does not hold")           \
  X(stamped_below_a_round, "a write after a round is stamped below what it reaped")               \
  X(hints_begin_below_a_vote, "a fallback labels hints by agreed rounds, not by votes")           \
  X(newer_hint_dropped, "a hint is void though all of it is newer than the round")                \
  X(quarantine_keeps_its_vote, "a copy that lost a tombstone vouches for its vote")               \
  X(page_read_behind_a_commit, "a page is labelled by when it was asked for")                     \
  X(behind_copy_loses_new_writes, "a copy behind is emptied of newer writes too")                 \
  X(any_round_believed, "a round far ahead of the cluster clock is gone by")                      \
  X(newcomer_is_down, "a node that was just taken in counts as down until it has answered")       \
  X(arriving_copy_falls_behind, "a round that a copy hears of as it arrives makes it filling")    \
  X(unsynced_mark_believed, "a mark that was stored unsynced is believed after a crash")          \
  X(n_falls_at_once, "an n that falls is reckoned with before all owners have caught up")         \
  X(layer_split_without_a_step, "keys get partitions of their own, and requests go on as before") \
  X(split_copy_is_whole, "a copy split off a filling one is taken for whole")                     \
  X(layer_counted_with_the_first, "a layer's key shows in the tree of the keys around it")        \
  X(behind_copy_kept, "a copy that comes back from before a reap round is not emptied")           \
  X(refused_tombstone_vouched_for, "a copy that lost a tombstone still says that it is clean")

#ifdef KINDRED_BUG_BANK
#include <cstdlib>
#include <string_view>

namespace kindred::bug_bank {
enum class Bug {
  none,
#define KINDRED_BUG_ENUM(name, text) name,
  KINDRED_BUGS(KINDRED_BUG_ENUM)
#undef KINDRED_BUG_ENUM
};
/// Of the environment variable KINDRED_BUG, with which tests show that they notice a bug.
inline Bug named_by_environment() {
  const char* named = std::getenv("KINDRED_BUG");
  const std::string_view wanted = named == nullptr ? "" : named;
#define KINDRED_BUG_NAMED(name, text) \
  if (wanted == #name) {              \
    return Bug::name;                 \
  }
  KINDRED_BUGS(KINDRED_BUG_NAMED)
#undef KINDRED_BUG_NAMED
  return Bug::none;
}
inline Bug active = named_by_environment();  // set by the simulator before a run; one thread
}  // namespace kindred::bug_bank
#define KINDRED_BUG(name) (::kindred::bug_bank::active == ::kindred::bug_bank::Bug::name)
#else
#define KINDRED_BUG(name) false
#endif
