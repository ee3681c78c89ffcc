#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "protocol/peer/frame_builder.h"
#include "protocol/peer/message_bytes.h"
#include "protocol/peer/message_reader.h"
#include "protocol/record/key.h"
#include "protocol/record/record.h"
#include "replication/causal/write.h"
#include "tests/unit/peer/hex.h"

namespace kindred {
namespace {

constexpr uint32_t kPartitions = 256;

Frame frame_of(std::string_view payload, uint32_t message_count) {
  Frame frame;
  frame.payload = payload;
  frame.header.message_count = message_count;
  return frame;
}

std::string bytes_of(const Message& message) {
  std::string bytes(message_bytes_max(message), '\0');
  bytes.resize(static_cast<size_t>(store_message(bytes.data(), message) - bytes.data()));
  return bytes;
}

State some_state() {
  State state;
  NewVersion version;
  version.dot = {50, 2};
  version.value = Value::copied("value");
  apply_register(state, version.dot, &version);
  version.dot = {60, 3};
  version.expire_at_ms = 12345;
  apply_put(state, ClientContext{}, version.dot, &version);
  return state;
}

Operation some_operation() {
  Operation operation;
  operation.kind = OpKind::kModify;
  operation.modification = Modification::kSetRange;
  operation.flags = op_flag::kReturnOld | op_flag::kWantState;
  operation.key = make_key("passed on", kPartitions);
  operation.value = Value::copied("patch");
  operation.expire_at_ms = 99;
  operation.integer = -7;
  operation.quorum = {1, 2, 3, 4, 5, 600};
  operation.context.covered.raise(8, 9);
  operation.context.covered.add_dot({10, 11});
  operation.context.floor = {12, 13};
  return operation;
}

Outcome some_outcome() {
  Outcome outcome;
  outcome.code = OutcomeCode::kNoQuorumRead;
  outcome.needed = 2;
  outcome.seen = 1;
  outcome.unmet = QuorumPart::kPrimaries;
  outcome.strict = false;
  outcome.has_value = true;
  outcome.integer = -1;
  outcome.dot = {70, 4};
  outcome.value = Value::copied("old");
  outcome.epoch = 6;
  outcome.state = some_state();
  outcome.context = some_operation().context;
  ReplicaReport report;
  report.node = 5;
  report.up = true;
  report.whole = true;
  outcome.replicas.push_back(report);
  report.answered = true;
  report.up = false;
  report.state = some_state();
  outcome.replicas.push_back(report);
  return outcome;
}

// One message of each kind with all that it points to.
class MessageTest : public ::testing::Test {
 protected:
  MessageTest() : operation_(some_operation()), outcome_(some_outcome()) {
    encode_record(key_, some_state(), &record_);
    entries_.push_back({make_key("a", kPartitions), record_});
    entries_.push_back({make_key("", kPartitions), "damaged"});
    messages_.emplace_back(Replicate{1, 300, {500, 600}, key_, record_, Durability::kSynced, true});
    messages_.emplace_back(ReplicateAck{2, AckStatus::kFilling, Durability::kLogged, {5, 6}});
    messages_.emplace_back(Fetch{3, 7, key_, true, true});
    messages_.emplace_back(FetchReply{4, {}, FetchStatus::kFilling, true, 0xd16e57, record_});
    messages_.emplace_back(FetchReply{5, {}, FetchStatus::kOk, false, 0xd16e57, {}});
    messages_.emplace_back(PassOn{6, 8, &operation_, true});
    messages_.emplace_back(PassOnReply{7, PassOnStatus::kDone, &outcome_});
    messages_.emplace_back(PassOnReply{8, PassOnStatus::kRefused, nullptr});
    messages_.emplace_back(FetchRange{9, 9, 255, 16383, 10, "after", 11, 12, false, 0, 16380, 13});
    messages_.emplace_back(FetchRangeReply{13, {}, FetchStatus::kOk, 3, true, entries_});
    messages_.emplace_back(FetchRangeReply{14, {}, FetchStatus::kOverloaded, 3, false, {}});
    KeyRef hint = make_key("k", kPartitions);
    hint.hint_for = 0x0102;
    messages_.emplace_back(Replicate{15, 1, {}, hint, "r", Durability::kLogged, false});
    digests_.push_back({make_key("a", kPartitions), 0xd16e57});
    digests_.push_back({make_key("", kPartitions), 0});
    messages_.emplace_back(TreeFetch{16, 300, 255, 77, 22, nodes_});
    messages_.emplace_back(TreeReply{17, FetchStatus::kOk, 14, 1000, hashes_});
    messages_.emplace_back(KeyDigestsFetch{18, 1, 255, 77, 16383, 10, 16383, 11, 12, "after"});
    messages_.emplace_back(KeyDigestsReply{19, FetchStatus::kOk, true, digests_});
    messages_.emplace_back(TreeReply{20, FetchStatus::kStale, 0, 0, {}});
    items_.push_back({round_key_, 0xd16e57, true});
    items_.push_back({round_key_, 1, false});
    messages_.emplace_back(RoundCall{21, RoundPart::kCommit, 300, 301, round_key_.partition, 302,
                                     303, actors_, items_});
    messages_.emplace_back(
        RoundReply{22, RoundStatus::kUnequal, {400, 401}, 402, std::string_view("\1\0", 2)});
    for (const Message& message : messages_) {
      payload_ += bytes_of(message);
    }
  }

