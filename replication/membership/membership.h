#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/membership/cluster.h"
#include "replication/membership/cluster_clock.h"
#include "replication/membership/flushes.h"
#include "replication/membership/founding.h"
#include "replication/membership/liveness.h"
#include "replication/membership/messages.h"
#include "replication/membership/node_record.h"
#include "replication/membership/paxos.h"
#include "replication/membership/ports.h"
#include "replication/membership/ring_plan.h"

namespace kindred {

struct MembershipConfig {
  std::string name;  // empty: a random one, kept in the node record
  Address client_address;
  Address peer_address;
  std::string zone = "default";
  uint32_t weight = 1;
  std::vector<Address> seeds;      // at most kSeedsMax; may name this node too
  uint32_t partition_count = 256;  // Q and N, used by the node that founds
  uint32_t replicas = 3;
  uint32_t read_quorum = 2;            // R, see set_read_quorum()
  uint32_t request_timeout_ms = 1000;  // of a FLUSHALL or a ring change
  Keyspaces keyspaces;                 // used by the node that founds
  bool auto_join = true;  // a node that finds a cluster among its seeds joins it without more ado
};

/// A ring change as an operator asks for it.
struct RingChange {
  ChangeKind kind = ChangeKind::kJoin;
  /// The member meant: name, peer address or id; empty: this one. For a join the peer address of
  /// the waiting node, or, asked for at the waiting node, of a member.
  std::string node;
  std::string replacement;  // kReplace: the waiting node's peer address
  bool now = false;         // committed at once, without what is staged; else staged
  bool force = false;       // kRemove: at once, alone, in a new generation
};

struct MembershipMetrics {
  uint64_t foreign_messages = 0;   // of nodes of other clusters
  uint64_t rejected_messages = 0;  // malformed, or not the sender's to send
};

/// One node's part in its cluster: founds it together with the nodes that its seeds name, or joins
/// it; keeps the cluster document, votes on the next one, proposes what operators ask for, what
/// waiting nodes need and the steps of moves; tells who is up, keeps the cluster clock and
/// coordinates FLUSHALL.
/// A plain state machine: every method that takes a time is a step; what it decides comes out
/// through MembershipPorts. Not thread-safe, one thread steps it; steps don't nest.
class Membership {
 public:
  static constexpr uint64_t kRoundUs = 500'000;
  /// A round comes so much earlier where this node is awake anyway.
  static constexpr uint64_t kRoundEarlyUsMax = kRoundUs / 2;

  /// `ports` outlives the machine.
  Membership(MembershipConfig config, MembershipPorts& ports);

  /// The first step. `record` as the directory holds it, or an empty one.
  void start(NodeRecord record, LocalTime now);
  /// `from` is where answers to this message can be sent.
  void receive(const Address& from, const MembershipMessage& message, LocalTime now);
  /// TCP's opinion of the link to a peer address: it connected; it was reset, refused or closed.
  void link_up(const Address& address, LocalTime now);
  void link_down(const Address& address, LocalTime now);
  /// The record handed over with `token` is synced, and so are those before it.
  void persisted(PersistToken token, LocalTime now);
  void stamp_collected(StampToken token, Stamp highest, LocalTime now);
  /// Whether all copies of this node are whole; told to the other members, and kept over restarts.
  /// Not to be called before the copies' state is known.
  void set_whole(bool is_whole, LocalTime now);
  /// How far the shards of this node have come with the document; told to the driver of moves. The
  /// shards of a driver that never calls this count as having done all at once.
  void set_progress(MemberProgress progress, LocalTime now);
  /// R as this node goes by it from now on, where no keyspace says otherwise; told to the driver of
  /// moves, as it decides how many old owners may not have heard of a move's end.
  void set_read_quorum(uint32_t read_quorum, LocalTime now);
  /// A ring change; MembershipPorts::change_done() brings the outcome, perhaps within the call. It
  /// is over when the change is committed, or staged; partitions move after that.
  void request_change(ChangeToken token, const RingChange& change, LocalTime now);
  /// Commits, or drops, all that is staged. Else as request_change().
  void commit_staged(ChangeToken token, LocalTime now);
  void clear_staged(ChangeToken token, LocalTime now);
  /// A change of what the document says beside the ring, keyspaces and users for one: `edit` alters
  /// the next document, or returns an error line without '-' and changes nothing. It may be called
  /// several times, each time with what is committed by then. The outcome comes as that of
  /// request_change().
  using DocumentEdit = std::function<std::string(ClusterDocument*)>;
  void request_edit(ChangeToken token, DocumentEdit edit, LocalTime now);
  /// Forgets what was said about the members and keeps what this node has seen itself: for an
  /// operator who finds gossip gone wrong. See Swim::clear_gossip().
  void clear_gossip();
  /// A member goes by a newer document than this node: asks it for that.
  void want_document(NodeId from, LocalTime now);
  /// FLUSHALL; MembershipPorts::flush_done() brings the outcome, perhaps within the call.
  void request_flush(FlushToken token, LocalTime now);
  /// Call at next_deadline_us() or later; more calls do no harm.
  void tick(LocalTime now);
  /// On the clock of LocalTime::mono_us; Liveness::kNever where nothing is due. While nothing goes
  /// wrong, there are two or three deadlines in kRoundUs.
  uint64_t next_deadline_us() const;

