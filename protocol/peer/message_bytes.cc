#include "protocol/peer/message_bytes.h"

#include <cstdio>
#include <cstdlib>

#include "protocol/record/bytes.h"
#include "protocol/record/client_context.h"
#include "protocol/record/state_bytes.h"

namespace kindred {

namespace {

// Above the sum of any message's fields of fixed size.
constexpr size_t kFixedBytesMax = 128;
constexpr size_t kLengthBytesMax = kVarintBytesMax;
// Node, flags, length of the state.
constexpr size_t kReportBytes = 8 + 1 + 4;

void require(bool holds, const char* invariant) {
  if (!holds) [[unlikely]] {
    std::fprintf(stderr, "message invariant broken: %s\n", invariant);
    std::abort();
  }
}

template <typename Enum>
char* store_enum(char* to, Enum value) {
  return store_le(to, static_cast<uint8_t>(value));
}
char* store_bool(char* to, bool value) {
  return store_le(to, static_cast<uint8_t>(value ? 1 : 0));
}

char* store_sized(char* to, std::string_view bytes) {
  return store_bytes(store_varint(to, bytes.size()), bytes);
}

// A state after its length: four bytes that are filled in when the state stands.
char* store_sized_state(char* to, const State& state) {
  char* const begin = to + sizeof(uint32_t);
  char* const end = state.never_written() ? begin : store_state(begin, state);
  store_le(to, static_cast<uint32_t>(end - begin));
  return end;
}

// Committed, and how far clean is above it, which usually is nothing.
char* store_rounds(char* to, const Rounds& rounds) {
  require(rounds.clean >= rounds.committed, "what is clean is so for what was agreed");
  return store_varint(store_varint(to, rounds.committed), rounds.clean - rounds.committed);
}

// One overload of each a message type: its kind, the room for what is not of fixed size, its body.

constexpr MessageKind kind_of(const Replicate&) {
  return MessageKind::kReplicate;
}
size_t variable_bytes(const Replicate& message) {
  return kLengthBytesMax + message.key.key.size() + message.record.size();
}
char* store_body(char* to, const Replicate& message) {
  const bool is_hint = message.key.hint_for != 0;
  to = store_le(to, message.id);
  to = store_varint(to, message.step);
  to = store_rounds(to, message.rounds);
  to = store_enum(to, message.durability);
  to = store_le(to, static_cast<uint8_t>((message.is_repair ? replicate_flag::kRepair : 0) |
                                         (is_hint ? replicate_flag::kHint : 0)));
  if (is_hint) {
    to = store_le(to, message.key.hint_for);
  }
  to = store_sized(to, message.key.key);
  return store_bytes(to, message.record);
}

constexpr MessageKind kind_of(const ReplicateAck&) {
  return MessageKind::kReplicateAck;
}
size_t variable_bytes(const ReplicateAck&) {
  return 0;
}
char* store_body(char* to, const ReplicateAck& message) {
  to = store_le(to, message.id);
  to = store_enum(to, message.status);
  to = store_enum(to, message.durability);
  to = store_varint(to, message.round);
  return store_dot(to, message.highest);
}

constexpr MessageKind kind_of(const Fetch&) {
  return MessageKind::kFetch;
}
size_t variable_bytes(const Fetch& message) {
  return message.key.key.size();
}
char* store_body(char* to, const Fetch& message) {
  to = store_le(to, message.id);
  to = store_varint(to, message.step);
  to = store_le(to, static_cast<uint8_t>((message.whole_state ? fetch_flag::kWholeState : 0) |
                                         (message.from_hints ? fetch_flag::kFromHints : 0)));
  return store_bytes(to, message.key.key);
}

constexpr MessageKind kind_of(const FetchReply&) {
  return MessageKind::kFetchReply;
}
size_t variable_bytes(const FetchReply& message) {
  return message.record.size();
}
char* store_body(char* to, const FetchReply& message) {
  to = store_le(to, message.id);
  to = store_rounds(to, message.rounds);
  to = store_enum(to, message.status);
  to = store_bool(to, message.has_record);
  to = store_le(to, message.digest);
  return message.has_record ? store_bytes(to, message.record) : to;
}

constexpr MessageKind kind_of(const PassOn&) {
  return MessageKind::kPassOn;
}
size_t variable_bytes(const PassOn& message) {
  require(message.operation != nullptr, "a passed-on request has its operation");
  const Operation& operation = *message.operation;
  return client_context_bytes_max(operation.context) + kLengthBytesMax + operation.key.key.size() +
         operation.value.size();
}
char* store_body(char* to, const PassOn& message) {
  const Operation& operation = *message.operation;
  to = store_le(to, message.id);
  to = store_varint(to, message.step);
  to = store_bool(to, message.as_fallback);
  to = store_enum(to, operation.kind);
  to = store_enum(to, operation.modification);
  to = store_le(to, operation.flags);
  to = store_le(to, operation.quorum.r);
  to = store_le(to, operation.quorum.w);
  to = store_le(to, operation.quorum.dw);
  to = store_le(to, operation.quorum.pr);
  to = store_le(to, operation.quorum.pw);
  to = store_le(to, operation.quorum.timeout_ms);
  to = store_le(to, operation.expire_at_ms);
  to = store_le(to, operation.integer);
  to = store_client_context(to, operation.context);
  to = store_sized(to, operation.key.key);
  return store_bytes(to, operation.value.bytes());
}

constexpr MessageKind kind_of(const PassOnReply&) {
  return MessageKind::kPassOnReply;
}
size_t variable_bytes(const PassOnReply& message) {
  if (message.status != PassOnStatus::kDone) {
    return 0;
  }
  require(message.outcome != nullptr, "a request that was done has an outcome");
  const Outcome& outcome = *message.outcome;
  size_t size = client_context_bytes_max(outcome.context) + state_bytes_max(outcome.state) +
                2 * kLengthBytesMax + outcome.value.size();
  for (const ReplicaReport& report : outcome.replicas) {
    size += kReportBytes + state_bytes_max(report.state);
  }
  return size;
}
char* store_report(char* to, const ReplicaReport& report) {
  to = store_le(to, report.node);
  to = store_le(to, static_cast<uint8_t>((report.up ? report_flag::kUp : 0) |
                                         (report.answered ? report_flag::kAnswered : 0) |
                                         (report.whole ? report_flag::kWhole : 0)));
  return store_sized_state(to, report.state);
}
char* store_body(char* to, const PassOnReply& message) {
  to = store_le(to, message.id);
  to = store_enum(to, message.status);
  if (message.status != PassOnStatus::kDone) {
    return to;
  }
  const Outcome& outcome = *message.outcome;
  to = store_enum(to, outcome.code);
  to = store_le(to, outcome.needed);
  to = store_le(to, outcome.seen);
  to = store_enum(to, outcome.unmet);
  to = store_le(to, static_cast<uint8_t>((outcome.strict ? outcome_flag::kStrict : 0) |
                                         (outcome.has_value ? outcome_flag::kHasValue : 0) |
                                         (outcome.applied ? outcome_flag::kApplied : 0)));
  to = store_le(to, outcome.integer);
  to = store_dot(to, outcome.dot);
  to = store_le(to, outcome.epoch);
  to = store_client_context(to, outcome.context);
  to = store_sized(to, outcome.value.bytes());
  to = store_sized_state(to, outcome.state);
  to = store_varint(to, outcome.replicas.size());
  for (const ReplicaReport& report : outcome.replicas) {
    to = store_report(to, report);
  }
  return to;
}

constexpr MessageKind kind_of(const FetchRange&) {
  return MessageKind::kFetchRange;
}
size_t variable_bytes(const FetchRange& message) {
  return message.after_key.size();
}
char* store_body(char* to, const FetchRange& message) {
  to = store_le(to, message.id);
  to = store_varint(to, message.step);
  to = store_le(to, message.partition);
  to = store_le(to, message.from_slot);
  to = store_le(to, message.from_hash);
  to = store_le(to, message.last_slot);
  to = store_le(to, message.last_hash);
  to = store_le(to, message.entries_max);
  to = store_le(to, message.bytes_max);
  to = store_bool(to, message.values_wanted);
  return store_bytes(to, message.after_key);
}

constexpr MessageKind kind_of(const FetchRangeReply&) {
  return MessageKind::kFetchRangeReply;
}
size_t variable_bytes(const FetchRangeReply& message) {
  size_t size = kLengthBytesMax;
  for (const RangeEntry& entry : message.entries) {
    size += 2 * kLengthBytesMax + entry.key.key.size() + entry.record.size();
  }
  return size;
}
char* store_body(char* to, const FetchRangeReply& message) {
  to = store_le(to, message.id);
  to = store_rounds(to, message.rounds);
  to = store_enum(to, message.status);
  to = store_le(to, message.partition);
  to = store_bool(to, message.done);
  to = store_varint(to, message.entries.size());
  for (const RangeEntry& entry : message.entries) {
    to = store_sized(to, entry.key.key);
    to = store_sized(to, entry.record);
  }
  return to;
}

constexpr MessageKind kind_of(const TreeFetch&) {
  return MessageKind::kTreeFetch;
}
size_t variable_bytes(const TreeFetch& message) {
  return kLengthBytesMax * (message.nodes.size() + 1);
}
// Nodes as differences to the one before.
char* store_body(char* to, const TreeFetch& message) {
  to = store_le(to, message.id);
  to = store_varint(to, message.step);
  to = store_le(to, message.partition);
  to = store_le(to, message.flush_stamp);
  to = store_le(to, message.level);
  to = store_varint(to, message.nodes.size());
  uint64_t next = 0;
  for (const uint32_t node : message.nodes) {
    require(node >= next, "nodes are asked for in ascending order");
    to = store_varint(to, node - next);
    next = uint64_t{node} + 1;
  }
  return to;
}

constexpr MessageKind kind_of(const TreeReply&) {
  return MessageKind::kTreeReply;
}
size_t variable_bytes(const TreeReply& message) {
  return kLengthBytesMax + sizeof(uint64_t) * message.hashes.size();
}
char* store_body(char* to, const TreeReply& message) {
  to = store_le(to, message.id);
  to = store_enum(to, message.status);
  to = store_le(to, message.leaf_level);
  to = store_varint(to, message.keys);
  to = store_varint(to, message.hashes.size());
  for (const uint64_t hash : message.hashes) {
    to = store_le(to, hash);
  }
  return to;
}

constexpr MessageKind kind_of(const KeyDigestsFetch&) {
  return MessageKind::kKeyDigestsFetch;
}
size_t variable_bytes(const KeyDigestsFetch& message) {
  return message.after_key.size();
}
char* store_body(char* to, const KeyDigestsFetch& message) {
  to = store_le(to, message.id);
  to = store_varint(to, message.step);
  to = store_le(to, message.partition);
  to = store_le(to, message.flush_stamp);
  to = store_le(to, message.from_slot);
  to = store_le(to, message.from_hash);
  to = store_le(to, message.last_slot);
  to = store_le(to, message.last_hash);
  to = store_le(to, message.entries_max);
  return store_bytes(to, message.after_key);
}

constexpr MessageKind kind_of(const KeyDigestsReply&) {
  return MessageKind::kKeyDigestsReply;
}
size_t variable_bytes(const KeyDigestsReply& message) {
  size_t size = kLengthBytesMax;
  for (const StateDigest& entry : message.entries) {
    size += kLengthBytesMax + entry.key.key.size() + sizeof(Digest);
  }
  return size;
}
char* store_body(char* to, const KeyDigestsReply& message) {
  to = store_le(to, message.id);
  to = store_enum(to, message.status);
  to = store_bool(to, message.done);
  to = store_varint(to, message.entries.size());
  for (const StateDigest& entry : message.entries) {
    to = store_sized(to, entry.key.key);
    to = store_le(to, entry.digest);
  }
  return to;
}

constexpr MessageKind kind_of(const RoundCall&) {
  return MessageKind::kRoundCall;
}
size_t variable_bytes(const RoundCall& message) {
  size_t size = 2 * kLengthBytesMax + sizeof(ActorId) * message.in_use.size();
  for (const ReapItem& item : message.items) {
    size += kLengthBytesMax + item.key.key.size() + sizeof(Digest) + 1;
  }
  return size;
}
char* store_body(char* to, const RoundCall& message) {
  to = store_le(to, message.id);
  to = store_enum(to, message.part);
  to = store_varint(to, message.step);
  to = store_varint(to, message.document);
  to = store_le(to, message.partition);
  to = store_varint(to, message.round);
  to = store_varint(to, message.base);
  to = store_varint(to, message.in_use.size());
  for (const ActorId actor : message.in_use) {
    to = store_le(to, actor);
  }
  to = store_varint(to, message.items.size());
  for (const ReapItem& item : message.items) {
    to = store_sized(to, item.key.key);
    to = store_le(to, item.digest);
    to = store_bool(to, item.is_drop);
  }
  return to;
}

constexpr MessageKind kind_of(const RoundReply&) {
  return MessageKind::kRoundReply;
}
size_t variable_bytes(const RoundReply& message) {
  return message.agreed.size();
}
char* store_body(char* to, const RoundReply& message) {
  to = store_le(to, message.id);
  to = store_enum(to, message.status);
  to = store_rounds(to, message.rounds);
  to = store_le(to, message.actor);
  return store_bytes(to, message.agreed);
}

}  // namespace

bool can_be_sent(const Message& message) {
  if (const auto* reply = std::get_if<FetchRangeReply>(&message)) {
    return reply->entries.size() <= kRangeEntriesMax;
  }
  if (const auto* fetch = std::get_if<TreeFetch>(&message)) {
    return fetch->nodes.size() <= kTreeNodesMax;
  }
  if (const auto* reply = std::get_if<TreeReply>(&message)) {
    return reply->hashes.size() <= kTreeNodesMax;
  }
  if (const auto* reply = std::get_if<KeyDigestsReply>(&message)) {
    return reply->entries.size() <= kKeyDigestsMax;
  }
  if (const auto* call = std::get_if<RoundCall>(&message)) {
    return call->items.size() <= kReapItemsMax && call->in_use.size() <= kRoundActorsMax;
  }
  if (const auto* reply = std::get_if<RoundReply>(&message)) {
    return reply->agreed.size() <= kReapItemsMax;
  }
  if (const auto* reply = std::get_if<PassOnReply>(&message)) {
    return reply->outcome == nullptr || reply->outcome->replicas.size() <= kReplicaReportsMax;
  }
  return true;
}

size_t message_bytes_max(const Message& message) {
  return kMessageHeaderBytes + kFixedBytesMax +
         std::visit([](const auto& typed) { return variable_bytes(typed); }, message);
}

char* store_message(char* to, const Message& message) {
  return std::visit(
      [to](const auto& typed) {
        char* const body = to + kMessageHeaderBytes;
        char* const end = store_body(body, typed);
        store_le(store_enum(to, kind_of(typed)), static_cast<uint32_t>(end - body));
        return end;
      },
      message);
}

}  // namespace kindred
