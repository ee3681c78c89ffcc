#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plugins/api/resolver_registry.h"
#include "protocol/peer/frame_builder.h"
#include "protocol/peer/message_reader.h"
#include "replication/node/shard.h"
#include "server/storage/state_store.h"

namespace kindred {

/// Where a shard's answers and messages go.
class ShardOutlet {
 public:
  virtual ~ShardOutlet() = default;
  /// Called from within a step: must not step the shard. Tokens as they were submitted.
  virtual void deliver_outcome(ClientToken token, Outcome&& outcome) = 0;
  virtual void deliver_page(ClientToken token, ScanPage&& page) = 0;
  /// A sealed frame of a turn's messages to `to`; the bytes hold during the call.
  virtual void deliver_frame(NodeId to, std::string_view frame) = 0;
  /// The shard learned that `holder` goes by a later cluster document.
  virtual void want_document(NodeId holder) = 0;
  /// A copy became whole, stopped being so, or went.
  virtual void copies_changed() = 0;
  /// See StoreClient; the shard knows already.
  virtual void storage_changed(StorageTrouble trouble, std::string_view text) = 0;
  virtual void engine_damaged(std::string_view text) = 0;
  virtual Now now() = 0;
};

/// Runs one worker's shard on its loop: gives it time, storage and a way out. One thread.
class ShardDriver final : public ShardPorts, private StoreClient {
 public:
  /// `store`, `resolvers` and `outlet` outlive the driver.
  ShardDriver(const ShardConfig& config, NodeId self, StateStore& store,
              const plugins::ResolverRegistry& resolvers, ShardOutlet& outlet);
  ~ShardDriver() override;

  Shard& shard() { return shard_; }

  void set_cluster(const std::shared_ptr<const ClusterDocument>& cluster, CopyState fresh_copies);
  /// Reads a data frame of a peer; false where it is malformed.
  [[nodiscard]] bool receive_frame(NodeId from, const Frame& frame);
  void receive(NodeId from, const Message& message);
  /// Steps for what storage has finished; true where there was anything.
  bool deliver_storage();
  /// Sends what the steps of this turn gathered: storage batch and peer frames.
  void flush();

  /// Live keys of a slot in this node's copy, at most `limit`; `answer` is called later, once.
  using KeysAnswer = std::function<void(std::vector<std::string>&&)>;
  void list_slot_keys(uint16_t partition, uint16_t slot, uint32_t limit, KeysAnswer answer);
  /// Shard::repair() of a partition that is this shard's. `answer` is called once, from within a
  /// step: it must not step the shard.
  using RepairAnswer = std::function<void(const RepairReport&)>;
  void repair(uint16_t partition, RepairAnswer answer);
  /// `done` is called once the engine has all that was stored before, from within a delivery: it
  /// must not step the shard.
  void after_writes(std::function<void()> done);
  /// Live keys in this node's copies of those of `partitions` that are this shard's.
  uint64_t count_live_keys(const std::vector<uint16_t>& partitions);
  /// Those of `actors` that are this shard's copies now.
  std::vector<ActorId> own_actors(const std::vector<ActorId>& actors);

  /// As the shard's document has them.
  const KeyPartitions& partitions() const { return messages_.partitions(); }
  uint64_t dropped_messages() const { return dropped_messages_; }

  std::string_view encode(const KeyRef& key, const State& state) override;
  [[nodiscard]] bool decode(const KeyRef& key, std::string_view record, State* state) override;
  [[nodiscard]] LoadStatus try_load(const KeyRef& key, State* state) override;
  void load(const KeyRef& key, StoreToken token) override;
  [[nodiscard]] StoreStatus store(const KeyRef& key, std::string_view record, Durability durability,
                                  StoreToken token) override;
  [[nodiscard]] bool is_storing(const KeyRef& key) override;
  void read_range(const FetchRange& range, StoreToken token) override;
  void quarantine(const KeyRef& key) override;
  void send(NodeId to, const Message& message) override;
  void reply(ClientToken token, Outcome&& outcome) override;
  void reply_scan(ClientToken token, ScanPage&& page) override;
  void reply_repair(RepairToken token, const RepairReport& report) override;
  void document_wanted(NodeId holder) override;
  void copies_changed() override;
  [[nodiscard]] bool resolve(std::string_view resolver, const KeyRef& key,
                             std::span<const std::string_view> values,
                             std::string* resolved) override;
  uint64_t random() override;

 private:
  struct PeerOutput {
    NodeId node = 0;
    FrameBuilder builder;
  };

  struct SlotListing {
    FetchRange next;  // after_key views after_key below
    std::string after_key;
    uint32_t limit = 0;
    std::vector<std::string> keys;
    KeysAnswer answer;
  };

  void receive_ahead(NodeId from, Now now);
  bool is_held(uint32_t partition);
  [[nodiscard]] bool go_to_next_layer(SlotListing& listing);
  void list_page(StoreToken token, bool ok, std::span<const RangeEntry> entries, bool done);
  FrameBuilder& builder_for(NodeId to);
  void finish_frame(PeerOutput& output);

  void lost(const KeyRef& key, bool was_promised, const State& lost, const State* shown) override;
  void stored(StoreToken token, bool ok) override;
  void loaded(StoreToken token, LoadStatus status, const State& state) override;
  void range_read(StoreToken token, bool ok, std::span<const RangeEntry> entries,
                  bool done) override;
  void storage_changed(StorageTrouble trouble, std::string_view text) override;
  void engine_damaged(std::string_view text) override { outlet_.engine_damaged(text); }

  StateStore& store_;
  const plugins::ResolverRegistry& resolvers_;
  ShardOutlet& outlet_;
  FrameOrigin origin_;
  MessageReader messages_{1};
  std::vector<Message> ahead_;  // of the frame being read
  std::vector<KeyRef> ahead_keys_;
  std::vector<PeerOutput> outputs_;  // few peers: a scan beats a hash
  std::string record_;
  uint64_t dropped_messages_ = 0;
  std::map<StoreToken, SlotListing> listings_;
  std::map<StoreToken, std::function<void()>> barriers_;
  StoreToken last_listing_ = 0;
  std::map<RepairToken, RepairAnswer> repairs_;
  RepairToken last_repair_ = 0;
  Shard shard_;
};

}  // namespace kindred
