#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "replication/ring/ring.h"
#include "server/node/node_shared.h"

namespace kindred {

/// What KeyCounts can ask and make happen. Must not call back into it.
class KeyCountPorts {
 public:
  virtual ~KeyCountPorts() = default;
  /// The partition's owners that are up, those to be asked first in front.
  virtual std::vector<NodeId> owners_in_reach(uint16_t partition) = 0;
  virtual bool is_in_reach(NodeId node) = 0;
  /// Asks a node for the live keys in its copies; KeyCounts::answered() brings them, or never.
  virtual void ask_count(NodeId holder, uint64_t question, std::vector<uint16_t> partitions) = 0;
  virtual void counted(Asker asker, uint64_t keys) = 0;
  /// `error` is an error line without '-'.
  virtual void count_failed(Asker asker, std::string_view error) = 0;
};

/// DBSIZE: adds up the live keys of one copy of each partition. A node that goes down or stays
/// silent for half of the time is given up, and other owners are asked for what it was asked for;
/// what nobody tells in time is an error, never left out. One thread.
class KeyCounts {
 public:
  /// `ports` outlives the counts.
  explicit KeyCounts(KeyCountPorts& ports) : ports_(ports) {}

  void begin(Asker asker, uint32_t partition_count, uint32_t timeout_ms, uint64_t now_us);
  void answered(uint64_t question, uint64_t keys);
  /// Every few ms while not idle().
  void tick(uint64_t now_us);
  bool idle() const { return counts_.empty(); }

 private:
  struct Question {
    NodeId holder = 0;
    std::vector<uint16_t> partitions;
  };
  struct Count {
    Asker asker;
    uint64_t keys = 0;
    uint32_t timeout_ms = 0;
    uint64_t patience_ends_us = 0;  // for the nodes asked first
    uint64_t deadline_us = 0;
    std::map<uint64_t, Question> open;
    std::set<NodeId> silent;
  };
  using CountMap = std::map<uint64_t, Count>;

  bool ask(Count& count, const std::vector<uint16_t>& partitions);
  NodeId holder_of(const Count& count, uint16_t partition);
  bool ask_others(Count& count, const std::set<NodeId>& silent);
  CountMap::iterator fail(CountMap::iterator at, std::string_view error);

  KeyCountPorts& ports_;
  CountMap counts_;
  uint64_t last_number_ = 0;
};

}  // namespace kindred
