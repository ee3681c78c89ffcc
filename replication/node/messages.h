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

/// Numbers an agreement of a partition's owners to reap; 0: none yet. A higher one came later.
using Round = uint64_t;

/// Where the sender of states stands with their partition's rounds (docs/design/reaping.md).
struct Rounds {
  Round committed = 0;  // the last one that the sender knows to be agreed
  Round clean = 0;      // the states show nothing that a round up to this one reaped

  friend bool operator==(const Rounds&, const Rounds&) = default;
};

/// "Merge this state into your copy and say when you hold it."
struct Replicate {
  MessageId id = 0;
  Step step = 0;
  Rounds rounds;
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
  kStale,    // not stored: the sender goes by an earlier step than this node
  kBehind,   // not stored: by a later one
  kUnclean,  // not stored: the state may show what has been reaped since
};

struct ReplicateAck {
  MessageId id = 0;
  AckStatus status = AckStatus::kStored;
  Durability durability = Durability::kMemory;
  Dot highest;      // the highest dot the copy held before, in floor or siblings
  Round round = 0;  // kUnclean: the last one that the copy knows to be agreed
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
  Rounds rounds;
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
  uint16_t last_slot = kSlotCount - 1;  // no key behind this slot and hash
  uint64_t last_hash = ~uint64_t{0};
};

struct RangeEntry {
  KeyRef key;
  std::string_view record;
};

struct FetchRangeReply {
  MessageId id = 0;
  Rounds rounds;
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

/// What is to become of a key where it still is as the digest says.
struct ReapItem {
  KeyRef key;
  Digest digest = 0;
  bool is_drop = false;  // the key goes; else its context loses actors of the past
};

enum class RoundPart : uint8_t {
  kPrepare = 0,  // to the owners: hold the items as they are now, safely, and say which
  kBar,          // to all members: have no hint that is not clean for the round, and take none in
  kCommit,       // to the owners: it is agreed
  kAsk,          // to an owner: where does the partition stand?
};

/// Asks something of a reap round.
struct RoundCall {
  MessageId id = 0;
  RoundPart part = RoundPart::kPrepare;
  Step step = 0;
  uint64_t document = 0;  // the version that the caller goes by
  uint16_t partition = 0;
  Round round = 0;
  Round base = 0;                   // agreed before it
  std::span<const ActorId> in_use;  // kCommit: the owners' actors, ascending
  std::span<const ReapItem> items;  // kPrepare, kCommit
};

enum class RoundStatus : uint8_t {
  kOk = 0,
  kNotNow,   // not whole, in transition, or by another document
  kHints,    // kBar: it has hints of the partition, or a copy to hand over
  kUnequal,  // kPrepare: it holds no item as it was told
  kFailed,   // the engine refused
};

struct RoundReply {
  MessageId id = 0;
  RoundStatus status = RoundStatus::kOk;
  Rounds rounds;
  ActorId actor = 0;        // kPrepare: the copy's
  std::string_view agreed;  // kPrepare: a byte an item, 1 where it is as told
};

using Message = std::variant<Replicate, ReplicateAck, Fetch, FetchReply, PassOn, PassOnReply,
                             FetchRange, FetchRangeReply, TreeFetch, TreeReply, KeyDigestsFetch,
                             KeyDigestsReply, RoundCall, RoundReply>;

}  // namespace kindred
