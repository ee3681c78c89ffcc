#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replication/node/messages.h"
#include "replication/node/ports.h"
#include "server/node/boot.h"
#include "tests/sim/knowledge.h"

namespace kindred::sim {

/// A record with what its copy had met and the versions that it shows.
struct KeptRecord {
  std::string bytes;
  Knowledge met;
  Knowledge shown;
};

/// A store that waits for its log write or sync.
struct PendingStore {
  uint64_t number = 0;
  uint8_t shard = 0;
  StoreToken token = 0;
  KeptRecord record;
};

/// One key at one node's engine: a copy or a hint.
struct DiskKey {
  KeptRecord visible;  // what loads show
  KeptRecord logged;   // what a crash of the process leaves
  std::deque<PendingStore> pending;
  bool is_damaged = false;
};

/// The small files in a node's directory, each replaced as a whole and synced.
struct NodeFiles {
  std::string record;               // the node record; empty: none
  std::deque<std::string> pending;  // records on their way there
  std::optional<BootRecord> boot;
};

/// A directory as it was copied away.
struct Backup {
  std::vector<KeptRecord> keys;
  std::string record;
};

/// What one node keeps over a crash: its files, a record a key and a hint, a log of which the end
/// may not be synced. A record's place is the key's number; hints get places behind as they come.
class Disk {
 public:
  explicit Disk(size_t keys) : copies_(keys), keys_(keys), synced_(keys) {}

  NodeFiles files;

  DiskKey& at(uint32_t place) { return keys_[place]; }
  /// What a crash of the machine leaves at least.
  const KeptRecord& synced(uint32_t place) const { return synced_[place]; }
  size_t size() const { return keys_.size(); }
  uint32_t place_of(uint32_t key, NodeId hint_for) {
    if (hint_for == 0) {
      return key;
    }
    const auto known = std::find(hints_.begin(), hints_.end(), std::pair(key, hint_for));
    if (known == hints_.end()) {
      hints_.emplace_back(key, hint_for);
      keys_.emplace_back();
      synced_.emplace_back();
      return static_cast<uint32_t>(keys_.size() - 1);
    }
    return static_cast<uint32_t>(copies_ + static_cast<size_t>(known - hints_.begin()));
  }
  uint32_t key_of(uint32_t place) const {
    return place < copies_ ? place : hints_[place - copies_].first;
  }
  /// Round marks have places like hints, for kRoundMarks of such a key.
  static constexpr uint32_t kMarkKeys = 1U << 20;
  bool is_mark(uint32_t place) const { return key_of(place) >= kMarkKeys; }
  NodeId target_of(uint32_t place) const {
    return place < copies_ ? 0 : hints_[place - copies_].second;
  }

  void log(uint32_t key, const KeptRecord& record) {
    keys_[key].logged = record;
    unsynced_.push_back({key, record});
  }
  void sync() {
    for (const Entry& entry : unsynced_) {
      synced_[entry.key] = entry.record;
    }
    unsynced_.clear();
  }
  bool is_synced() const { return unsynced_.empty(); }

  void erase_all() { restore_keys(std::vector<KeptRecord>(keys_.size())); }
  /// An orderly stop: all that loads show is synced.
  void log_all() {
    for (uint32_t key = 0; key < keys_.size(); ++key) {
      if (!keys_[key].pending.empty()) {
        keys_[key].pending.clear();
        log(key, keys_[key].visible);
      }
    }
    sync();
  }
  /// The process is gone: what was not logged is too.
  void lose_memory() {
    for (DiskKey& key : keys_) {
      key.pending.clear();
      key.visible = key.logged;
    }
  }
  /// The machine is gone: of the unsynced log the first `kept_part` per cent stay.
  void lose_unsynced(uint64_t kept_percent) {
    unsynced_.resize(unsynced_.size() * kept_percent / 100);
    sync();
    restore_keys(synced_);
  }
  void wipe() { restore(Backup{std::vector<KeptRecord>(keys_.size()), {}}); }
  Backup backup() const {
    Backup copy;
    for (const DiskKey& key : keys_) {
      copy.keys.push_back(key.logged);
    }
    copy.record = files.record;
    return copy;
  }
  /// The file that tells how the last run ended is not put back: the copies start filling.
  void restore(const Backup& backup) {
    files = NodeFiles{backup.record, {}, std::nullopt};
    restore_keys(backup.keys);
  }

 private:
  void restore_keys(std::vector<KeptRecord> records) {
    records.resize(keys_.size());
    unsynced_.clear();
    synced_ = records;
    for (size_t i = 0; i < keys_.size(); ++i) {
      keys_[i] = DiskKey{};
      keys_[i].logged = records[i];
      keys_[i].visible = records[i];
    }
  }

  struct Entry {
    uint32_t key = 0;
    KeptRecord record;
  };
  size_t copies_;
  std::vector<std::pair<uint32_t, NodeId>> hints_;  // key and target, by place
  std::deque<DiskKey> keys_;
  std::vector<KeptRecord> synced_;
  std::deque<Entry> unsynced_;
};

}  // namespace kindred::sim
