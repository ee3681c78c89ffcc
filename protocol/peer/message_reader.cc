#include "protocol/peer/message_reader.h"

#include <algorithm>

#include "protocol/peer/message_bytes.h"
#include "protocol/record/client_context.h"
#include "protocol/record/key.h"
#include "protocol/record/state_bytes.h"
#include "replication/entropy/tree.h"
#include "replication/ring/slot.h"

namespace kindred {

namespace {

// Contexts between nodes are as long as they are: limits bind clients only. The input bounds them.
constexpr size_t kNoLimit = SIZE_MAX;
constexpr size_t kRetainedEntries = 4096;

// Values outside an enumeration's range are malformed: a switch over it may rely on that.
template <typename Enum>
Enum read_enum(ByteReader& reader, Enum first, Enum last) {
  const uint8_t value = reader.u8();
  if (value < static_cast<uint8_t>(first) || value > static_cast<uint8_t>(last)) {
    reader.fail();
    return first;
  }
  return static_cast<Enum>(value);
}

Durability read_durability(ByteReader& reader) {
  return read_enum(reader, Durability::kMemory, Durability::kSynced);
}
FetchStatus read_fetch_status(ByteReader& reader) {
  return read_enum(reader, FetchStatus::kOk, FetchStatus::kNoHint);
}

Rounds read_rounds(ByteReader& reader) {
  const Round committed = reader.varint();
  const Round above = reader.varint();
  if (above > ~committed) {
    reader.fail();
    return {};
  }
  return {committed, committed + above};
}

uint8_t read_flags(ByteReader& reader, uint8_t all) {
  const uint8_t flags = reader.u8();
  if ((flags & ~all) != 0) {
    reader.fail();
  }
  return flags;
}

bool read_sized_state(ByteReader& reader, State* state) {
  const std::string_view bytes = reader.raw(reader.u32());
  if (bytes.empty()) {
    *state = State{};
    return reader.ok();
  }
  return load_state(bytes, state);
}

bool read_report(ByteReader& reader, ReplicaReport* report) {
  report->node = reader.u64();
  const uint8_t flags = read_flags(reader, report_flag::kAll);
  report->up = (flags & report_flag::kUp) != 0;
  report->answered = (flags & report_flag::kAnswered) != 0;
  report->whole = (flags & report_flag::kWhole) != 0;
  return read_sized_state(reader, &report->state);
}

}  // namespace

void MessageReader::start(const Frame& frame) {
  payload_ = ByteReader(frame.payload);
  messages_left_ = frame.header.message_count;
  failed_ = false;
  if (entries_.capacity() > kRetainedEntries) {
    std::vector<RangeEntry>().swap(entries_);
  }
}

const Message* MessageReader::next() {
  for (; messages_left_ > 0; --messages_left_) {
    const uint8_t kind = payload_.u8();
    ByteReader body(payload_.raw(payload_.u32()));
    if (!payload_.ok()) {
      return fail();
    }
    is_known_ = true;
    if (read_body(kind, body)) {
      --messages_left_;
      return &message_;
    }
    if (is_known_) {
      return fail();
    }
    ++skipped_count_;
  }
  return payload_.complete() ? nullptr : fail();
}

const Message* MessageReader::fail() {
  failed_ = true;
  messages_left_ = 0;
  return nullptr;
}

bool MessageReader::read_body(uint8_t kind, ByteReader& body) {
  switch (static_cast<MessageKind>(kind)) {
    case MessageKind::kReplicate:
      return read_replicate(body);
    case MessageKind::kReplicateAck:
      return read_replicate_ack(body);
    case MessageKind::kFetch:
      return read_fetch(body);
    case MessageKind::kFetchReply:
      return read_fetch_reply(body);
    case MessageKind::kPassOn:
      return read_pass_on(body);
    case MessageKind::kPassOnReply:
      return read_pass_on_reply(body);
    case MessageKind::kFetchRange:
      return read_fetch_range(body);
    case MessageKind::kFetchRangeReply:
      return read_fetch_range_reply(body);
    case MessageKind::kTreeFetch:
      return read_tree_fetch(body);
    case MessageKind::kTreeReply:
      return read_tree_reply(body);
    case MessageKind::kKeyDigestsFetch:
      return read_key_digests_fetch(body);
    case MessageKind::kKeyDigestsReply:
      return read_key_digests_reply(body);
    case MessageKind::kRoundCall:
      return read_round_call(body);
    case MessageKind::kRoundReply:
      return read_round_reply(body);
  }
  is_known_ = false;
  return false;
}

KeyRef MessageReader::key_of(std::string_view key) const {
  return make_key(key, partitions_);
}

bool MessageReader::read_replicate(ByteReader& body) {
  auto& message = message_.emplace<Replicate>();
  message.id = body.u64();
  message.step = body.varint();
  message.rounds = read_rounds(body);
  message.durability = read_durability(body);
  const uint8_t flags = read_flags(body, replicate_flag::kAll);
  message.is_repair = (flags & replicate_flag::kRepair) != 0;
  const bool is_hint = (flags & replicate_flag::kHint) != 0;
  const NodeId hint_for = is_hint ? body.u64() : 0;
  message.key = key_of(body.sized());
  message.key.hint_for = hint_for;
  message.record = body.rest();
  return body.complete() && is_hint == (hint_for != 0);
}

bool MessageReader::read_replicate_ack(ByteReader& body) {
  auto& message = message_.emplace<ReplicateAck>();
  message.id = body.u64();
  message.status = read_enum(body, AckStatus::kStored, AckStatus::kUnclean);
  message.durability = read_durability(body);
  message.round = body.varint();
  message.highest = load_dot(body);
  return body.complete();
}

bool MessageReader::read_fetch(ByteReader& body) {
  auto& message = message_.emplace<Fetch>();
  message.id = body.u64();
  message.step = body.varint();
  const uint8_t flags = read_flags(body, fetch_flag::kAll);
  message.whole_state = (flags & fetch_flag::kWholeState) != 0;
  message.from_hints = (flags & fetch_flag::kFromHints) != 0;
  message.key = key_of(body.rest());
  return body.complete();
}

bool MessageReader::read_fetch_reply(ByteReader& body) {
  auto& message = message_.emplace<FetchReply>();
  message.id = body.u64();
  message.rounds = read_rounds(body);
  message.status = read_fetch_status(body);
  message.has_record = body.boolean();
  message.digest = body.u64();
  message.record = message.has_record ? body.rest() : std::string_view();
  return body.complete();
}

bool MessageReader::read_pass_on(ByteReader& body) {
  auto& message = message_.emplace<PassOn>();
  message.id = body.u64();
  message.step = body.varint();
  message.as_fallback = body.boolean();
  message.operation = &operation_;
  operation_.kind = read_enum(body, OpKind::kRead, OpKind::kSpread);
  operation_.modification = read_enum(body, Modification::kNone, Modification::kTransaction);
  operation_.flags = body.u16();
  operation_.quorum.r = body.u8();
  operation_.quorum.w = body.u8();
  operation_.quorum.dw = body.u8();
  operation_.quorum.pr = body.u8();
  operation_.quorum.pw = body.u8();
  operation_.quorum.timeout_ms = body.u32();
  operation_.expire_at_ms = body.u64();
  operation_.integer = static_cast<int64_t>(body.u64());
  if (!load_client_context(body, kNoLimit, &operation_.context)) {
    return false;
  }
  operation_.key = key_of(body.sized());
  operation_.value = Value::borrowed(body.rest());
  return body.complete();
}

bool MessageReader::read_pass_on_reply(ByteReader& body) {
  auto& message = message_.emplace<PassOnReply>();
  message.id = body.u64();
  message.status = read_enum(body, PassOnStatus::kDone, PassOnStatus::kBehind);
  if (!body.ok()) {
    return false;
  }
  if (message.status != PassOnStatus::kDone) {
    return body.complete();
  }
  message.outcome = &outcome_;
  return read_outcome(body) && body.complete();
}

bool MessageReader::read_outcome(ByteReader& body) {
  outcome_.code = read_enum(body, OutcomeCode::kOk, OutcomeCode::kStorageReadOnly);
  outcome_.needed = body.u8();
  outcome_.seen = body.u8();
  outcome_.unmet = read_enum(body, QuorumPart::kCopies, QuorumPart::kDurable);
  const uint8_t flags = read_flags(body, outcome_flag::kAll);
  outcome_.strict = (flags & outcome_flag::kStrict) != 0;
  outcome_.has_value = (flags & outcome_flag::kHasValue) != 0;
  outcome_.applied = (flags & outcome_flag::kApplied) != 0;
  outcome_.integer = static_cast<int64_t>(body.u64());
  outcome_.dot = load_dot(body);
  outcome_.epoch = body.u64();
  outcome_.replicas.clear();
  if (!load_client_context(body, kNoLimit, &outcome_.context)) {
    return false;
  }
  outcome_.value = Value::borrowed(body.sized());
  if (!read_sized_state(body, &outcome_.state)) {
    return false;
  }
  const size_t report_count = body.count(/*element_bytes_min=*/13, kReplicaReportsMax);
  for (size_t i = 0; i < report_count; ++i) {
    if (!read_report(body, &outcome_.replicas.emplace_back())) {
      return false;
    }
  }
  return body.ok();
}

bool MessageReader::read_fetch_range(ByteReader& body) {
  auto& message = message_.emplace<FetchRange>();
  message.id = body.u64();
  message.step = body.varint();
  message.partition = body.u16();
  message.from_slot = body.u16();
  message.from_hash = body.u64();
  message.last_slot = body.u16();
  message.last_hash = body.u64();
  message.entries_max = body.u32();
  message.bytes_max = body.u32();
  message.values_wanted = body.boolean();
  message.after_key = body.rest();
  return body.complete() && is_partition(message.partition) && message.from_slot < kSlotCount &&
         message.last_slot < kSlotCount;
}

bool MessageReader::read_fetch_range_reply(ByteReader& body) {
  auto& message = message_.emplace<FetchRangeReply>();
  message.id = body.u64();
  message.rounds = read_rounds(body);
  message.status = read_fetch_status(body);
  message.partition = body.u16();
  message.done = body.boolean();
  entries_.clear();
  const size_t entry_count = body.count(/*element_bytes_min=*/2, kRangeEntriesMax);
  for (size_t i = 0; i < entry_count && body.ok(); ++i) {
    const std::string_view key = body.sized();
    entries_.push_back({key_of(key), body.sized()});
  }
  message.entries = entries_;
  return body.complete() && is_partition(message.partition);
}

bool MessageReader::read_tree_fetch(ByteReader& body) {
  auto& message = message_.emplace<TreeFetch>();
  message.id = body.u64();
  message.step = body.varint();
  message.partition = body.u16();
  message.flush_stamp = body.u64();
  message.level = body.u8();
  nodes_.clear();
  const size_t node_count = body.count(/*element_bytes_min=*/1, kTreeNodesMax);
  if (message.level > MerkleTree::kLevelMax) {
    return false;
  }
  const uint64_t end = uint64_t{1} << message.level;
  uint64_t next = 0;
  for (size_t i = 0; i < node_count && body.ok(); ++i) {
    const uint64_t skipped = body.varint();
    if (skipped >= end - next) {
      return false;
    }
    nodes_.push_back(static_cast<uint32_t>(next + skipped));
    next += skipped + 1;
  }
  message.nodes = nodes_;
  return body.complete() && is_partition(message.partition);
}

bool MessageReader::read_tree_reply(ByteReader& body) {
  auto& message = message_.emplace<TreeReply>();
  message.id = body.u64();
  message.status = read_fetch_status(body);
  message.leaf_level = body.u8();
  message.keys = body.varint();
  hashes_.resize(body.count(sizeof(uint64_t), kTreeNodesMax));
  for (uint64_t& hash : hashes_) {
    hash = body.u64();
  }
  message.hashes = hashes_;
  return body.complete() && message.leaf_level <= MerkleTree::kLevelMax;
}

bool MessageReader::read_key_digests_fetch(ByteReader& body) {
  auto& message = message_.emplace<KeyDigestsFetch>();
  message.id = body.u64();
  message.step = body.varint();
  message.partition = body.u16();
  message.flush_stamp = body.u64();
  message.from_slot = body.u16();
  message.from_hash = body.u64();
  message.last_slot = body.u16();
  message.last_hash = body.u64();
  message.entries_max = body.u32();
  message.after_key = body.rest();
  return body.complete() && is_partition(message.partition) && message.from_slot < kSlotCount &&
         message.last_slot < kSlotCount;
}

bool MessageReader::read_key_digests_reply(ByteReader& body) {
  auto& message = message_.emplace<KeyDigestsReply>();
  message.id = body.u64();
  message.status = read_fetch_status(body);
  message.done = body.boolean();
  digests_.clear();
  const size_t entry_count = body.count(/*element_bytes_min=*/9, kKeyDigestsMax);
  for (size_t i = 0; i < entry_count && body.ok(); ++i) {
    const std::string_view key = body.sized();
    digests_.push_back({key_of(key), body.u64()});
  }
  message.entries = digests_;
  return body.complete();
}

bool MessageReader::read_round_call(ByteReader& body) {
  auto& message = message_.emplace<RoundCall>();
  message.id = body.u64();
  message.part = read_enum(body, RoundPart::kPrepare, RoundPart::kAsk);
  message.step = body.varint();
  message.document = body.varint();
  message.partition = body.u16();
  message.round = body.varint();
  message.base = body.varint();
  actors_.resize(body.count(sizeof(ActorId), kRoundActorsMax));
  for (ActorId& actor : actors_) {
    actor = body.u64();
  }
  items_.clear();
  const size_t item_count = body.count(/*element_bytes_min=*/10, kReapItemsMax);
  for (size_t i = 0; i < item_count && body.ok(); ++i) {
    ReapItem& item = items_.emplace_back();
    item.key = key_of(body.sized());
    item.digest = body.u64();
    item.is_drop = body.boolean();
    // Of which layer they are is told by the step.
    if (body.ok() && partitions_.first_layer(item.key.partition) !=
                         message.partition % partitions_.slot_partitions()) {
      return false;
    }
  }
  message.in_use = actors_;
  message.items = items_;
  return body.complete() && is_partition(message.partition) &&
         std::is_sorted(actors_.begin(), actors_.end());
}

bool MessageReader::read_round_reply(ByteReader& body) {
  auto& message = message_.emplace<RoundReply>();
  message.id = body.u64();
  message.status = read_enum(body, RoundStatus::kOk, RoundStatus::kFailed);
  message.rounds = read_rounds(body);
  message.actor = body.u64();
  message.agreed = body.rest();
  return body.complete() && message.agreed.size() <= kReapItemsMax;
}

}  // namespace kindred
