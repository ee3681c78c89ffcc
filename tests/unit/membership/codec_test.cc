#include <gtest/gtest.h>

#include <random>

#include "protocol/membership/message_codec.h"
#include "protocol/membership/node_record_codec.h"
#include "protocol/record/bytes.h"
#include "protocol/record/hash.h"
#include "protocol/record/node_file.h"
#include "tests/unit/membership/samples.h"

namespace kindred::membership_test {
namespace {

std::string bytes_of(const MembershipMessage& message) {
  std::string bytes;
  encode_membership(message, &bytes);
  return bytes;
}

std::string bytes_of(const NodeRecord& record) {
  std::string bytes;
  encode_node_record(record, &bytes);
  return bytes;
}

TEST(MembershipCodec, EveryMessageComesBackAsItWas) {
  for (const MembershipMessage& message : sample_messages()) {
    const auto decoded = decode_membership(bytes_of(message));
    ASSERT_TRUE(decoded.has_value()) << message.index();
    ASSERT_EQ(decoded->index(), message.index());
    if (const auto* offer = std::get_if<DocumentOffer>(&message)) {
      const auto& other = std::get<DocumentOffer>(*decoded);
      EXPECT_EQ(other.sender, offer->sender);
      EXPECT_EQ(*other.document, *offer->document);
    } else if (const auto* hello = std::get_if<Hello>(&message)) {
      EXPECT_EQ(std::get<Hello>(*decoded), *hello);
    } else if (const auto* gossip = std::get_if<Gossip>(&message)) {
      EXPECT_EQ(std::get<Gossip>(*decoded), *gossip);
    }
    EXPECT_EQ(bytes_of(*decoded), bytes_of(message));
  }
}

/// The bytes are read by nodes of other releases: a hash that changes here is a new version there.
TEST(MembershipCodec, GoldenBytes) {
  const std::vector<uint64_t> golden = {
      0xc447bb59dcc1b89au, 0x4c6e5254d5d0f941u, 0xc69c54711af212ddu, 0x63e0aafc1a4e707du,
      0x0b5cdd17892f8a31u, 0xef99a5090e10caf3u, 0xfa7fe2f1dda9c12au, 0xc2ce09260f696749u,
      0xd9420ea0b1ced747u, 0x89cf66d4a789cf42u, 0x94e2602be4569232u, 0x69f86d1af8336e21u,
      0x3893af28ed73ab62u, 0x9e69abe2e9c28c5bu, 0xb06ae733294efd80u, 0xe976fe263a449efbu,
      0x2a8de86081e4f079u, 0x0c15ae943449c39eu, 0x19b9ea2f186f3bb4u,
  };
  const std::vector<MembershipMessage> messages = sample_messages();
  ASSERT_EQ(messages.size(), golden.size());
  for (std::size_t i = 0; i < golden.size(); ++i) {
    EXPECT_EQ(hash64(bytes_of(messages[i])), golden[i])
        << "sample " << i << ", kind " << messages[i].index() + 1;
  }
  EXPECT_EQ(hash64(bytes_of(sample_record())), 0x44b288831af8f67au);
}

TEST(MembershipCodec, GossipLiesInTheBytesAsWritten) {
  const Gossip gossip{{1, 2, 3}, 4, {5, 6, 7, 8}, sample_ping()};
  std::string expected;
  ByteWriter writer(&expected);
  writer.u8(1);  // version
  writer.u8(4);  // kind
  for (const uint64_t field : {1, 2, 3, 4}) {
    writer.u64(field);  // who sent it, and its clock
  }
  writer.u32(5);
  for (const uint64_t field : {6, 7, 8}) {
    writer.u64(field);  // how far its document has come
  }
  const std::size_t before_swim = expected.size();
  writer.u8(1);   // a ping
  writer.u64(5);  // sequence
  writer.u64(2);  // subject
  writer.u64(3);  // incarnation
  writer.u8(1);   // flags
  writer.u32(0);  // buckets
  writer.u8(2);   // rumours
  writer.u64(2);
  writer.u64(4);
  writer.u8(2);  // suspect
  writer.u8(1);
  writer.u64(3);
  writer.u64(1);
  writer.u8(1);  // alive
  writer.u8(0);
  writer.u8(0);  // digests
  EXPECT_EQ(bytes_of(gossip), expected);
  for (SwimMessage message : {sample_ping(), sample_digest(), sample_exchange()}) {
    EXPECT_EQ(bytes_of(Gossip{{1, 2, 3}, 4, {}, message}).size(),
              before_swim + encoded_bytes(message));
    message.rumours.resize(200, {9, 9, SwimState::kDead, 0});
    message.digests.clear();
    message.kind = SwimKind::kExchange;
    EXPECT_EQ(bytes_of(Gossip{{1, 2, 3}, 4, {}, message}).size(),
              before_swim + encoded_bytes(message));
  }
}

TEST(MembershipCodec, GossipOutOfItsBoundsIsRefused) {
  const auto is_taken = [](const SwimMessage& message) {
    return decode_membership(bytes_of(Gossip{{1, 2, 3}, 4, {}, message})).has_value();
  };
  SwimMessage message = sample_ping();
  message.rumours.resize(Swim::kRumoursMax, {9, 9, SwimState::kDead, 0});
  EXPECT_TRUE(is_taken(message));
  message.rumours.push_back({9, 9, SwimState::kDead, 0});
  EXPECT_FALSE(is_taken(message));
  message.kind = SwimKind::kExchange;
  EXPECT_TRUE(is_taken(message));
  message.rumours.resize(Swim::kExchangedMax + 1, {9, 9, SwimState::kDead, 0});
  EXPECT_FALSE(is_taken(message));
  message = sample_ping();
  message.rumours[0].state = SwimState::kUnknown;
  EXPECT_FALSE(is_taken(message));
  message = sample_ping();
  message.kind = static_cast<SwimKind>(0);
  EXPECT_FALSE(is_taken(message));
  message.kind = SwimKind::kDigest;
  EXPECT_FALSE(is_taken(message));
  message = sample_digest();
  EXPECT_TRUE(is_taken(message));
  message.kind = SwimKind::kAck;
  EXPECT_FALSE(is_taken(message));
}

TEST(MembershipCodec, NoPartOfAMessageIsAMessage) {
  for (const MembershipMessage& message : sample_messages()) {
    const std::string bytes = bytes_of(message);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      EXPECT_FALSE(decode_membership(std::string_view(bytes).substr(0, length)));
    }
    EXPECT_FALSE(decode_membership(bytes + '\0'));
  }
}

TEST(MembershipCodec, AlteredAndRandomBytesAreRefusedOrReadWithinBounds) {
  std::mt19937_64 prng(5);
  std::size_t accepted = 0;
  for (int round = 0; round < 300; ++round) {
    for (const MembershipMessage& message : sample_messages()) {
      std::string bytes = bytes_of(message);
      bytes[prng() % bytes.size()] = static_cast<char>(prng());
      if (const auto decoded = decode_membership(bytes)) {
        ++accepted;
        EXPECT_EQ(bytes_of(*decoded), bytes);
      }
    }
    std::string noise(prng() % 200, '\0');
    for (char& byte : noise) {
      byte = static_cast<char>(prng());
    }
    EXPECT_FALSE(decode_membership(noise));
  }
  EXPECT_GT(accepted, 0u);
}

TEST(MembershipCodec, OverlongTextsAndCountsAreRefused) {
  Hello hello = sample_hello();
  hello.member.name.assign(kNameBytesMax + 1, 'x');
  EXPECT_FALSE(decode_membership(bytes_of(hello)));
  hello = sample_hello();
  hello.seeds.assign(kSeedsMax + 1, {"127.0.0.1", 1});
  EXPECT_FALSE(decode_membership(bytes_of(hello)));
  hello.seeds.pop_back();
  EXPECT_TRUE(decode_membership(bytes_of(hello)));
}

TEST(NodeRecordCodec, ComesBackAsItWas) {
  for (const bool has_document : {false, true}) {
    NodeRecord record = sample_record();
    if (!has_document) {
      record.document = nullptr;
    }
    NodeRecord decoded;
    ASSERT_EQ(decode_node_record(bytes_of(record), &decoded), NodeRecordBytes::kValid);
    EXPECT_EQ(decoded.node_id, record.node_id);
    EXPECT_EQ(decoded.directory_id, record.directory_id);
    EXPECT_EQ(decoded.name, record.name);
    EXPECT_EQ(decoded.promised_to, record.promised_to);
    EXPECT_EQ(decoded.clock_offset_ms, record.clock_offset_ms);
    EXPECT_EQ(decoded.copies_filling, record.copies_filling);
    EXPECT_EQ(decoded.data_is_void, record.data_is_void);
    EXPECT_EQ(decoded.acceptor.instance, record.acceptor.instance);
    EXPECT_EQ(decoded.acceptor.promised, record.acceptor.promised);
    EXPECT_EQ(decoded.acceptor.accepted, record.acceptor.accepted);
    EXPECT_EQ(*decoded.acceptor.document, *record.acceptor.document);
    ASSERT_EQ(decoded.document != nullptr, has_document);
    if (has_document) {
      EXPECT_EQ(*decoded.document, *record.document);
    }
  }
}

TEST(NodeRecordCodec, ARecordFromBeforeThereWereVotesIsRead) {
  std::string bytes = "KINDREDN";
  ByteWriter writer(&bytes);
  writer.u16(1);
  writer.u64(1);
  writer.u64(1001);
  writer.sized("willow");
  writer.u64(2);
  writer.u64(1002);
  writer.sized("127.0.0.1");
  writer.u16(17002);
  writer.u64(7);
  writer.boolean(true);
  writer.boolean(true);
  std::string document;
  encode_cluster(*sample_document(), &document);
  writer.sized(document);
  writer.u64(hash64(bytes));
  NodeRecord decoded;
  ASSERT_EQ(decode_node_record(bytes, &decoded), NodeRecordBytes::kValid);
  EXPECT_EQ(decoded.name, "willow");
  EXPECT_EQ(decoded.promised_to, (Promise{2, 1002, {"127.0.0.1", 17002}, 0}));
  EXPECT_EQ(decoded.clock_offset_ms, 7);
  EXPECT_EQ(*decoded.document, *sample_document());
  EXPECT_EQ(decoded.acceptor, Acceptor{});
  EXPECT_FALSE(decoded.data_is_void);
}

TEST(NodeRecordCodec, SaysWhatIsWrong) {
  NodeRecord decoded;
  const std::string bytes = bytes_of(sample_record());
  EXPECT_EQ(decode_node_record("", &decoded), NodeRecordBytes::kForeign);
  EXPECT_EQ(decode_node_record("something else entirely", &decoded), NodeRecordBytes::kForeign);
  for (std::size_t at = 8; at < bytes.size(); ++at) {
    std::string altered = bytes;
    altered[at] = static_cast<char>(altered[at] ^ 1);
    EXPECT_EQ(decode_node_record(altered, &decoded), NodeRecordBytes::kDamaged) << at;
    EXPECT_EQ(decode_node_record(bytes.substr(0, at), &decoded), NodeRecordBytes::kDamaged) << at;
  }
}

}  // namespace
}  // namespace kindred::membership_test
