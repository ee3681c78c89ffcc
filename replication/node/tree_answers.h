#pragma once

#include <span>
#include <string>
#include <vector>

#include "replication/node/op_table.h"
#include "replication/node/shard_core.h"

namespace kindred {

/// What a copy tells of itself to a node that compares its own with it: nodes of its tree, and the
/// digests of keys. Only whole copies answer, under the asker's step and flush.
class TreeAnswers {
 public:
  explicit TreeAnswers(ShardCore& core);

  void on_tree_fetch(NodeId from, const TreeFetch& message);
  void on_key_digests_fetch(NodeId from, const KeyDigestsFetch& message);
  void on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done);
  size_t in_flight() const { return table_.size(); }

 private:
  struct Reading {
    uint64_t id = 0;
    NodeId from = 0;
    MessageId request = 0;
    Step step = 0;
    Stamp flush_stamp = 0;
    uint16_t partition = 0;
    void reset() {}
  };

  FetchStatus status_for(NodeId from, uint16_t partition, Step step, Stamp flush_stamp) const;

  ShardCore& core_;
  OpTable<Reading> table_;
  std::vector<uint64_t> hashes_;
  std::vector<StateDigest> digests_;
};

}  // namespace kindred