  // The message at `index` after its way through the bytes; owned by reader_.
  template <typename T>
  T passed(size_t index) {
    bytes_ = bytes_of(messages_[index]);
    reader_.start(frame_of(bytes_, 1));
    const Message* const message = reader_.next();
    if (message == nullptr || !std::holds_alternative<T>(*message)) {
      ADD_FAILURE() << "message " << index << " was not read";
      return T{};
    }
    return std::get<T>(*message);
  }

  KeyRef key_ = make_key("{tag}key", kPartitions);
  std::string record_;
  Operation operation_;
  Outcome outcome_;
  std::vector<RangeEntry> entries_;
  std::vector<uint32_t> nodes_ = {0, 1, 5, (1U << 22) - 1};
  std::vector<uint64_t> hashes_ = {0, 1, ~uint64_t{0}};
  std::vector<StateDigest> digests_;
  KeyRef round_key_ = make_key("{tag}key", kPartitions);
  std::vector<ActorId> actors_ = {7, 8};
  std::vector<ReapItem> items_;
  std::vector<Message> messages_;
  std::string payload_;
  std::string bytes_;
  MessageReader reader_{kPartitions};
};

void expect_same_key(const KeyRef& a, const KeyRef& b) {
  EXPECT_EQ(a.key, b.key);
  EXPECT_EQ(a.hash, b.hash);
  EXPECT_EQ(a.slot, b.slot);
  EXPECT_EQ(a.partition, b.partition);
}

TEST_F(MessageTest, GoldenBytes) {
  // NOLINTBEGIN(bugprone-suspicious-missing-comma): long ones go over lines
  const std::vector<std::string> golden = {
      "01540000000100000000000000ac02f403640201087b7461677d6b657905b7f28101a202000000000000003200"
      "00000000000003000000000000003c0000000000000000010576616c756512393000000000000076"
      "616c7565",
      "021b000000020000000000000001010005000000000000000600000000000000",
      "0312000000030000000000000007037b7461677d6b6579",
      "0450000000040000000000000000000101576ed1000000000005b7f28101a20200000000000000320000"
      "000000000003000000000000003c0000000000000000010576616c75651239300000000000007661"
      "6c7565",
      "0414000000050000000000000000000000576ed10000000000",
      "056800000006000000000000000801060504010102030405580200006300000000000000f9ffffffffff"
      "ffff0103080000000000000009000000000000000a000000000000000b000000000000000c000000"
      "000000000d0000000000000009706173736564206f6e7061746368",
      "06f30000000700000000000000000302010102ffffffffffffffff4600000000000000040000000000"
      "000006000000000000000103080000000000000009000000000000000a000000000000000b000000"
      "000000000c000000000000000d00000000000000036f6c643800000001a202000000000000003200"
      "00000000000003000000000000003c0000000000000000010576616c756512393000000000000076"
      "616c756502050000000000000005000000000500000000000000063800000001a202000000000000"
      "00320000000000000003000000000000003c0000000000000000010576616c756512393000000000"
      "000076616c7565",
      "0609000000080000000000000001",
      "072d000000090000000000000009ff00ff3f0a00000000000000fc3f0d000000000000000b0000000c00"
      "0000006166746572",
      "08570000000d000000000000000000000300010201613c05b7f28101a202000000000000003200000000"
      "00000003000000000000003c0000000000000000010576616c756512393000000000000076616c75"
      "65000764616d61676564",
      "080f0000000e0000000000000000000403000000",
      "01180000000f00000000000000010000010202010000000000000"
      "16b72",
      "101d0000001000000000000000ac02ff004d000000000000001604000003f9ffff01",
      "11250000001100000000000000000ee8070300000000000000000100000000000000ffffffffffffffff",
      "1230000000120000000000000001ff004d00000000000000ff3f0a00000000000000ff3f0b0000000000"
      "00000c0000006166746572",
      "131e00000013000000000000000001020161576ed10000000000000000000000000000",
      "110c000000140000000000000005000000",
      "1449000000150000000000000002ac02ad028200ae02af02020700000000000000080000000000000002"
      "087b7461677d6b6579576ed1000000000001087b7461677d6b6579010000000000000000",
      "151600000016000000000000000390030192010000000000000100",
  };
  // NOLINTEND(bugprone-suspicious-missing-comma)
  ASSERT_EQ(messages_.size(), golden.size());
  for (size_t i = 0; i < golden.size(); ++i) {
    EXPECT_EQ(hex(bytes_of(messages_[i])), golden[i]) << "message " << i;
  }
}

TEST_F(MessageTest, ReplicateAndItsAckComeBack) {
  const auto replicate = passed<Replicate>(0);
  EXPECT_EQ(replicate.id, 1U);
  EXPECT_EQ(replicate.step, 300U);
  expect_same_key(replicate.key, key_);
  EXPECT_EQ(replicate.record, record_);
  EXPECT_EQ(replicate.durability, Durability::kSynced);
  EXPECT_TRUE(replicate.is_repair);
  const auto ack = passed<ReplicateAck>(1);
  EXPECT_EQ(ack.id, 2U);
  EXPECT_EQ(ack.status, AckStatus::kFilling);
  EXPECT_EQ(ack.durability, Durability::kLogged);
  EXPECT_EQ(ack.highest, (Dot{5, 6}));
}

TEST_F(MessageTest, AHintComesBackWithItsTarget) {
  const auto hint = passed<Replicate>(11);
  EXPECT_EQ(hint.key.hint_for, 0x0102U);
  EXPECT_EQ(hint.key.key, "k");
  EXPECT_EQ(hint.record, "r");
  EXPECT_FALSE(hint.is_repair);
  EXPECT_EQ(passed<Replicate>(0).key.hint_for, 0U);
}

TEST_F(MessageTest, FetchAndItsRepliesComeBack) {
  const auto fetch = passed<Fetch>(2);
  EXPECT_EQ(fetch.id, 3U);
  EXPECT_EQ(fetch.step, 7U);
  expect_same_key(fetch.key, key_);
  EXPECT_TRUE(fetch.whole_state);
  EXPECT_TRUE(fetch.from_hints);
  const auto with_record = passed<FetchReply>(3);
  EXPECT_EQ(with_record.status, FetchStatus::kFilling);
  EXPECT_TRUE(with_record.has_record);
  EXPECT_EQ(with_record.digest, 0xd16e57U);
  EXPECT_EQ(with_record.record, record_);
  const auto digest_only = passed<FetchReply>(4);
  EXPECT_FALSE(digest_only.has_record);
  EXPECT_EQ(digest_only.record, "");
}

TEST_F(MessageTest, PassOnComesBack) {
  const auto pass_on = passed<PassOn>(5);
  ASSERT_NE(pass_on.operation, nullptr);
  EXPECT_EQ(pass_on.step, 8U);
  EXPECT_TRUE(pass_on.as_fallback);
  const Operation& operation = *pass_on.operation;
  EXPECT_EQ(operation.kind, operation_.kind);
  EXPECT_EQ(operation.modification, operation_.modification);
  EXPECT_EQ(operation.flags, operation_.flags);
  expect_same_key(operation.key, operation_.key);
  EXPECT_EQ(operation.value, operation_.value);
  EXPECT_FALSE(operation.value.is_owned());
  EXPECT_EQ(operation.expire_at_ms, operation_.expire_at_ms);
  EXPECT_EQ(operation.integer, operation_.integer);
  EXPECT_EQ(operation.quorum.r, 1);
  EXPECT_EQ(operation.quorum.w, 2);
  EXPECT_EQ(operation.quorum.dw, 3);
  EXPECT_EQ(operation.quorum.pr, 4);
  EXPECT_EQ(operation.quorum.pw, 5);
  EXPECT_EQ(operation.quorum.timeout_ms, 600U);
  EXPECT_EQ(operation.context, operation_.context);
}

TEST_F(MessageTest, PassOnRepliesComeBack) {
  const auto reply = passed<PassOnReply>(6);
  ASSERT_NE(reply.outcome, nullptr);
  const Outcome& outcome = *reply.outcome;
  EXPECT_EQ(outcome.code, outcome_.code);
  EXPECT_EQ(outcome.needed, 2);
  EXPECT_EQ(outcome.seen, 1);
  EXPECT_EQ(outcome.unmet, QuorumPart::kPrimaries);
  EXPECT_FALSE(outcome.strict);
  EXPECT_TRUE(outcome.has_value);
  EXPECT_FALSE(outcome.applied);
  EXPECT_EQ(outcome.integer, -1);
  EXPECT_EQ(outcome.dot, outcome_.dot);
  EXPECT_EQ(outcome.value, outcome_.value);
  EXPECT_EQ(outcome.epoch, 6U);
  EXPECT_EQ(outcome.state, outcome_.state);
  EXPECT_EQ(outcome.context, outcome_.context);
  ASSERT_EQ(outcome.replicas.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(outcome.replicas[i].node, outcome_.replicas[i].node);
    EXPECT_EQ(outcome.replicas[i].up, outcome_.replicas[i].up);
    EXPECT_EQ(outcome.replicas[i].answered, outcome_.replicas[i].answered);
    EXPECT_EQ(outcome.replicas[i].whole, outcome_.replicas[i].whole);
    EXPECT_EQ(outcome.replicas[i].state, outcome_.replicas[i].state);
  }
  const auto refused = passed<PassOnReply>(7);
  EXPECT_EQ(refused.status, PassOnStatus::kRefused);
  EXPECT_EQ(refused.outcome, nullptr);
}

TEST_F(MessageTest, RangesComeBack) {
  const auto range = passed<FetchRange>(8);
  EXPECT_EQ(range.id, 9U);
  EXPECT_EQ(range.step, 9U);
  EXPECT_EQ(range.partition, 255);
  EXPECT_EQ(range.from_slot, 16383);
  EXPECT_EQ(range.from_hash, 10U);
  EXPECT_EQ(range.after_key, "after");
  EXPECT_EQ(range.entries_max, 11U);
  EXPECT_EQ(range.bytes_max, 12U);
  EXPECT_FALSE(range.values_wanted);
  EXPECT_EQ(range.last_slot, 16380);
  EXPECT_EQ(range.last_hash, 13U);
  const auto reply = passed<FetchRangeReply>(9);
  EXPECT_EQ(reply.partition, 3);
  EXPECT_TRUE(reply.done);
  ASSERT_EQ(reply.entries.size(), 2U);
  expect_same_key(reply.entries[0].key, entries_[0].key);
  EXPECT_EQ(reply.entries[0].record, record_);
  expect_same_key(reply.entries[1].key, entries_[1].key);
  EXPECT_EQ(reply.entries[1].record, "damaged");
}

TEST_F(MessageTest, TreesAndDigestsComeBack) {
  const auto fetch = passed<TreeFetch>(12);
  EXPECT_EQ(fetch.step, 300U);
  EXPECT_EQ(fetch.partition, 255);
  EXPECT_EQ(fetch.flush_stamp, 77U);
  EXPECT_EQ(fetch.level, 22);
  EXPECT_TRUE(std::equal(fetch.nodes.begin(), fetch.nodes.end(), nodes_.begin(), nodes_.end()));
  const auto reply = passed<TreeReply>(13);
  EXPECT_EQ(reply.leaf_level, 14);
  EXPECT_EQ(reply.keys, 1000U);
  EXPECT_TRUE(std::equal(reply.hashes.begin(), reply.hashes.end(), hashes_.begin(), hashes_.end()));
  const auto digests = passed<KeyDigestsFetch>(14);
  EXPECT_EQ(digests.from_slot, 16383);
  EXPECT_EQ(digests.from_hash, 10U);
  EXPECT_EQ(digests.last_slot, 16383);
  EXPECT_EQ(digests.last_hash, 11U);
  EXPECT_EQ(digests.entries_max, 12U);
  EXPECT_EQ(digests.after_key, "after");
  const auto listed = passed<KeyDigestsReply>(15);
  EXPECT_TRUE(listed.done);
  ASSERT_EQ(listed.entries.size(), 2U);
  expect_same_key(listed.entries[0].key, digests_[0].key);
  EXPECT_EQ(listed.entries[0].digest, 0xd16e57U);
  EXPECT_EQ(listed.entries[1].digest, 0U);
}

TEST_F(MessageTest, RoundsComeBackWhole) {
  EXPECT_EQ(passed<Replicate>(0).rounds, (Rounds{500, 600}));
  const auto call = passed<RoundCall>(17);
  EXPECT_EQ(call.part, RoundPart::kCommit);
  EXPECT_EQ(call.step, 300U);
  EXPECT_EQ(call.document, 301U);
  EXPECT_EQ(call.partition, round_key_.partition);
  EXPECT_EQ(call.round, 302U);
  EXPECT_EQ(call.base, 303U);
  EXPECT_TRUE(std::equal(call.in_use.begin(), call.in_use.end(), actors_.begin(), actors_.end()));
  ASSERT_EQ(call.items.size(), 2U);
  expect_same_key(call.items[0].key, round_key_);
  EXPECT_EQ(call.items[0].digest, 0xd16e57U);
  EXPECT_TRUE(call.items[0].is_drop);
  EXPECT_FALSE(call.items[1].is_drop);
  const auto reply = passed<RoundReply>(18);
  EXPECT_EQ(reply.status, RoundStatus::kUnequal);
  EXPECT_EQ(reply.rounds, (Rounds{400, 401}));
  EXPECT_EQ(reply.actor, 402U);
  EXPECT_EQ(reply.agreed, std::string_view("\1\0", 2));
}

TEST_F(MessageTest, ATreeIsAskedForNodesThatItsLevelHas) {
  // A body by hand: id, step, partition, flush stamp, level 2, then the nodes.
  const auto asks = [this](std::string_view nodes) {
    std::string body(8, 'i');
    body += std::string("\1\0\0", 3) + std::string(8, 'f') + '\2' + std::string(nodes);
    std::string bytes(1, static_cast<char>(MessageKind::kTreeFetch));
    const auto size = static_cast<uint32_t>(body.size());
    bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
    bytes += body;
    reader_.start(frame_of(bytes, 1));
    return reader_.next() != nullptr;
  };
  EXPECT_TRUE(asks(std::string_view("\2\0\2", 3)));  // nodes 0 and 3
  EXPECT_FALSE(asks(std::string_view("\2\0\3", 3)));
  EXPECT_FALSE(asks(std::string_view("\1\4", 2)));
  EXPECT_TRUE(asks(std::string_view("\4\0\0\0\0", 5)));
  EXPECT_FALSE(asks(std::string_view("\5\0\0\0\0\0", 6)));
}

// Reads a payload whole; true where it was well-formed, and then what was read is written again to
// `again`.
bool read_all(MessageReader& reader, std::string_view payload, uint32_t count, std::string* again) {
  reader.start(frame_of(payload, count));
  again->clear();
  while (const Message* message = reader.next()) {
    *again += bytes_of(*message);
  }
  return !reader.failed();
}

TEST_F(MessageTest, ABatchComesBackAndEveryCutOfItIsRefused) {
  const auto count = static_cast<uint32_t>(messages_.size());
  std::string again;
  EXPECT_TRUE(read_all(reader_, payload_, count, &again));
  EXPECT_EQ(again, payload_);
  EXPECT_FALSE(read_all(reader_, payload_, count - 1, &again));
  EXPECT_FALSE(read_all(reader_, payload_, count + 1, &again));
  for (size_t length = 0; length < payload_.size(); ++length) {
    EXPECT_FALSE(read_all(reader_, payload_.substr(0, length), count, &again)) << length;
  }
}

TEST_F(MessageTest, WellSummedNonsenseIsRefusedOrReadAsItIs) {
  std::string again;
  uint64_t refused = 0;
  uint64_t accepted = 0;
  for (const Message& message : messages_) {
    const std::string bytes = bytes_of(message);
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string spoilt = bytes;
      spoilt[bit / 8] = static_cast<char>(spoilt[bit / 8] ^ (1 << (bit % 8)));
      const uint64_t skipped = reader_.skipped_count();
      if (!read_all(reader_, spoilt, 1, &again)) {
        ++refused;
      } else if (reader_.skipped_count() == skipped) {
        ++accepted;
        EXPECT_EQ(again, spoilt);
      }
    }
  }
  EXPECT_GT(refused, 500U);
  EXPECT_GT(accepted, 500U);
}

TEST_F(MessageTest, UnknownKindsAreSkipped) {
  const std::string unknown = std::string("\xc8\x03\x00\x00\x00", 5) + "abc";
  std::string again;
  EXPECT_TRUE(read_all(reader_, unknown + bytes_of(messages_[0]) + unknown, 3, &again));
  EXPECT_EQ(again, bytes_of(messages_[0]));
  EXPECT_EQ(reader_.skipped_count(), 2U);
}

TEST_F(MessageTest, PartitionsOutsideTheRingAreRefused) {
  std::string again;
  MessageReader small_ring(4);
  EXPECT_FALSE(read_all(small_ring, bytes_of(messages_[8]), 1, &again));
  EXPECT_TRUE(read_all(small_ring, bytes_of(messages_[9]), 1, &again));
}

TEST_F(MessageTest, MoreReportsThanTheFormatAllowsAreNotSent) {
  FrameBuilder builder;
  EXPECT_TRUE(builder.append(messages_[6]));
  outcome_.replicas.resize(kReplicaReportsMax + 1);
  EXPECT_FALSE(builder.append(messages_[6]));
  EXPECT_EQ(builder.message_count(), 1U);
}

}  // namespace
}  // namespace kindred
