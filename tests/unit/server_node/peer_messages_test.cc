#include "server/node/peer_messages.h"

#include <gtest/gtest.h>

namespace kindred {
namespace {

TEST(PeerMessages, SurviveTheirBytes) {
  const LinkHello hello{42, {"127.0.0.1", 17001}, 5};
  LinkHello read_hello;
  ASSERT_TRUE(decode_hello(encode_hello(hello), &read_hello));
  EXPECT_EQ(read_hello, hello);

  const ControlMessage messages[] = {CountKeys{7, {0, 3, 16383}},   CountKeys{8, {}},
                                     CountKeysReply{9, 1ULL << 40}, AskActors{10, {1, ~0ULL}},
                                     ActorsReply{11, {}},           Yielding{},
                                     MakeBackup{12, "monday"},      BackupReply{13, "no", "d"}};
  for (const ControlMessage& message : messages) {
    ControlMessage read;
    ASSERT_TRUE(decode_control(encode_control(message), &read));
    EXPECT_EQ(read, message);
  }
}

TEST(PeerMessages, PublicationsSurviveTheirBytes) {
  const Publication publication{true, "chan\r\nnel", std::string("\0message", 8)};
  const std::string bytes = encode_publication(publication);
  Publication read;
  ASSERT_TRUE(decode_publication(bytes, &read));
  EXPECT_TRUE(read.to_shard_channel);
  EXPECT_EQ(read.channel, publication.channel);
  EXPECT_EQ(read.message, publication.message);
  EXPECT_FALSE(decode_publication("", &read));
  EXPECT_FALSE(decode_publication("\x02", &read));
  EXPECT_FALSE(decode_publication(bytes.substr(0, 5), &read));
}

TEST(PeerMessages, CutOrLengthenedBytesAreRefused) {
  const std::string bytes = encode_control(CountKeys{7, {1, 2, 3}});
  ControlMessage read;
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_control(bytes.substr(0, size), &read)) << size;
  }
  EXPECT_FALSE(decode_control(bytes + "x", &read));
  EXPECT_FALSE(decode_control("\x09", &read));
  const std::string hello_bytes = encode_hello({42, {"127.0.0.1", 17001}, 0});
  LinkHello hello;
  for (size_t size = 0; size < hello_bytes.size(); ++size) {
    EXPECT_FALSE(decode_hello(hello_bytes.substr(0, size), &hello)) << size;
  }
}

}  // namespace
}  // namespace kindred
