#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "replication/node/operation.h"

namespace kindred {

/// Names a request at the node that sent it; the reply carries it back. Zero is never used.
using MessageId = uint64_t;

/// How safely a copy holds a write. Ordered: each includes the ones before it.
enum class Durability : uint8_t {
  kMemory = 0,  // in the node's memory
  kLogged = 1,  // written to the engine's log, not synced
  kSynced = 2,
};

/// Peer messages. Views and pointers in them are good only during the call that hands them over
/// (send, receive). A record is a State in its canonical encoding (protocol/record).

/// The state of a partition's owners that a node goes by: the epoch in which they or their move's
/// phase last changed, generation first. Requests carry their sender's; a receiver that goes by
/// another one does nothing with them (docs/design/ring-changes.md).
using Step = uint64_t;

/// "Merge this state into your copy and say when you hold it."
struct Replicate {
  MessageId id = 0;
  Step step = 0;
  KeyRef key;  // hint_for: to be kept as a hint
  std::string_view record;
  Durability durability = Durability::kMemory;
  bool is_repair = false;  // read repair, fill: wants no answer where id is 0
};

enum class AckStatus : uint8_t {
  kStored = 0,
  kFilling,   // stored, but the copy does not count
  kNotOwner,  // not stored: the sender's ring is not ours
  kFailed,    // not stored: the engine refused
  kRefused,   // not stored: record damaged, or a write at or below the flush stamp
  kOverloaded,
  kStale,   // not stored: the sender goes by an earlier step than this node
  kBehind,  // not stored: by a later one
};

struct ReplicateAck {
  MessageId id = 0;
  AckStatus status = AckStatus::kStored;
  Durability durability = Durability::kMemory;
  Dot highest;  // the highest dot the copy held before, in floor or siblings
};

/// Asks for a key's digest, or its whole state.
struct Fetch {
  MessageId id = 0;
  Step step = 0;
  KeyRef key;
  bool whole_state = false;
  bool from_hints = false;  // of the receiver's hints, as a fallback; not of its copy
};

enum class FetchStatus : uint8_t {
  kOk = 0,
  kFilling,
  kNotOwner,
  kFailed,
  kOverloaded,
  kStale,   // the sender goes by an earlier step than this node
  kBehind,  // by a later one
  kNoHint,  // from_hints: it holds none, so it knows nothing of the key
};

struct FetchReply {
  MessageId id = 0;
  FetchStatus status = FetchStatus::kOk;
  bool has_record = false;
  Digest digest = 0;
  std::string_view record;  // has_record; empty for a key never written
};

/// A request handed to a replica of its key. Never passed on again, never coordinated twice.
struct PassOn {
  MessageId id = 0;
  Step step = 0;
  const Operation* operation = nullptr;
  bool as_fallback = false;  // no whole primary is in the sender's reach
};

enum class PassOnStatus : uint8_t {
  kDone = 0,    // the outcome is the request's
  kRefused,     // nothing was done: not an owner, or not whole; try another
  kOverloaded,  // nothing was done
  kStale,       // nothing was done: the sender goes by an earlier step than this node
  kBehind,      // nothing was done: by a later one
};

struct PassOnReply {
  MessageId id = 0;
  PassOnStatus status = PassOnStatus::kDone;
  const Outcome* outcome = nullptr;  // kDone
};

/// Asks for the part of a partition's keys after a position (fill, SCAN).
struct FetchRange {
  MessageId id = 0;
  Step step = 0;
  uint16_t partition = 0;
  uint16_t from_slot = 0;
  uint64_t from_hash = 0;      // first hash in from_slot
  std::string_view after_key;  // strictly after this key among those of from_hash; empty: none
  uint32_t entries_max = 0;
  uint32_t bytes_max = 0;
  bool values_wanted = true;            // false: siblings come with empty values (SCAN)
  NodeId hint_for = 0;                  // hints kept for that node, not the copy; never sent
  uint16_t last_slot = kSlotCount - 1;  // no key behind this slot and hash; never sent
  uint64_t last_hash = ~uint64_t{0};
};

struct RangeEntry {
  KeyRef key;
  std::string_view record;
};

struct FetchRangeReply {
  MessageId id = 0;
  FetchStatus status = FetchStatus::kOk;
  uint16_t partition = 0;
  bool done = false;  // nothing in the partition after the last entry
  std::span<const RangeEntry> entries;
};

/// Asks for nodes of a copy's Merkle tree (anti-entropy).
struct TreeFetch {
  MessageId id = 0;
  Step step = 0;
  uint16_t partition = 0;
  Stamp flush_stamp = 0;  // what is dead at the sender; copies compare only under the same flush
  uint8_t level = 0;
  std::span<const uint32_t> nodes;  // of that level, ascending, each once
};

struct TreeReply {
  MessageId id = 0;
  FetchStatus status = FetchStatus::kOk;
  uint8_t leaf_level = 0;
  uint64_t keys = 0;  // in the copy
  std::span<const uint64_t> hashes;
};

/// Asks which keys a copy has in a span of its stored order, and in which states.
struct KeyDigestsFetch {
  MessageId id = 0;
  Step step = 0;
  uint16_t partition = 0;
  Stamp flush_stamp = 0;
  uint16_t from_slot = 0;  // from here: as FetchRange
  uint64_t from_hash = 0;
  uint16_t last_slot = 0;
  uint64_t last_hash = 0;
  uint32_t entries_max = 0;
  std::string_view after_key;
};

struct StateDigest {
  KeyRef key;
  Digest digest = 0;  // 0: a flush made dead what is stored
};

struct KeyDigestsReply {
  MessageId id = 0;
  FetchStatus status = FetchStatus::kOk;
  bool done = false;  // nothing in the span after the last entry
  std::span<const StateDigest> entries;
};

using Message =
    std::variant<Replicate, ReplicateAck, Fetch, FetchReply, PassOn, PassOnReply, FetchRange,
                 FetchRangeReply, TreeFetch, TreeReply, KeyDigestsFetch, KeyDigestsReply>;

}  // namespace kindred
