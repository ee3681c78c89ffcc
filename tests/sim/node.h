#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/context/context_codec.h"
#include "protocol/peer/message_reader.h"
#include "replication/membership/membership.h"
#include "tests/sim/disk.h"
#include "tests/sim/losses.h"
#include "tests/sim/network.h"
#include "tests/sim/oracle.h"
#include "tests/sim/shard_host.h"

namespace kindred::sim {

class SimCluster;

/// A client's request as it comes to a node.
struct Request {
  Operation operation;     // its value is its own
  uint32_t write = kNone;  // the oracle's number, of a write
  std::string context;     // DPUT, DDEL: as text
  bool is_forged = false;  // the context is no good
  uint32_t lives_ms = 0;   // 0: for ever, or as the operation says
};

/// What a client is told.
struct Reply {
  bool is_lost = false;     // the node died, or never answered
  bool is_refused = false;  // nothing was done: nobody listens, or the context was no good
  bool is_early = false;    // the node was no member yet, or had not met the others since it began
  Outcome outcome;
  uint64_t cluster_ms = 0;  // the node's clock
  std::string context;      // as text
  ClientContext covered;    // what the text says
  Knowledge met;            // of a read
};

/// What a FLUSHALL came to.
enum class FlushEnd : uint8_t { kDone, kRefused, kUnknown };

/// One node: its shards and its membership while the process runs, its disk always. Drives both as
/// server/node does: shard 0 lives on membership's thread, the others hear of it by mail.
class SimNode final : public MembershipPorts {
 public:
  SimNode(SimCluster& cluster, Number number, uint32_t shard_count);

  SimCluster& cluster() { return cluster_; }
  Number number() const { return number_; }
  /// 0 before the node has one.
  NodeId id() const { return membership_ ? membership_->self() : 0; }
  static Address address_of(Number number);
  /// 0 where no simulated node has that address.
  Number number_at(const Address& address) const;

  bool is_up() const { return membership_ != nullptr; }
  /// A member, with all shards there: serves clients.
  bool is_ready() const { return is_up() && installs_missing_ == 0; }
  bool sees_all_up() const;
  /// A member's number as text, for the trace.
  std::string name_of(NodeId node) const;
  KeyRef key_at(uint32_t place) const;
  void note_emptying(const Copies& copies);
  bool all_whole();
  /// The document lists the directory that the node has now.
  bool has_vote() const;
  bool idle();
  LocalTime local_time() const;
  Now now() const;
  Disk& disk() { return disk_; }
  Membership& membership() { return *membership_; }
  /// As installed last by this run; null before.
  std::shared_ptr<const ClusterDocument> document() const { return document_; }
  /// A worker has the partitions of all layers of its slots.
  size_t index_of_partition(uint16_t partition) const;
  ShardHost& shard_of_partition(uint16_t partition) {
    return *shards_[index_of_partition(partition)];
  }
  /// Those that are there; all of them once the node is ready.
  std::vector<ShardHost*> shards();
  const std::vector<Address>& seeds() const { return seeds_; }
  void set_seeds(std::vector<Address> seeds) { seeds_ = std::move(seeds); }

  /// The process starts on what the disk holds.
  void start();
  void stop(bool with_machine);
  /// Ends what is in flight, then the process, all that it wrote synced.
  void stop_orderly(const std::function<void()>& stopped);
  bool is_stopping() const { return is_stopping_; }
  /// Takes a frame in; false where it is no good.
  [[nodiscard]] bool deliver(Number from, const Parcel& parcel);
  void link_changed(Number to, bool is_up);
  /// Runs `action` unless the process ends first; later where it is paused.
  void later(uint64_t delay_us, std::function<void()> action);
  /// Runs `action` on a shard's thread, after what was posted there before.
  void post(uint8_t shard, std::function<void()> action);
  /// Whether all copies are whole may be otherwise now.
  void copies_changed();

  uint64_t incarnation = 0;
  bool machine_is_up = true;
  uint64_t paused_until_us = 0;
  int64_t skew_ms = 0;
  bool joins_by_itself = true;
  bool is_lossy = false;           // has lost what it acknowledged, and is not whole again
  Losses losses;                   // so, and its copies held it: not only one that was filling
  uint64_t directory_lost_us = 0;  // when it was wiped, or an older one put back
  bool count_is_exact = true;      // no record was damaged, no store failed since the start

  /// The device refuses all writes for a while; shards hear of it once one of theirs was refused.
  void begin_disk_trouble(StorageTrouble trouble, uint64_t length_us);
  StorageTrouble disk_trouble() const { return disk_trouble_; }
  void note_refused_write();