  /// 0 before start().
  NodeId self() const { return record_.node_id; }
  const NodeRecord& record() const { return record_; }
  /// As installed last; null before the node is a member.
  std::shared_ptr<const ClusterDocument> document() const { return document_; }
  /// The other members, in the order of the document. Good until the next step.
  std::span<const MemberView> others() const { return liveness_.views(); }
  std::size_t members_up() const { return document_ ? liveness_.up_count() : 0; }
  uint64_t cluster_ms(uint64_t unix_ms) const { return clock_.cluster_ms(unix_ms); }
  int64_t clock_offset_ms() const { return clock_.offset_ms(); }
  /// Nodes that were heard lately and wait to be taken in. Good until the next step.
  std::vector<Member> waiting_nodes() const;
  /// What the members told of their progress, as far as this node is told.
  const Progress& progress() const { return progress_; }
  /// Why this node is no member yet; empty once it is. Good until the next step.
  std::string_view waiting_reason() const { return waiting_reason_; }
  const MembershipMetrics& metrics() const { return metrics_; }
  SwimMetrics gossip_metrics() const { return liveness_.metrics(); }
  /// This node's own word about itself.
  uint64_t incarnation() const { return liveness_.incarnation(); }

 private:
  enum class Phase {
    kNew,              // before start()
    kStoringIdentity,  // fresh ids are being synced, nobody has heard of them
    kFounding,
    kStoringPromise,
    kStoringDocument,
    kMember,
    kLeaving,  // no member any more; that is being synced
    kFailed,
  };
  enum class Storing { kDetails, kIdentity, kPromise, kFirstDocument, kDocument, kVote, kGone };
  struct PendingRecord {
    Storing what = Storing::kDetails;
    std::shared_ptr<const ClusterDocument> document;
    Address vote_to;  // kVote: an empty host is this node itself
    std::optional<MembershipMessage> vote;
    std::string why;  // kGone
    bool starts_anew = false;
    bool is_to_spread = false;  // kDocument: nobody else has it
  };
  /// What this node wants the next document to say.
  struct Wish {
    std::function<std::string(ClusterDocument*)> apply;  // empty, or an error line and no change
    std::function<void(std::string_view error, uint64_t epoch)> done;
    uint64_t deadline_us = 0;
    bool is_proposed = false;
  };
  /// A join or replacement whose waiting node has not been heard yet.
  struct Lookup {
    ChangeToken token = 0;
    RingChange change;
    uint64_t deadline_us = 0;
  };
  struct Newcomer {
    Member member;
    Joining joining = Joining::kBound;
    uint64_t heard_us = 0;
    uint64_t due_us = 0;  // when it is taken in, where it joins at once
  };
  struct Readmission {
    DirectoryId directory = 0;
    uint64_t due_us = 0;
  };
  struct AwaitedFlush {
    Address from;
    FlushId id = 0;
    Stamp flush_stamp = 0;
  };
  struct SentJoin {
    ChangeToken token = 0;
    uint64_t deadline_us = 0;
  };
  struct PendingStamp {
    bool is_barrier = false;  // an acknowledgement waits until the shards know the flush stamp
    Address from;             // an empty host: this node itself
    FlushId flush_id = 0;
  };
  static constexpr std::size_t kPendingStampsMax = 1024;
  static constexpr std::size_t kNewcomersMax = 256;
  static constexpr std::size_t kWishesMax = 256;

  bool is_running() const {
    return phase_ != Phase::kNew && phase_ != Phase::kFailed && phase_ != Phase::kLeaving;
  }
  bool is_founding() const {
    return phase_ == Phase::kFounding || phase_ == Phase::kStoringPromise;
  }
  bool is_member() const { return document_ != nullptr; }
  Sender sender() const;
  Member self_as_member() const;
  void persist(PendingRecord pending);
  void fail(std::string_view text);

