#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
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

/// One key at one node's engine.
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

/// What one node keeps over a crash: its files, a record a key, a log of which the end may not be
/// synced.
class Disk {
 public:
  explicit Disk(size_t keys) : keys_(keys), synced_(keys) {}

  NodeFiles files;

  DiskKey& at(uint32_t key) { return keys_[key]; }
  /// What a crash of the machine leaves at least.
  const KeptRecord& synced(uint32_t key) const { return synced_[key]; }
  size_t size() const { return keys_.size(); }

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
  void restore_keys(const std::vector<KeptRecord>& records) {
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
  std::vector<DiskKey> keys_;
  std::vector<KeptRecord> synced_;
  std::deque<Entry> unsynced_;
};

}  // namespace kindred::sim
