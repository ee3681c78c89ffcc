#include "protocol/peer/frame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "protocol/peer/frame_builder.h"
#include "protocol/peer/frame_reader.h"
#include "tests/unit/peer/hex.h"

namespace kindred {
namespace {

constexpr FrameOrigin kOrigin{0xabcdef, 3, 77};

std::string frame_of(std::string_view payload, FrameKind kind = FrameKind::kMembership) {
  std::string bytes;
  encode_frame(kind, kOrigin, payload, &bytes);
  return bytes;
}

void feed(FrameReader& reader, std::string_view bytes) {
  const std::span<char> room = reader.writable(bytes.size());
  std::memcpy(room.data(), bytes.data(), bytes.size());
  reader.commit(bytes.size());
}

FrameError error_of(std::string_view bytes, uint32_t payload_bytes_max = 1000) {
  FrameReader reader(payload_bytes_max);
  reader.set_cluster(kOrigin.cluster_id);
  feed(reader, bytes);
  Frame frame;
  while (reader.next(&frame) == FrameStatus::kFrame) {
  }
  return reader.error();
}

TEST(FrameTest, GoldenBytes) {
  EXPECT_EQ(hex(frame_of("payload")),
            "4b494e4452454450834985d23f9a19b80102000007000000efcdab00000000004d00000000000000"
            "03000000000000007061796c6f6164");
}

TEST(FrameTest, FramesComeBackHoweverTheyAreCut) {
  std::mt19937_64 prng(3);
  std::vector<std::string> payloads;
  std::string stream;
  for (int i = 0; i < 60; ++i) {
    payloads.emplace_back(prng() % (i % 10 == 0 ? 200'000 : 300), static_cast<char>('a' + i % 26));
    stream += frame_of(payloads.back(), i % 2 == 0 ? FrameKind::kHello : FrameKind::kData);
  }
  for (const size_t cut_max : {1UL, 7UL, 1000UL, 100'000UL, 10'000'000UL}) {
    FrameReader reader;
    reader.set_cluster(kOrigin.cluster_id);
    size_t frames = 0;
    for (size_t at = 0; at < stream.size();) {
      const size_t size = std::min<size_t>(1 + prng() % cut_max, stream.size() - at);
      feed(reader, std::string_view(stream).substr(at, size));
      at += size;
      for (Frame frame; reader.next(&frame) == FrameStatus::kFrame; ++frames) {
        ASSERT_LT(frames, payloads.size());
        EXPECT_EQ(frame.payload, payloads[frames]);
        EXPECT_EQ(frame.header.origin, kOrigin);
      }
    }
    EXPECT_EQ(frames, payloads.size());
    EXPECT_EQ(reader.error(), FrameError::kNone);
    EXPECT_EQ(reader.buffered_bytes(), 0U);
    reader.shrink_idle();
    EXPECT_EQ(reader.capacity_bytes(), 0U);
  }
}

TEST(FrameTest, EveryFlippedBitIsRefused) {
  const std::string bytes = frame_of("some payload", FrameKind::kData);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    FrameReader reader;
    reader.set_cluster(kOrigin.cluster_id);
    // A frame that announces more waits for it: what follows must not make it good.
    feed(reader, flipped + std::string(300, '\0'));
    Frame frame;
    EXPECT_NE(reader.next(&frame), FrameStatus::kFrame) << "bit " << bit;
  }
}

TEST(FrameTest, EachCheckHasItsReason) {
  const std::string bytes = frame_of("x", FrameKind::kData);
  const auto with = [&bytes](size_t at, char byte) {
    std::string changed = bytes;
    changed[at] = byte;
    return changed;
  };
  EXPECT_EQ(error_of(bytes), FrameError::kNone);
  EXPECT_EQ(error_of(with(0, 'k')), FrameError::kBadMagic);
  EXPECT_EQ(error_of(with(16, 2)), FrameError::kBadVersion);
  EXPECT_EQ(error_of(with(17, 10)), FrameError::kBadKind);
  EXPECT_EQ(error_of(with(17, 0)), FrameError::kBadKind);
  EXPECT_EQ(error_of(with(18, 1)), FrameError::kBadFlags);
  EXPECT_EQ(error_of(with(23, 1)), FrameError::kTooLong);
  EXPECT_EQ(error_of(with(48, 'y')), FrameError::kBadChecksum);
  EXPECT_EQ(error_of(frame_of(std::string(1000, 'x'))), FrameError::kNone);
  EXPECT_EQ(error_of(frame_of(std::string(1001, 'x'))), FrameError::kTooLong);
}

TEST(FrameTest, AnErrorStays) {
  FrameReader reader;
  feed(reader, std::string(kFrameHeaderBytes, 'x') + frame_of("fine"));
  Frame frame;
  EXPECT_EQ(reader.next(&frame), FrameStatus::kError);
  feed(reader, frame_of("fine"));
  EXPECT_EQ(reader.next(&frame), FrameStatus::kError);
  EXPECT_EQ(reader.error(), FrameError::kBadMagic);
}

TEST(FrameTest, ForeignDataIsRefusedAndForeignMembershipHandedOver) {
  FrameReader reader;
  reader.set_cluster(kOrigin.cluster_id + 1);
  feed(reader, frame_of("m", FrameKind::kMembership) + frame_of("h", FrameKind::kHello) +
                   frame_of("d", FrameKind::kData));
  Frame frame;
  EXPECT_EQ(reader.next(&frame), FrameStatus::kFrame);
  EXPECT_EQ(frame.header.kind, FrameKind::kMembership);
  EXPECT_EQ(reader.next(&frame), FrameStatus::kFrame);
  EXPECT_EQ(frame.header.kind, FrameKind::kHello);
  EXPECT_EQ(reader.next(&frame), FrameStatus::kError);
  EXPECT_EQ(reader.error(), FrameError::kForeignCluster);
}

// Who is about to join is sent data before it has the document that says so.
TEST(FrameTest, WhoHasNoClusterYetTakesDataOfAnyAndOfNoneNot) {
  FrameReader joining;
  feed(joining, frame_of("d", FrameKind::kData));
  Frame taken;
  EXPECT_EQ(joining.next(&taken), FrameStatus::kFrame);
  EXPECT_EQ(taken.payload, "d");
  FrameReader without_cluster;
  std::string bytes;
  encode_frame(FrameKind::kData, FrameOrigin{}, "d", &bytes);
  feed(without_cluster, bytes);
  Frame frame;
  EXPECT_EQ(without_cluster.next(&frame), FrameStatus::kError);
}

TEST(FrameTest, AnAnnouncedLengthTakesNoMemory) {
  std::string header = frame_of("");
  header[23] = 0x3f;  // nearly a gigabyte
  FrameReader reader;
  feed(reader, header);
  Frame frame;
  EXPECT_EQ(reader.next(&frame), FrameStatus::kNeedMore);
  size_t received = header.size();
  for (int i = 0; i < 200; ++i) {
    feed(reader, std::string(5000, 'x'));
    received += 5000;
    EXPECT_EQ(reader.next(&frame), FrameStatus::kNeedMore);
    EXPECT_LE(reader.capacity_bytes(), received + std::max<size_t>(65536, 2 * received) + 5000);
  }
}

TEST(FrameBuilderTest, IsUsedAgainAndMovedAway) {
  FrameBuilder builder;
  EXPECT_EQ(builder.size_bytes(), 0U);
  FrameReader reader;
  reader.set_cluster(kOrigin.cluster_id);
  for (uint32_t round = 1; round <= 3; ++round) {
    for (uint32_t i = 0; i < round * 1000; ++i) {
      ASSERT_TRUE(builder.append(ReplicateAck{i, AckStatus::kStored, Durability::kLogged, {}}));
    }
    EXPECT_EQ(builder.message_count(), round * 1000);
    const size_t size = builder.size_bytes();
    const std::string_view bytes = builder.finish(kOrigin);
    EXPECT_EQ(bytes.size(), size);
    EXPECT_EQ(builder.message_count(), 0U);
    const FrameBuilder kept = std::move(builder);
    feed(reader, bytes);
    Frame frame;
    ASSERT_EQ(reader.next(&frame), FrameStatus::kFrame);
    EXPECT_EQ(frame.header.message_count, round * 1000);
    EXPECT_EQ(frame.header.kind, FrameKind::kData);
    builder = FrameBuilder();
  }
  const std::string value(FrameBuilder::kRetainedBytes, 'v');
  FetchReply reply;
  reply.has_record = true;
  reply.record = value;
  ASSERT_TRUE(builder.append(reply));
  builder.clear();
  EXPECT_EQ(builder.size_bytes(), 0U);
}

TEST(FrameBuilderTest, AMessageThatFitsNoFrameIsLeftOut) {
  FrameBuilder builder;
  ASSERT_TRUE(builder.append(Fetch{1, 1, {}, true}));
  const size_t size = builder.size_bytes();
  FetchReply huge;
  huge.has_record = true;
  huge.record = std::string_view("x", size_t{kFramePayloadBytesMax});  // its bytes are never read
  EXPECT_FALSE(builder.append(huge));
  EXPECT_EQ(builder.size_bytes(), size);
}

}  // namespace
}  // namespace kindred
