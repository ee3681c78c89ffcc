#pragma once

#include <cstdint>
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
#include "replication/membership/ports.h"

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
  uint32_t request_timeout_ms = 1000;  // of a FLUSHALL
};

struct MembershipMetrics {
  uint64_t foreign_messages = 0;   // of nodes of other clusters
  uint64_t rejected_messages = 0;  // malformed, or not the sender's to send
};

/// One node's part in its cluster: founds it together with the nodes that its seeds name, keeps and
/// spreads the cluster document, tells who is up, keeps the cluster clock and coordinates FLUSHALL.
/// A plain state machine: every method that takes a time is a step; what it decides comes out
/// through MembershipPorts. Not thread-safe, one thread steps it; steps don't nest.
class Membership {
 public:
  static constexpr uint64_t kRoundUs = 500'000;

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
  /// A member showed that it goes by a later document: asks it for that one, now and then.
  void want_document(NodeId holder, LocalTime now);
  /// FLUSHALL; MembershipPorts::flush_done() brings the outcome, perhaps within the call.
  void request_flush(FlushToken token, LocalTime now);
  /// Call at next_deadline_us() or later; more calls do no harm.
  void tick(LocalTime now);
  /// On the clock of LocalTime::mono_us; Liveness::kNever where nothing is due. While nothing goes
  /// wrong, deadlines are kRoundUs apart.
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
  /// Why this node is no member yet; empty once it is. Good until the next step.
  std::string_view waiting_reason() const { return waiting_reason_; }
  const MembershipMetrics& metrics() const { return metrics_; }

 private:
  enum class Phase {
    kNew,              // before start()
    kStoringIdentity,  // fresh ids are being synced, nobody has heard of them
    kFounding,
    kStoringPromise,
    kStoringDocument,
    kMember,
    kFailed,
  };
  enum class Storing { kDetails, kIdentity, kPromise, kFirstDocument, kDocument, kFlush };
  struct PendingRecord {
    Storing what = Storing::kDetails;
    std::shared_ptr<const ClusterDocument> document;
    Address flush_from;  // an empty host: this node itself
    FlushId flush_id = 0;
  };
  struct PendingStamp {
    bool is_barrier = false;  // an acknowledgement waits until the shards know the flush stamp
    Address from;             // an empty host: this node itself
    FlushId flush_id = 0;
  };
  static constexpr std::size_t kPendingStampsMax = 1024;

  bool is_running() const { return phase_ != Phase::kNew && phase_ != Phase::kFailed; }
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
  void offered_while_founding(const DocumentOffer& offer, LocalTime now);
  void adopt(const std::shared_ptr<const ClusterDocument>& document, const Member& listed);
  void become_member(LocalTime now);

  // membership_member.cc
  void on(const Address& from, const Hello& hello, LocalTime now);
  void on(const Address& from, const DocumentOffer& offer, LocalTime now);
  void on(const Address& from, const DocumentRequest& request, LocalTime now);
  void on(const Address& from, const Probe& probe, LocalTime now);
  void on(const Address& from, const StampQuery& query, LocalTime now);
  void on(const Address& from, const StampAnswer& answer, LocalTime now);
  void on(const Address& from, const Flush& flush, LocalTime now);
  void on(const Address& from, const FlushAck& ack, LocalTime now);
  bool is_from_member(const Sender& sender);
  void hear_as_member(const Address& from, const Hello& hello, LocalTime now);
  void offered_as_member(const Address& from, const DocumentOffer& offer, LocalTime now);
  void offer_document(const Address& to, bool with_keys);
  void answer_foreign(const Address& from, LocalTime now);
  void merge_document(const ClusterDocument& offered);
  void install(std::shared_ptr<const ClusterDocument> document);
  void ask_for_document(const Address& holder, LocalTime now);
  void compare_version(const Address& from, const DocumentVersion& theirs, LocalTime now);
  void member_round(LocalTime now);
  void check_seeds(LocalTime now);
  void end_clock_round(LocalTime now);
  void probe(const MemberView& member, LocalTime now);
  void probe_sooner(const MemberView& member, LocalTime now);
  void turned_down(NodeId member, std::string_view why);

  // membership_flush.cc
  void collect_stamp(PendingStamp pending);
  void take_stamp_answer(FlushId id, NodeId member, Stamp highest, uint64_t cluster_ms);
  void store_flush(const Address& from, FlushId id, Stamp flush_stamp);
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

  Liveness liveness_;
  ClusterClock clock_;
  int64_t stored_offset_ms_ = 0;
  uint64_t offset_stored_us_ = 0;
  bool is_offset_large_ = false;
  bool is_whole_ = false;
  std::set<Address> unchecked_seeds_;  // no members; may turn out to be of another cluster
  uint64_t seeds_checked_until_us_ = 0;
  uint64_t foreign_answered_us_ = 0;
  uint64_t document_asked_us_ = 0;
  std::map<NodeId, uint64_t> probed_us_;

  Flushes flushes_;
  StampToken last_stamp_token_ = 0;
  std::map<StampToken, PendingStamp> pending_stamps_;
};

}  // namespace kindred
