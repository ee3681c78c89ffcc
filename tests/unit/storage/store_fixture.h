#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "protocol/record/key.h"
#include "protocol/record/record.h"
#include "replication/causal/write.h"
#include "server/storage/state_store.h"

namespace kindred {

inline constexpr uint32_t kTestPartitions = 16;

/// A state of one register sibling.
inline State state_of(std::string_view value, Stamp stamp) {
  State state;
  const NewVersion version{Dot{stamp, 7}, 0, Value::copied(value), kTypeString};
  apply_register(state, version.dot, &version);
  return state;
}

inline std::string record_of(const KeyRef& key, std::string_view value, Stamp stamp) {
  std::string record;
  encode_record(key, state_of(value, stamp), &record);
  return record;
}

inline std::string value_in(const State& state) {
  return state.siblings.empty() ? "(none)" : std::string(state.siblings.front().value.bytes());
}

/// Writes down what a store tells.
class RecordingClient final : public StoreClient {
 public:
  struct Stored {
    StoreToken token;
    bool ok;
    friend bool operator==(const Stored&, const Stored&) = default;
  };
  struct Loaded {
    StoreToken token;
    LoadStatus status;
    std::string value;
    friend bool operator==(const Loaded&, const Loaded&) = default;
  };
  struct Range {
    StoreToken token;
    bool ok;
    bool done;
    std::vector<std::string> keys;
    std::vector<std::string> values;
  };

  struct Loss {
    std::string key;
    bool was_promised;
    std::string lost;
    std::string shown;
    friend bool operator==(const Loss&, const Loss&) = default;
  };

  void lost(const KeyRef& key, bool was_promised, const State& lost, const State* shown) override {
    losses.push_back({std::string(key.key), was_promised, value_in(lost),
                      shown != nullptr ? value_in(*shown) : "(unknown)"});
  }
  void stored(StoreToken token, bool ok) override { stores.push_back({token, ok}); }
  void storage_changed(StorageTrouble trouble, std::string_view) override {
    troubles.push_back(trouble);
  }
  void engine_damaged(std::string_view) override { ++damages; }
  void loaded(StoreToken token, LoadStatus status, const State& state) override {
    loads.push_back({token, status, value_in(state)});
    if (on_loaded) {
      on_loaded(token);
    }
  }
  void range_read(StoreToken token, bool ok, std::span<const RangeEntry> entries,
                  bool done) override {
    Range range{token, ok, done, {}, {}};
    for (const RangeEntry& entry : entries) {
      State state;
      range.keys.emplace_back(entry.key.key);
      range.values.push_back(decode_record(entry.key, entry.record, &state) ? value_in(state)
                                                                            : "(damaged)");
    }
    ranges.push_back(range);
  }

  std::function<void(StoreToken)> on_loaded;
  std::vector<Loss> losses;
  std::vector<StorageTrouble> troubles;
  int damages = 0;
  std::vector<Stored> stores;
  std::vector<Loaded> loads;
  std::vector<Range> ranges;
};

/// Counts wakes; a test waits for what a store will tell.
class WakeCounter {
 public:
  void wake() {
    const std::lock_guard lock(mutex_);
    ++wakes_;
    changed_.notify_all();
  }
  /// Delivers until `done()`, sleeping on wakes between.
  template <typename Done>
  void deliver_until(StateStore& store, StoreClient& client, Done done) {
    store.flush();
    uint64_t seen = 0;
    while (true) {
      store.deliver(client);
      if (done()) {
        return;
      }
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return wakes_ > seen; });
      seen = wakes_;
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t wakes_ = 0;
};

}  // namespace kindred