  /// A client's request comes in.
  void ask(ClientToken token, Request request, std::function<void(Reply&&)> done);
  void ask_scan(ClientToken token, const ScanRequest& request,
                std::function<void(const ScanPage&)> done);
  void scan_done(ClientToken token, const ScanPage& page);
  void answer(ClientToken token, Outcome&& outcome, const std::function<Knowledge(uint32_t)>& met);
  void ask_flush(std::function<void(FlushEnd)> done);
  /// Told "lost" where the process ends first.
  using ChangeDone = std::function<void(const std::string& error, uint64_t epoch)>;
  void ask_change(RingChange change, ChangeDone done);
  void ask_edit(Membership::DocumentEdit edit, ChangeDone done);
  void ask_commit(ChangeDone done);
  void ask_clear(ChangeDone done);
  /// A shard's copies, or the document it goes by, changed.
  void tell_progress(uint8_t shard);
  void send_data(NodeId to, std::string_view frame, Ghost ghost, bool may_repeat);
  FrameOrigin origin() const;
  /// A shard met a newer document at `holder`.
  void want_document(NodeId holder);
  StoreStatus store_later(uint32_t key, uint8_t shard, StoreToken token, uint64_t delay_us);
  void tell_storage(StorageTrouble trouble);

  // MembershipPorts
  void send(const Address& to, const MembershipMessage& message) override;
  void persist(const NodeRecord& record, PersistToken token) override;
  void installed(std::shared_ptr<const ClusterDocument> document, NodeId self,
                 bool copies_filling) override;
  void alive_changed(NodeId member, bool is_up) override;
  void collect_stamp(StampToken token) override;
  void flush_done(FlushToken token, std::string_view error) override;
  void change_done(ChangeToken token, std::string_view error, uint64_t epoch) override;
  void left(std::string_view why, bool starts_anew) override;
  void log(LogLevel level, std::string_view text) override;
  void fatal(std::string_view text) override;
  uint64_t random() override;

 private:
  MembershipConfig membership_config() const;
  NodeRecord boot();
  template <typename Step>
  void step_membership(Step step) {
    in_membership_step_ = true;
    step(*membership_, local_time());
    in_membership_step_ = false;
    after_membership_step();
  }
  void after_membership_step();
  void arm_timer();
  void install_in_shard(uint8_t shard, const std::shared_ptr<const ClusterDocument>& document,
                        CopyState fresh);
  void take_inventory(uint8_t shard);
  struct Waiting {
    uint32_t key = 0;
    OpKind kind = OpKind::kRead;
    bool is_early = false;
    std::function<void(Reply&&)> done;
  };
  void take(ClientToken token, Request request);
  void drop_requests();
  void take_early();
  void wait_for_end(uint64_t until_us, const std::function<void()>& stopped);
  void refuse(ClientToken token, bool is_refused);
  bool read_context(Request& request);
  void write_context(Reply& reply, const Waiting& waiting);
  void store_done(uint32_t key, uint64_t number, bool ok);
  void revert(uint32_t place);
  bool note(const std::string& text) const;

  SimCluster& cluster_;
  const Number number_;
  const uint32_t shard_count_;
  std::vector<Address> seeds_;
  Disk disk_;

  // Of the process that runs.
  std::unique_ptr<Membership> membership_;
  bool in_membership_step_ = false;
  uint64_t timer_us_ = 0;
  std::shared_ptr<const ClusterDocument> document_;
  std::map<NodeId, Number> peers_;
  std::vector<std::unique_ptr<ShardHost>> shards_;  // null until a document is installed
  std::vector<uint64_t> mail_us_;                   // when a shard's newest mail comes
  uint32_t installs_missing_ = 0;
  std::vector<std::pair<Number, Parcel>> early_;  // data that came before the first install
  uint64_t record_synced_us_ = 0;
  std::map<ClientToken, Waiting> waiting_;
  std::map<ClientToken, std::function<void(const ScanPage&)>> scans_;
  std::optional<ContextCodec> codec_;
  std::map<FlushToken, std::function<void(FlushEnd)>> flushes_;
  FlushToken last_flush_ = 0;
  std::map<ChangeToken, ChangeDone> changes_;
  ChangeToken last_change_ = 0;
  std::vector<MemberProgress> progress_;  // by shard
  bool is_leaving_ = false;

  MessageReader reader_;
  uint64_t machine_run_ = 1;
  uint64_t last_store_ = 0;
  StorageTrouble disk_trouble_ = StorageTrouble::kNone;
  bool is_trouble_told_ = false;
  bool is_stopping_ = false;
  bool has_met_all_ = false;  // this run saw all members up at some time
};

}  // namespace kindred::sim