  // membership_founding.cc
  void begin_identity();
  void resume_member(LocalTime now);
  void begin_founding(LocalTime now);
  void founding_round(LocalTime now);
  void say_hello(const Address& to, const Address& dialed, bool is_reply);
  void take_founding_step(LocalTime now);
  void store_promise(const Promise& promise);
  void note_waiting(const std::string& reason, LocalTime now);
  void found(std::vector<Member> members);
  void hear_while_founding(const Address& from, const Hello& hello, LocalTime now);
  void offered_while_founding(const Address& from, const DocumentOffer& offer, LocalTime now);
  void wait_to_join(const Address& from, const DocumentOffer& offer, LocalTime now);
  std::string joining_reason() const;
  void adopt(const std::shared_ptr<const ClusterDocument>& document, const Member& listed);
  void become_member(LocalTime now);

  // membership_member.cc
  void on(const Address& from, const Hello& hello, LocalTime now);
  void on(const Address& from, const DocumentOffer& offer, LocalTime now);
  void on(const Address& from, const DocumentRequest& request, LocalTime now);
  void on(const Address& from, const Gossip& gossip, LocalTime now);
  void on(const Address& from, const StampQuery& query, LocalTime now);
  void on(const Address& from, const StampAnswer& answer, LocalTime now);
  void on(const Address& from, const Flush& flush, LocalTime now);
  void on(const Address& from, const FlushAck& ack, LocalTime now);
  void on(const Address& from, const Prepare& prepare, LocalTime now);
  void on(const Address& from, const Prepared& prepared, LocalTime now);
  void on(const Address& from, const Accept& accept, LocalTime now);
  void on(const Address& from, const Accepted& accepted, LocalTime now);
  void on(const Address& from, const Refused& refused, LocalTime now);
  void on(const Address& from, const ProgressReport& report, LocalTime now);
  void on(const Address& from, const JoinRequest& request, LocalTime now);
  void on(const Address& from, const JoinReply& reply, LocalTime now);
  bool is_from_member(const Sender& sender);
  void hear_as_member(const Address& from, const Hello& hello, LocalTime now);
  void offered_as_member(const Address& from, const DocumentOffer& offer, LocalTime now);
  void offer_document(const Address& to, bool with_keys);
  static std::shared_ptr<const ClusterDocument> without_keys(const ClusterDocument& document);
  void answer_foreign(const Address& from, LocalTime now);
  void take_document(std::shared_ptr<const ClusterDocument> offered);
  void store_document(std::shared_ptr<const ClusterDocument> document, bool is_to_spread);
  void ask_for_document(const Address& from, LocalTime now);
  void leave(NodeRecord empty, bool starts_anew, std::string why);
  void install(std::shared_ptr<const ClusterDocument> document, LocalTime now);
  void forget_former_members();
  void log_epoch(const ClusterDocument& before) const;
  void compare_version(const Address& from, const DocumentVersion& theirs, LocalTime now);
  void member_round(LocalTime now);
  void check_seeds(LocalTime now);
  void end_clock_round(LocalTime now);
  /// Sends what a step of the liveness wants sent, and takes note of who turned up or down;
  /// `why_down`: else the liveness says why.
  void follow(const SwimEffects& effects, LocalTime now, std::string_view why_down = {});
  /// How a log names a member that is watched.
  std::string label_of(NodeId member) const;
  void turned_up(NodeId member, LocalTime now);
  void turned_down(NodeId member, std::string_view why, LocalTime now);

  // membership_paxos.cc
  bool is_voter() const;
  bool is_listed_directory(const Sender& sender) const;
  bool may_vote(const Address& from, const Sender& sender, DocumentNumber instance, LocalTime now);
  void vote(const Address& to, MembershipMessage answer);
  void finish_later(LocalTime now);
  /// Proposes what is wanted; where nothing is and it `finishes`, what this node accepted.
  void propose(LocalTime now, bool finishes = false);
  void send_proposal();
  void give_proposal_up();
  void tick_proposal(LocalTime now);
  uint64_t next_proposal_us() const;
  void spread(const std::shared_ptr<const ClusterDocument>& document);

