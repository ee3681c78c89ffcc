#include "server/storage/direct_store.h"

#include <algorithm>

#include "protocol/record/key.h"
#include "protocol/record/record.h"

namespace kindred {

LoadStatus DirectStore::try_load(const KeyRef& key, State* state) {
  encode_stored_key(key, &stored_key_);
  switch (engine_.try_get(stored_key_, &pinned_)) {
    case plugins::TryGet::kFound:
      return decode_record(key, pinned_.view(), state) ? LoadStatus::kLoaded : LoadStatus::kCorrupt;
    case plugins::TryGet::kNotFound:
      *state = State();
      return LoadStatus::kLoaded;
    case plugins::TryGet::kWouldBlock:
      break;
  }
  return LoadStatus::kPending;
}

void DirectStore::load(const KeyRef& key, StoreToken token) {
  loads_.push_back({token, key, std::string(key.key)});
}

StoreStatus DirectStore::store(const KeyRef& key, std::string_view record, Durability, StoreToken) {
  encode_stored_key(key, &stored_key_);
  plugins::Status status;
  if (record.empty()) {
    batch_.clear();
    batch_.remove(stored_key_);
    status = engine_.apply(batch_, plugins::Durability::kNone);
  } else {
    status = engine_.put(stored_key_, record, plugins::Durability::kNone);
  }
  if (!status.ok()) {
    ++failed_writes_;
    return StoreStatus::kFailed;
  }
  return StoreStatus::kDone;
}

void DirectStore::read_range(const FetchRange& range, StoreToken token) {
  ranges_.emplace_back(token, RangeRead(range));
}

void DirectStore::quarantine(const KeyRef& key) {
  encode_stored_key(key, &stored_key_);
  std::string damaged;
  batch_.clear();
  if (engine_.get(stored_key_, &damaged).ok()) {
    batch_.put(quarantine_key(stored_key_), damaged);
  }
  batch_.remove(stored_key_);
  if (!engine_.apply(batch_, plugins::Durability::kNone).ok()) {
    ++failed_writes_;
  }
}

void DirectStore::prefetch(std::span<const KeyRef> keys) {
  prefetch_bytes_.resize(std::max(prefetch_bytes_.size(), keys.size()));
  prefetch_keys_.clear();
  for (size_t i = 0; i < keys.size(); ++i) {
    encode_stored_key(keys[i], &prefetch_bytes_[i]);
    prefetch_keys_.emplace_back(prefetch_bytes_[i]);
  }
  engine_.prefetch_all(prefetch_keys_);
}

bool DirectStore::deliver(StoreClient& client) {
  bool has_delivered = !loads_.empty();
  std::vector<Load> loads = std::move(loads_);
  loads_.clear();
  for (Load& load : loads) {
    load.key.key = load.key_bytes;
    encode_stored_key(load.key, &stored_key_);
    std::string record;
    State state;
    const plugins::Status status = engine_.get(stored_key_, &record);
    LoadStatus result = LoadStatus::kLoaded;
    if (status.ok()) {
      result = decode_record(load.key, record, &state) ? LoadStatus::kLoaded : LoadStatus::kCorrupt;
    } else if (!status.not_found()) {
      result = failed_load(status);
    }
    client.loaded(load.token, result, state);
  }
  auto ranges = std::move(ranges_);
  ranges_.clear();
  bool pauses = false;
  for (auto& [token, range] : ranges) {
    if (!range.go_on(engine_, partitions_)) {
      ranges_.emplace_back(token, std::move(range));
      pauses = true;
      continue;
    }
    const RangeContent content = range.take_content();
    content.entries(partitions_, &entries_);
    client.range_read(token, content.status.ok(), entries_, content.done);
    has_delivered = true;
  }
  if (pauses) {
    wake_();
  }
  return has_delivered;
}

}  // namespace kindred
