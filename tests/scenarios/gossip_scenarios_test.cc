// What gossip must not do. S3, 20 July 2008: single flipped bits in gossip, which had no checksum,
// made servers out to have failed; the word spread faster than it could be refuted, and took the
// service down for hours, until all gossip was stopped and cleared everywhere.

#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "protocol/membership/message_codec.h"
#include "protocol/peer/frame.h"
#include "protocol/peer/frame_reader.h"

namespace kindred {
namespace {

constexpr NodeId kAlice = 1;
constexpr NodeId kBob = 2;
constexpr NodeId kCarol = 3;

/// Bob, who sees Alice and Carol up, at a moment when Alice's gossip reaches him.
class Bob {
 public:
  Bob() : swim_(kBob, SwimConfig{}, 7) {
    swim_.set_members(std::vector<NodeId>{kAlice, kCarol});
    for (int round = 0; round < 4; ++round) {
      swim_.tick(now_us_, &effects_);
      for (const SwimEffects::Send& send : std::exchange(effects_.sends, {})) {
        if (send.message.kind == SwimKind::kPing) {
          SwimMessage ack;
          ack.kind = SwimKind::kAck;
          ack.sequence = send.message.sequence;
          ack.subject = send.to;
          ack.incarnation = 1;
          swim_.receive(send.to, ack, now_us_, &effects_);
        }
      }
      now_us_ = swim_.next_deadline_us();
    }
    effects_ = {};
  }

  /// Takes a frame off the link as a node does; whether any message came out of it.
  bool take_frame(const std::string& bytes) {
    FrameReader reader;
    std::ranges::copy(bytes, reader.writable(bytes.size()).begin());
    reader.commit(bytes.size());
    Frame frame;
    return reader.next(&frame) == FrameStatus::kFrame && take_payload(frame.payload);
  }
  bool take_payload(std::string_view payload) {
    const auto message = decode_membership(payload);
    if (!message || !std::holds_alternative<Gossip>(*message)) {
      return false;
    }
    const Gossip& gossip = std::get<Gossip>(*message);
    swim_.receive(gossip.sender.node, gossip.message, now_us_, &effects_);
    return true;
  }
  std::vector<Rumour> words() const {
    std::vector<Rumour> words;
    for (const SwimPeer& peer : swim_.peers()) {
      words.push_back(peer.word);
    }
    return words;
  }
  const SwimEffects& effects() const { return effects_; }

 private:
  uint64_t now_us_ = 5'000'000;
  Swim swim_;
  SwimEffects effects_;
};

/// Alice says that Carol is well.
std::string gossip_payload() {
  Gossip gossip{{kAlice, 1001, 77}, 1'700'000'000'000, {1, 2, 3, 4}, {}};
  gossip.message.kind = SwimKind::kPing;
  gossip.message.sequence = 5;
  gossip.message.incarnation = 1;
  gossip.message.rumours = {{kCarol, 1, SwimState::kAlive, 1}};
  std::string payload;
  encode_membership(gossip, &payload);
  return payload;
}

std::string with_bit_flipped(std::string bytes, std::size_t bit) {
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  return bytes;
}

TEST(GossipScenarios, AFlippedBitAnywhereInAFrameChangesNothing) {
  const std::string payload = gossip_payload();
  std::string frame;
  encode_frame(FrameKind::kMembership, {77, 1, 2}, payload, &frame);
  Bob bob;
  const std::vector<Rumour> before = bob.words();
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    ASSERT_FALSE(bob.take_frame(with_bit_flipped(frame, bit))) << "bit " << bit;
  }
  EXPECT_EQ(bob.words(), before);
  EXPECT_TRUE(bob.effects().sends.empty());
  EXPECT_TRUE(bob.effects().changes.empty());
  EXPECT_TRUE(bob.take_frame(frame));
}

// Shape and bounds alone would not have helped: here is why there are checksums.
TEST(GossipScenarios, WithoutTheFramesChecksumSomeFlippedBitsWouldBeBelieved) {
  const std::string payload = gossip_payload();
  std::size_t believed = 0;
  for (std::size_t bit = 0; bit < payload.size() * 8; ++bit) {
    Bob bob;
    const bool is_taken = bob.take_payload(with_bit_flipped(payload, bit));
    const bool accuses = std::ranges::any_of(bob.words(), &Rumour::is_accusation);
    believed += is_taken && accuses ? 1 : 0;
  }
  EXPECT_GT(believed, 0u);
}

}  // namespace
}  // namespace kindred
