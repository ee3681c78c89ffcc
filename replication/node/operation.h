#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "replication/causal/state.h"
#include "replication/causal/write.h"
#include "replication/keyspace/key_partitions.h"
#include "replication/ring/ring.h"

namespace kindred {

/// The reserved KeyRef::hint_for of a partition's round mark: where its reaping stands at this
/// node.
inline constexpr NodeId kRoundMarks = ~NodeId{0};

/// A key with what is derived from it (protocol/record makes these). Views somebody's bytes.
struct KeyRef {
  std::string_view key;
  uint64_t hash = 0;
  uint16_t slot = 0;
  uint16_t partition = 0;
  /// 0: the node's copy of the key. Else the hint of it that is kept for that node, which to the
  /// store is another key.
  NodeId hint_for = 0;

  /// What the round marks of a partition, and of those with the same slots in other layers, are
  /// stored under, which no client's key is.
  static KeyRef round_mark(PartitionIndex partition, const KeyPartitions& partitions) {
    KeyRef key;
    key.slot = partitions.slots_of(partition).first;
    key.partition = static_cast<uint16_t>(partitions.first_layer(partition));
    key.hint_for = kRoundMarks;
    return key;
  }
};

enum class OpKind : uint8_t {
  kRead = 1,   // DGET, GET and all that only look: a quorum read
  kReadLocal,  // DGET ... LOCAL: this node's copy alone
  kPut,        // DPUT
  kRemove,     // DDEL
  kSet,        // plain SET: a register write, no read
  kModify,     // read-modify-write and DEL: quorum read, compute, write; serialised
  kExplain,    // DEXPLAIN: every replica's state
  kSpread,     // WAIT: push the current state to all primaries and count their copies
};

/// Whether it asks a quorum and writes nothing: it may run at two nodes.
inline bool is_read(OpKind kind) {
  return kind == OpKind::kRead || kind == OpKind::kExplain;
}

enum class Modification : uint8_t {
  kNone = 0,
  kSet,               // SET with NX, XX, GET, KEEPTTL; SETNX, GETSET
  kDelete,            // DEL, UNLINK
  kGetDelete,         // GETDEL
  kAppend,            // APPEND
  kSetRange,          // SETRANGE; integer: offset
  kIncrement,         // INCR, DECR, INCRBY, DECRBY; integer: by how much
  kIncrementByFloat,  // INCRBYFLOAT; value: the increment as text
  kExpire,            // EXPIRE family, GETEX with a time; expire_at_ms, keeps every sibling
  kPersist,           // PERSIST, GETEX PERSIST
  kBitfield,          // SETBIT, BITFIELD; value: what encode_bitfield() made, as is the outcome's
  kTransaction,       // EXEC after WATCH; value: what encode_program() made
};

/// Bits of Operation::flags.
namespace op_flag {
inline constexpr uint16_t kIfAbsent = 1;           // NX
inline constexpr uint16_t kIfPresent = 2;          // XX
inline constexpr uint16_t kReturnOld = 4;          // GET: the outcome's value is the old one
inline constexpr uint16_t kKeepExpiry = 8;         // KEEPTTL
inline constexpr uint16_t kExpireIfNone = 16;      // EXPIRE NX
inline constexpr uint16_t kExpireIfAny = 32;       // EXPIRE XX
inline constexpr uint16_t kExpireIfLater = 64;     // EXPIRE GT
inline constexpr uint16_t kExpireIfEarlier = 128;  // EXPIRE LT
// kRead: the outcome's state is wanted as it is (DGET), not what a resolver makes of it.
inline constexpr uint16_t kWantState = 256;
// Beside kWantState: what a resolver makes of it in the outcome's value, if it makes one (COPY).
inline constexpr uint16_t kWantResolved = 512;
}  // namespace op_flag

/// Quorum of one request. kAsConfigured: the directive, capped at the number of members; a number
/// given on the command is not capped.
struct QuorumSpec {
  static constexpr uint8_t kAsConfigured = 0xff;
  uint8_t r = kAsConfigured;
  uint8_t w = kAsConfigured;
  uint8_t dw = kAsConfigured;
  uint8_t pr = 0;
  uint8_t pw = 0;
  uint32_t timeout_ms = 0;  // 0: request-timeout-ms

  bool as_configured() const {
    return r == kAsConfigured && w == kAsConfigured && dw == kAsConfigured && pr == 0 && pw == 0;
  }
};

/// One request on one key. Its views (key, borrowed values) must hold until submit() returns.
struct Operation {
  OpKind kind = OpKind::kRead;
  Modification modification = Modification::kNone;
  uint16_t flags = 0;
  KeyRef key;
  Value value;
  uint64_t expire_at_ms = 0;  // cluster clock, absolute; 0: none
  int64_t integer = 0;        // increment, offset, or number of copies to wait for (kSpread)
  QuorumSpec quorum;
  ClientContext context;  // kPut, kRemove; kSpread: single dots, the writes to be counted

  bool has_flag(uint16_t flag) const { return (flags & flag) != 0; }
};

enum class OutcomeCode : uint8_t {
  kOk = 0,
  kNoReplicas,     // too few nodes are up; nothing was applied anywhere
  kNoQuorumWrite,  // outcome unknown
  kNoQuorumRead,
  kOverloaded,       // nothing applied
  kNotAReplica,      // kReadLocal at a node without a copy
  kNotWhole,         // kReadLocal at a filling copy is answered; this is for pass-on refusals only
  kQuorumTooLarge,   // a number on the command is above N
  kTooManySiblings,  // max-siblings; nothing applied
  kCannotSync,       // DW asked of an engine that cannot sync; nothing applied
  kStorageFailed,    // this node's engine refused; nothing applied here
  kWrongType,
  kNotAnInteger,
  kNotAFloat,
  kOverflow,       // increment or decrement would overflow
  kNanOrInfinity,  // INCRBYFLOAT
  kTooLong,        // value would exceed proto-max-bulk-len
  kBadOffset,
  kConflict,  // siblings that the keyspace's resolver makes no value of, and the value was needed
  kStorageFull,  // this node's engine has no space, and no other node took over; nothing applied
  kStorageReadOnly,  // the same where its device lets nothing be written
};

/// The parts of a quorum: any copies, primaries, synced copies.
enum class QuorumPart : uint8_t { kCopies = 0, kPrimaries, kDurable };  // R or W, PR or PW, DW

/// One replica's answer as DEXPLAIN shows it.
struct ReplicaReport {
  NodeId node = 0;
  bool up = false;
  bool answered = false;
  bool whole = false;
  State state;  // values owned
};

/// What a request came to. Values are owned.
struct Outcome {
  OutcomeCode code = OutcomeCode::kOk;
  uint8_t needed = 0;  // for quorum errors: how many of which were needed and seen
  uint8_t seen = 0;
  QuorumPart unmet = QuorumPart::kCopies;
  bool strict = true;      // the quorum was met by primaries alone
  bool has_value = false;  // value is meaningful (else nil)
  bool applied = false;    // a modification changed something (SET NX, EXPIRE: 1 or 0)
  int64_t integer = 0;     // DEL count, INCR result, APPEND length, copies (kSpread)
  Dot dot;                 // the write's own dot, zero where nothing was written
  Value value;  // the old value (kReturnOld, GETDEL), INCRBYFLOAT's result, see kWantResolved
  uint64_t epoch = 0;
  State state;  // reads: the merged state, expired siblings still in it; unless kWantState: with
                // one sibling where a resolver made one of those alive
  ClientContext context;                // kPut, kRemove
  std::vector<ReplicaReport> replicas;  // kExplain
};

}  // namespace kindred
