#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "replication/node/ports.h"

namespace kindred::node_test {

/// States as records: a record is the number of a state kept here. Everything a test makes lives as
/// long as this.
class Records {
 public:
  std::string add(const State& state);
  bool read(std::string_view record, State* state) const;

 private:
  std::vector<State> states_;
};

struct Sent {
  NodeId to = 0;
  Message message;            // its views are kept by the ports
  size_t replies_before = 0;  // that had been given when it was sent

  template <typename Kind>
  const Kind* as() const {
    return std::get_if<Kind>(&message);
  }
};

struct Stored {
  KeyRef key;
  std::string record;
  Durability durability = Durability::kMemory;
  StoreToken token = 0;
};

struct Loading {
  KeyRef key;
  StoreToken token = 0;
};

struct RangeRead {
  FetchRange range;
  StoreToken token = 0;
};

/// Keeps what a shard asks for; answers loads and stores as the test says. Takes no step of its
/// own.
class RecordingPorts : public ShardPorts {
 public:
  std::string_view encode(const KeyRef& key, const State& state) override;
  bool decode(const KeyRef& key, std::string_view record, State* state) override;
  LoadStatus try_load(const KeyRef& key, State* state) override;
  void load(const KeyRef& key, StoreToken token) override;
  StoreStatus store(const KeyRef& key, std::string_view record, Durability durability,
                    StoreToken token) override;
  bool is_storing(const KeyRef&) override { return shows_unstored; }
  void read_range(const FetchRange& range, StoreToken token) override;
  void quarantine(const KeyRef& key) override;
  void send(NodeId to, const Message& message) override;
  void reply(ClientToken token, Outcome&& outcome) override;
  void reply_scan(ClientToken token, ScanPage&& page) override;
  void reply_repair(RepairToken token, const RepairReport& report) override;
  void document_wanted(NodeId holder) override { documents_wanted.push_back(holder); }
  void copies_changed() override { ++copy_changes; }
  /// "join" puts a '+' between the values; there is no other.
  bool resolve(std::string_view resolver, const KeyRef& key,
               std::span<const std::string_view> values, std::string* resolved) override;
  uint64_t random() override { return next_random_++; }

  /// What a load of `key` shows; a hint's is name_of() it.
  static std::string name_of(const KeyRef& key);
  State held(std::string_view key) const;
  void hold(std::string_view key, const State& state);
  /// Messages of one kind since the last call for that kind, in order.
  template <typename Kind>
  std::vector<Sent> take() {
    std::vector<Sent> result;
    std::vector<Sent> rest;
    for (Sent& one : sent_) {
      (one.as<Kind>() != nullptr ? result : rest).push_back(std::move(one));
    }
    sent_ = std::move(rest);
    return result;
  }
  size_t unread_messages() const { return sent_.size(); }
  bool replied(ClientToken token) const { return replies_.count(token) == 1; }
  const Outcome& outcome(ClientToken token) const { return replies_.at(token); }
  const ScanPage& page(ClientToken token) const { return pages_.at(token); }
  bool scanned(ClientToken token) const { return pages_.count(token) == 1; }

  LoadStatus load_status = LoadStatus::kLoaded;  // kPending: load() is recorded
  StoreStatus store_status = StoreStatus::kDone;
  bool shows_unstored = false;
  std::set<std::string> damaged;  // keys whose record can't be read until they are quarantined
  std::vector<Loading> loads;
  std::vector<Stored> stores;
  std::vector<RangeRead> range_reads;
  std::vector<std::string> quarantined;
  std::map<RepairToken, RepairReport> repairs;
  std::vector<NodeId> documents_wanted;
  int copy_changes = 0;
  Records records;

 private:
  std::string_view keep(std::string_view bytes);
  KeyRef keep(const KeyRef& key);
  Message keep(const Message& message);

  std::map<std::string, std::string, std::less<>> engine_;
  std::deque<std::string> bytes_;
  std::deque<Operation> operations_;
  std::deque<Outcome> outcomes_;
  std::deque<std::vector<RangeEntry>> entries_;
  std::deque<std::vector<uint32_t>> nodes_;
  std::deque<std::vector<uint64_t>> hashes_;
  std::deque<std::vector<StateDigest>> digests_;
  std::deque<std::vector<ReapItem>> items_;
  std::vector<Sent> sent_;
  std::map<ClientToken, Outcome> replies_;
  std::map<ClientToken, ScanPage> pages_;
  std::string encoded_;
  uint64_t next_random_ = 1001;
};

}  // namespace kindred::node_test