  // membership_changes.cc
  void wish(Wish wish, LocalTime now);
  Wish change_wish(const RingChange& change, Member joining, LocalTime now) const;
  Wish with_token(ChangeToken token, Wish wish);
  void look_up(const Lookup& lookup, LocalTime now);
  void retry_lookups(LocalTime now);
  void expire_sent_joins(LocalTime now);
  uint64_t next_sent_join_us() const;
  void ask_to_join(ChangeToken token, const RingChange& change, LocalTime now);
  void force_removal(ChangeToken token, const RingChange& change, LocalTime now);
  std::string no_majority(bool is_unknown) const;
  std::shared_ptr<const ClusterDocument> compose(LocalTime now);
  void apply_wishes(ClusterDocument* next);
  void finish_wishes(const ClusterDocument& installed);
  void expire_changes(LocalTime now);
  uint64_t next_change_us() const;

  // membership_driver.cc
  bool needs_steps() const;
  NodeId driver() const;
  void report_progress(LocalTime now);
  uint8_t least_read_quorum() const;
  void apply_steps(LocalTime now, ClusterDocument* next) const;
  void refresh_self(ClusterDocument* next) const;
  void greet_newcomer(const Address& from, const Hello& hello, LocalTime now);
  const Newcomer* find_newcomer(std::string_view text) const;
  void note_directory(NodeId member, DirectoryId directory, LocalTime now);
  void admit(LocalTime now, ClusterDocument* next) const;
  void tick_admissions(LocalTime now);
  uint64_t next_admission_us() const;

  // membership_flush.cc
  void collect_stamp(PendingStamp pending);
  void take_stamp_answer(FlushId id, NodeId member, Stamp highest, uint64_t cluster_ms,
                         LocalTime now);
  void commit_flush(const Flushes::Collected& collected, LocalTime now);
  void flush_committed(FlushId id, Stamp flush_stamp, std::string_view error);
  void await_flush(const AwaitedFlush& awaited);
  void answer_collected(const PendingStamp& pending, Stamp highest, LocalTime now);
  void report(const std::vector<Flushes::Finished>& finished);

  MembershipConfig config_;
  MembershipPorts& ports_;
  MembershipMetrics metrics_;
  Phase phase_ = Phase::kNew;
  NodeRecord record_;  // as handed to persist() last
  Promise synced_promise_;
  std::shared_ptr<const ClusterDocument> document_;
  DocumentVersion version_;  // of document_
  PersistToken last_persist_token_ = 0;
  std::map<PersistToken, PendingRecord> pending_records_;
  uint64_t next_round_us_ = 0;

  std::optional<Founding> founding_;
  std::string waiting_reason_;
  uint64_t waiting_logged_us_ = 0;

  ClusterId cluster_seen_ = 0;  // of a seed, while this node waits to be taken in
  DocumentNumber newest_seen_;  // of that cluster
  bool may_join_ = false;
  bool is_bound_elsewhere_ = false;
  std::map<uint64_t, SentJoin> sent_joins_;  // by request

  std::optional<Proposer> proposer_;
  std::shared_ptr<const ClusterDocument> own_proposal_;
  bool is_own_sent_ = false;    // so it may be chosen, whatever becomes of proposer_
  uint64_t attempts_ = 0;       // in the present instance
  uint64_t highest_round_ = 0;  // met in the present instance
  uint64_t resend_us_ = Liveness::kNever;
  uint64_t resend_pause_us_ = 0;
  uint64_t propose_from_us_ = 0;  // not before
  uint64_t steps_due_us_ = Liveness::kNever;
  uint64_t finish_us_ = Liveness::kNever;  // an accepted document that is not installed yet
  std::vector<Wish> wishes_;
  std::vector<Lookup> lookups_;
  std::map<NodeId, Newcomer> newcomers_;
  std::map<NodeId, Readmission> readmissions_;
  uint64_t admit_again_us_ = 0;  // not before
  MemberProgress own_progress_;
  bool is_progress_told_ = false;
  uint64_t progress_told_us_ = 0;
  uint64_t progress_due_us_ = Liveness::kNever;  // where own_progress_ is not reported yet
  Progress progress_;

  Liveness liveness_;
  ClusterClock clock_;
  int64_t stored_offset_ms_ = 0;
  uint64_t offset_stored_us_ = 0;
  bool is_offset_large_ = false;
  std::set<Address> unchecked_seeds_;  // no members; may turn out to be of another cluster
  uint64_t seeds_checked_until_us_ = 0;
  uint64_t foreign_answered_us_ = 0;
  uint64_t document_asked_us_ = 0;

  Flushes flushes_;
  StampToken last_stamp_token_ = 0;
  std::map<StampToken, PendingStamp> pending_stamps_;
  std::vector<AwaitedFlush> awaited_flushes_;
};

}  // namespace kindred
