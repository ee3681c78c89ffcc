#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/peer/frame.h"
#include "protocol/record/bytes.h"
#include "replication/keyspace/key_partitions.h"
#include "replication/node/messages.h"

namespace kindred {

/// Reads the messages of a data frame one after the other, without a copy: keys, values and records
/// are views of the frame's payload. What a Message points to (operation, outcome, entries) is kept
/// in the reader and used again for the next. One owner, one thread.
class MessageReader {
 public:
  /// `partitions`: of the cluster's ring, from which keys' partitions follow.
  explicit MessageReader(KeyPartitions partitions) : partitions_(std::move(partitions)) {}
  MessageReader(const MessageReader&) = delete;
  MessageReader& operator=(const MessageReader&) = delete;

  const KeyPartitions& partitions() const { return partitions_; }
  void set_partitions(const KeyPartitions& partitions) { partitions_ = partitions; }

  /// Begins with a frame of kind kData, whose payload must live while it is read.
  void start(const Frame& frame);

  /// The next message; good until the next call, as long as the payload lives. Null at the end of
  /// the frame and where it is malformed: then failed() is true, and the link is to be closed.
  [[nodiscard]] const Message* next();
  bool failed() const { return failed_; }

  /// Messages of kinds not known here, over the reader's life.
  uint64_t skipped_count() const { return skipped_count_; }

 private:
  const Message* fail();
  bool read_body(uint8_t kind, ByteReader& body);
  bool read_replicate(ByteReader& body);
  bool read_replicate_ack(ByteReader& body);
  bool read_fetch(ByteReader& body);
  bool read_fetch_reply(ByteReader& body);
  bool read_pass_on(ByteReader& body);
  bool read_pass_on_reply(ByteReader& body);
  bool read_fetch_range(ByteReader& body);
  bool read_fetch_range_reply(ByteReader& body);
  bool read_tree_fetch(ByteReader& body);
  bool read_tree_reply(ByteReader& body);
  bool read_key_digests_fetch(ByteReader& body);
  bool read_key_digests_reply(ByteReader& body);
  bool read_round_call(ByteReader& body);
  bool read_round_reply(ByteReader& body);
  bool read_outcome(ByteReader& body);
  KeyRef key_of(std::string_view key) const;
  /// The sender may know of more layers than this node.
  bool is_partition(uint16_t partition) const {
    return partition < partitions_.slot_partitions() * layers_max(partitions_.slot_partitions());
  }

  KeyPartitions partitions_;
  ByteReader payload_{{}};
  uint32_t messages_left_ = 0;
  bool failed_ = false;
  bool is_known_ = true;  // the kind of the message just read
  uint64_t skipped_count_ = 0;

  Message message_;
  Operation operation_;
  Outcome outcome_;
  std::vector<RangeEntry> entries_;
  std::vector<uint32_t> nodes_;
  std::vector<uint64_t> hashes_;
  std::vector<StateDigest> digests_;
  std::vector<ActorId> actors_;
  std::vector<ReapItem> items_;
};

}  // namespace kindred
