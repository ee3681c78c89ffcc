#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/api/engine.h"
#include "server/storage/range_scan.h"
#include "server/storage/state_store.h"

namespace kindred {

/// For an engine that never blocks: every call goes straight to it.
class DirectStore final : public StateStore {
 public:
  /// `engine` outlives the store. `wake` is called where deliver() has left some of a long range to
  /// its next call, which should not be in the same turn.
  DirectStore(plugins::Engine& engine, std::function<void()> wake)
      : engine_(engine), wake_(std::move(wake)) {}

  [[nodiscard]] LoadStatus try_load(const KeyRef& key, State* state) override;
  void load(const KeyRef& key, StoreToken token) override;
  [[nodiscard]] StoreStatus store(const KeyRef& key, std::string_view record, Durability durability,
                                  StoreToken token) override;
  void read_range(const FetchRange& range, StoreToken token) override;
  void quarantine(const KeyRef& key) override;
  void prefetch(std::span<const KeyRef> keys) override;
  void flush() override {}
  bool deliver(StoreClient& client) override;
  void stop() override { pinned_.reset(); }

 private:
  struct Load {
    StoreToken token;
    KeyRef key;  // views key_bytes
    std::string key_bytes;
  };

  plugins::Engine& engine_;
  const std::function<void()> wake_;
  plugins::PinnedValue pinned_;
  plugins::WriteBatch batch_;
  std::string stored_key_;
  std::vector<std::pair<StoreToken, RangeRead>> ranges_;  // asked within a step, read after it
  std::vector<Load> loads_;
  std::vector<RangeEntry> entries_;
  std::vector<std::string> prefetch_bytes_;
  std::vector<std::string_view> prefetch_keys_;
};

}  // namespace kindred
