#include "tests/unit/node/recording_ports.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace kindred::node_test {

/// A hint lies beside the copies, under its target's number and the key.
std::string RecordingPorts::name_of(const KeyRef& key) {
  return (key.hint_for == 0 ? "" : std::to_string(key.hint_for) + "<") + std::string(key.key);
}

std::string Records::add(const State& state) {
  states_.push_back(state);
  states_.back().own();
  return std::to_string(states_.size() - 1);
}

bool Records::read(std::string_view record, State* state) const {
  if (record.empty()) {
    *state = State{};
    return true;
  }
  char* end = nullptr;
  const std::string text(record);
  const size_t number = std::strtoull(text.c_str(), &end, 10);
  if (*end != '\0' || number >= states_.size()) {
    return false;
  }
  *state = states_[number];
  return true;
}

std::string_view RecordingPorts::encode(const KeyRef&, const State& state) {
  encoded_ = records.add(state);
  return encoded_;
}

bool RecordingPorts::decode(const KeyRef&, std::string_view record, State* state) {
  return records.read(record, state);
}

LoadStatus RecordingPorts::try_load(const KeyRef& key, State* state) {
  if (load_status != LoadStatus::kLoaded) {
    return load_status;
  }
  if (damaged.count(std::string(key.key)) != 0) {
    return LoadStatus::kCorrupt;
  }
  *state = held(name_of(key));
  return LoadStatus::kLoaded;
}

void RecordingPorts::load(const KeyRef& key, StoreToken token) {
  loads.push_back({keep(key), token});
}

StoreStatus RecordingPorts::store(const KeyRef& key, std::string_view record, Durability durability,
                                  StoreToken token) {
  if (store_status != StoreStatus::kFailed) {
    stores.push_back({keep(key), std::string(record), durability, token});
    engine_[name_of(key)] = record;
  }
  return store_status;
}

void RecordingPorts::read_range(const FetchRange& range, StoreToken token) {
  RangeRead read{range, token};
  read.range.after_key = keep(range.after_key);
  range_reads.push_back(read);
}

void RecordingPorts::quarantine(const KeyRef& key) {
  quarantined.emplace_back(key.key);
  damaged.erase(std::string(key.key));
  engine_.erase(name_of(key));
}

void RecordingPorts::send(NodeId to, const Message& message) {
  sent_.push_back({to, keep(message), replies_.size()});
}

void RecordingPorts::reply(ClientToken token, Outcome&& outcome) {
  EXPECT_TRUE(replies_.emplace(token, std::move(outcome)).second) << "answered twice: " << token;
}

void RecordingPorts::reply_scan(ClientToken token, ScanPage&& page) {
  EXPECT_TRUE(pages_.emplace(token, std::move(page)).second) << "answered twice: " << token;
}

void RecordingPorts::reply_repair(RepairToken token, const RepairReport& report) {
  EXPECT_TRUE(repairs.emplace(token, report).second) << "answered twice: " << token;
}

State RecordingPorts::held(std::string_view key) const {
  State state;
  if (auto place = engine_.find(key); place != engine_.end()) {
    EXPECT_TRUE(records.read(place->second, &state));
  }
  return state;
}

void RecordingPorts::hold(std::string_view key, const State& state) {
  engine_[std::string(key)] = records.add(state);
}

std::string_view RecordingPorts::keep(std::string_view bytes) {
  return bytes_.emplace_back(bytes);
}

KeyRef RecordingPorts::keep(const KeyRef& key) {
  KeyRef kept = key;
  kept.key = keep(key.key);
  return kept;
}

Message RecordingPorts::keep(const Message& message) {
  Message kept = message;
  if (auto* replicate = std::get_if<Replicate>(&kept)) {
    replicate->key = keep(replicate->key);
    replicate->record = keep(replicate->record);
  } else if (auto* fetch = std::get_if<Fetch>(&kept)) {
    fetch->key = keep(fetch->key);
  } else if (auto* reply = std::get_if<FetchReply>(&kept)) {
    reply->record = keep(reply->record);
  } else if (auto* pass_on = std::get_if<PassOn>(&kept)) {
    Operation& operation = operations_.emplace_back(*pass_on->operation);
    operation.value.own();
    operation.key = keep(operation.key);
    pass_on->operation = &operation;
  } else if (auto* answer = std::get_if<PassOnReply>(&kept)) {
    if (answer->outcome != nullptr) {
      answer->outcome = &outcomes_.emplace_back(*answer->outcome);
    }
  } else if (auto* range = std::get_if<FetchRange>(&kept)) {
    range->after_key = keep(range->after_key);
  } else if (auto* range_reply = std::get_if<FetchRangeReply>(&kept)) {
    std::vector<RangeEntry>& entries = entries_.emplace_back();
    for (const RangeEntry& entry : range_reply->entries) {
      entries.push_back({keep(entry.key), keep(entry.record)});
    }
    range_reply->entries = entries;
  } else if (auto* tree_fetch = std::get_if<TreeFetch>(&kept)) {
    nodes_.emplace_back(tree_fetch->nodes.begin(), tree_fetch->nodes.end());
    tree_fetch->nodes = nodes_.back();
  } else if (auto* tree_reply = std::get_if<TreeReply>(&kept)) {
    hashes_.emplace_back(tree_reply->hashes.begin(), tree_reply->hashes.end());
    tree_reply->hashes = hashes_.back();
  } else if (auto* digests = std::get_if<KeyDigestsFetch>(&kept)) {
    digests->after_key = keep(digests->after_key);
  } else if (auto* digests_reply = std::get_if<KeyDigestsReply>(&kept)) {
    std::vector<StateDigest>& digest_entries = digests_.emplace_back();
    for (const StateDigest& entry : digests_reply->entries) {
      digest_entries.push_back({keep(entry.key), entry.digest});
    }
    digests_reply->entries = digest_entries;
  } else if (auto* call = std::get_if<RoundCall>(&kept)) {
    std::vector<ReapItem>& items = items_.emplace_back();
    for (const ReapItem& item : call->items) {
      items.push_back({keep(item.key), item.digest, item.is_drop});
    }
    call->items = items;
    hashes_.emplace_back(call->in_use.begin(), call->in_use.end());
    call->in_use = hashes_.back();
  } else if (auto* voted = std::get_if<RoundReply>(&kept)) {
    voted->agreed = keep(voted->agreed);
  }
  return kept;
}

bool RecordingPorts::resolve(std::string_view resolver, const KeyRef& /*key*/,
                             std::span<const std::string_view> values, std::string* resolved) {
  resolved->clear();
  for (const std::string_view value : values) {
    resolved->append(resolved->empty() ? "" : "+").append(value);
  }
  return resolver == "join";
}

}  // namespace kindred::node_test
