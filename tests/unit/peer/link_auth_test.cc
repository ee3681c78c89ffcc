#include "protocol/peer/link_auth.h"

#include <gtest/gtest.h>

#include <cstring>

#include "protocol/peer/frame_reader.h"

namespace kindred {
namespace {

constexpr char kSecret[] = "a secret of the cluster";

/// Both ends of a link after a handshake.
struct Link {
  LinkHandshake dialled{kSecret};
  LinkHandshake dialler{kSecret};
  bool proven = false;

  Link() {
    const auto answer = dialler.answer(dialled.challenge());
    const auto welcome = answer ? dialled.welcome(*answer) : std::nullopt;
    proven = welcome && dialler.accepts(*welcome);
  }
};

std::string frame(std::string_view payload) {
  std::string bytes;
  encode_frame(FrameKind::kMembership, {1, 1, 1}, payload, &bytes);
  return bytes;
}

std::string tagged(FrameMac& mac, std::string_view payload) {
  std::string bytes = frame(payload);
  const FrameMac::Tag tag = mac.next_tag(bytes);
  return bytes.append(tag.data(), tag.size());
}

/// What a reader makes of bytes: payloads, and how it ends.
std::string read(FrameMac mac, std::string_view bytes) {
  FrameReader reader;
  reader.expect_tags(std::move(mac));
  std::memcpy(reader.writable(bytes.size()).data(), bytes.data(), bytes.size());
  reader.commit(bytes.size());
  std::string seen;
  Frame found;
  FrameStatus status = FrameStatus::kFrame;
  while ((status = reader.next(&found)) == FrameStatus::kFrame) {
    seen += std::string(found.payload) + ";";
  }
  return seen + (status == FrameStatus::kError ? std::string(name_of(reader.error())) : "");
}

TEST(LinkHandshakeTest, BothSidesOfOneSecretAreProven) {
  EXPECT_TRUE(Link().proven);
}

TEST(LinkHandshakeTest, AnotherSecretProvesNothing) {
  LinkHandshake dialled(kSecret);
  LinkHandshake dialler("a secret of somebody else");
  const auto answer = dialler.answer(dialled.challenge());
  ASSERT_TRUE(answer);
  EXPECT_FALSE(dialled.welcome(*answer));
}

TEST(LinkHandshakeTest, AProofIsGoodForItsOwnLinkAndSideAlone) {
  LinkHandshake dialled(kSecret);
  LinkHandshake dialler(kSecret);
  const auto answer = dialler.answer(dialled.challenge());
  ASSERT_TRUE(answer);
  LinkHandshake other(kSecret);
  EXPECT_FALSE(other.welcome(*answer)) << "replayed to another challenge";
  // The dialler's own proof sent back to it.
  EXPECT_FALSE(dialler.accepts(answer->substr(32)));
  for (size_t i = 0; i < answer->size(); ++i) {
    std::string altered = *answer;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    EXPECT_FALSE(dialled.welcome(altered)) << i;
  }
  EXPECT_TRUE(dialled.welcome(*answer));
}

TEST(LinkHandshakeTest, MalformedStepsAreRefused) {
  LinkHandshake one(kSecret);
  const std::string challenge = LinkHandshake(kSecret).challenge();
  EXPECT_FALSE(one.answer(""));
  EXPECT_FALSE(one.answer(challenge.substr(1)));
  EXPECT_FALSE(one.answer(challenge + "x"));
  EXPECT_FALSE(one.answer("\x02" + challenge.substr(1)));
  EXPECT_FALSE(one.welcome(""));
  EXPECT_FALSE(one.accepts(""));
}

TEST(FrameMacTest, FramesInTheirOrderPass) {
  Link link;
  FrameMac mac = link.dialler.frame_mac();
  std::string bytes = tagged(mac, "one");
  bytes += tagged(mac, "two");
  bytes += tagged(mac, "");
  EXPECT_EQ(read(link.dialled.frame_mac(), bytes), "one;two;;");
}

TEST(FrameMacTest, WhatIsRepeatedLeftOutOrSwappedDoesNot) {
  Link link;
  FrameMac mac = link.dialler.frame_mac();
  const std::string one = tagged(mac, "one");
  const std::string two = tagged(mac, "two");
  const std::string refused(name_of(FrameError::kBadTag));
  EXPECT_EQ(read(link.dialled.frame_mac(), one + one), "one;" + refused);
  EXPECT_EQ(read(link.dialled.frame_mac(), two), refused);
  EXPECT_EQ(read(link.dialled.frame_mac(), two + one), refused);
  EXPECT_EQ(read(Link().dialled.frame_mac(), one), refused) << "of another link";
  const std::string untagged = frame("one");
  EXPECT_EQ(read(link.dialled.frame_mac(), untagged + untagged), refused);
}

TEST(FrameMacTest, NoBitOfAFrameOrItsTagCanBeTurned) {
  Link link;
  FrameMac mac = link.dialler.frame_mac();
  const std::string one = tagged(mac, "one");
  for (size_t bit = 0; bit < one.size() * 8; ++bit) {
    std::string altered = one;
    altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ 1 << bit % 8);
    EXPECT_EQ(read(link.dialled.frame_mac(), altered).find("one;"), std::string::npos) << bit;
  }
}

}  // namespace
}  // namespace kindred
