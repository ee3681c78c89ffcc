#include "protocol/context/context_codec.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>

#include "protocol/context/base64url.h"

namespace kindred {
namespace {

constexpr ClusterId kCluster = 0xc0ffee;
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

TagKey tag_key(uint8_t id) {
  TagKey key;
  key.id = id;
  key.secret.fill(static_cast<uint8_t>(id * 3 + 1));
  return key;
}

ContextCodec codec_with(const std::vector<TagKey>& keys, ClusterId cluster = kCluster) {
  return ContextCodec(cluster, keys);
}

ContextCodec make_codec() {
  return codec_with({tag_key(1)});
}

ClientContext some_context() {
  ClientContext context;
  context.covered.raise(0x11, 100);
  context.covered.raise(0x22, 200);
  context.covered.add_dot({300, 0x33});
  context.floor = {150, 0x11};
  return context;
}

TEST(Base64urlTest, KnownTexts) {
  EXPECT_EQ(encode_base64url(""), "");
  EXPECT_EQ(encode_base64url("f"), "Zg");
  EXPECT_EQ(encode_base64url("fo"), "Zm8");
  EXPECT_EQ(encode_base64url("foo"), "Zm9v");
  EXPECT_EQ(encode_base64url("foobar"), "Zm9vYmFy");
  EXPECT_EQ(encode_base64url("\xfb\xff"), "-_8");
}

TEST(Base64urlTest, EachTextIsTheOnlyOneOfItsBytes) {
  char bytes[8];
  uint64_t accepted = 0;
  for (const char a : kAlphabet) {
    for (const char b : kAlphabet) {
      const std::string text{'Z', 'm', '9', 'v', a, b};
      if (decode_base64url(text, bytes)) {
        ++accepted;
        EXPECT_EQ(encode_base64url({bytes, 4}), text);
      }
    }
  }
  EXPECT_EQ(accepted, 256U);
  for (const char* text : {"A", "Zg==", "Zh", "Zm9", "Zm9v ", "Z+8", "Z/8", "Zm9vY"}) {
    EXPECT_FALSE(decode_base64url(text, bytes)) << text;
  }
}

TEST(ContextTest, TheEmptyContextIsTheEmptyText) {
  ContextCodec codec = make_codec();
  EXPECT_EQ(codec.encode("key", ClientContext{}), "");
  ClientContext context = some_context();
  EXPECT_EQ(codec.decode("key", "", &context), ContextStatus::kOk);
  EXPECT_TRUE(context.empty());
}

TEST(ContextTest, GoldenText) {
  EXPECT_EQ(make_codec().encode("key", some_context()),
            "AQEscOEregZG-SJ59CfHs45zAgMRAAAAAAAAAGQAAAAAAAAAIgAAAAAAAADIAAAAAAAAAC"
            "wBAAAAAAAAMwAAAAAAAACWAAAAAAAAABEAAAAAAAAAqutXoPHW68RxUAwatnhiTg");
}

TEST(ContextTest, RandomContextsComeBack) {
  ContextCodec codec = make_codec();
  std::mt19937_64 prng(5);
  for (int i = 0; i < 2000; ++i) {
    ClientContext context;
    for (uint64_t left = prng() % 40; left > 0; --left) {
      context.covered.raise(1 + prng() % 50, 1 + prng() % 1000);
    }
    for (uint64_t left = prng() % 20; left > 0; --left) {
      context.covered.add_dot({1 + prng() % 2000, 1 + prng() % 50});
    }
    if (prng() % 2 == 0) {
      context.floor = {1 + prng(), 1 + prng() % 50};
    }
    const std::string key(prng() % 300, 'k');
    ClientContext decoded;
    ASSERT_EQ(codec.decode(key, codec.encode(key, context), &decoded), ContextStatus::kOk);
    EXPECT_EQ(decoded, context);
  }
}

TEST(ContextTest, EveryAlteredCharacterIsRefused) {
  ContextCodec codec = make_codec();
  ClientContext contexts[3] = {some_context(), some_context(), some_context()};
  contexts[1].covered.raise(0x44, 400);  // other lengths modulo three
  contexts[2].floor = {};
  ClientContext decoded;
  for (const ClientContext& context : contexts) {
    const std::string text = codec.encode("key", context);
    for (size_t at = 0; at < text.size(); ++at) {
      for (int character = 0; character < 256; ++character) {
        std::string altered = text;
        altered[at] = static_cast<char>(character);
        EXPECT_EQ(codec.decode("key", altered, &decoded) == ContextStatus::kOk, altered == text)
            << "character " << at << " became " << character;
      }
    }
  }
}

TEST(ContextTest, CutsAndAdditionsAreRefused) {
  ContextCodec codec = make_codec();
  const std::string text = codec.encode("key", some_context());
  ClientContext decoded;
  for (size_t length = 1; length < text.size(); ++length) {
    EXPECT_NE(codec.decode("key", text.substr(0, length), &decoded), ContextStatus::kOk);
  }
  for (const std::string more : {"A", "AA", "AAA", "AAAA", "=", "==", "\n", " "}) {
    EXPECT_NE(codec.decode("key", text + more, &decoded), ContextStatus::kOk);
  }
  EXPECT_EQ(codec.decode("key", std::string(100'000, 'A'), &decoded), ContextStatus::kMalformed);
}

TEST(ContextTest, AContextIsBoundToKeyClusterAndTagKey) {
  ContextCodec codec = make_codec();
  const std::string text = codec.encode("key", some_context());
  ClientContext decoded;
  EXPECT_EQ(codec.decode("kez", text, &decoded), ContextStatus::kOtherKey);
  EXPECT_EQ(codec_with({tag_key(1)}, kCluster + 1).decode("key", text, &decoded),
            ContextStatus::kForged);
  EXPECT_EQ(codec_with({tag_key(2)}).decode("key", text, &decoded), ContextStatus::kUnknownTagKey);
  EXPECT_EQ(codec_with({}).decode("key", text, &decoded), ContextStatus::kUnknownTagKey);
  TagKey other = tag_key(1);
  other.secret[31] ^= 1;
  EXPECT_EQ(codec_with({other}).decode("key", text, &decoded), ContextStatus::kForged);
}

TEST(ContextTest, TheFirstTagKeySignsAndAllAreAccepted) {
  ContextCodec before = codec_with({tag_key(1)});
  ContextCodec during = codec_with({tag_key(2), tag_key(1)});
  ContextCodec after = codec_with({tag_key(2)});
  ClientContext decoded;
  EXPECT_EQ(during.decode("key", before.encode("key", some_context()), &decoded),
            ContextStatus::kOk);
  EXPECT_EQ(after.decode("key", during.encode("key", some_context()), &decoded),
            ContextStatus::kOk);
  EXPECT_EQ(before.decode("key", during.encode("key", some_context()), &decoded),
            ContextStatus::kUnknownTagKey);
}

TEST(ContextTest, WhatIsOverTheLimitIsLeftOutButTheNewestDot) {
  ContextCodec codec = make_codec();
  ClientContext context;
  for (ActorId actor = 1; actor <= kClientContextEntriesMax; ++actor) {
    context.covered.raise(actor, 10);
  }
  ClientContext decoded;
  ASSERT_EQ(codec.decode("key", codec.encode("key", context), &decoded), ContextStatus::kOk);
  EXPECT_EQ(decoded, context);
  const Dot own{99, 1000};
  context.covered.add_dot(own);
  ASSERT_EQ(codec.decode("key", codec.encode("key", context), &decoded), ContextStatus::kOk);
  EXPECT_TRUE(decoded.covered.covers(own));
  EXPECT_EQ(decoded.covered.vector().size(), kClientContextEntriesMax - 1);
  for (Stamp stamp = 100; stamp < 300; ++stamp) {
    context.covered.add_dot({stamp, 1000});
  }
  ASSERT_EQ(codec.decode("key", codec.encode("key", context), &decoded), ContextStatus::kOk);
  EXPECT_EQ(decoded.covered.dots().size(), kClientContextEntriesMax);
  EXPECT_TRUE(decoded.covered.covers({299, 1000}));
}

TEST(ContextTest, DescribeNeedsNoKeyButTheTag) {
  ContextCodec codec = make_codec();
  const std::string text = codec.encode("key", some_context());
  ContextDescription description;
  ASSERT_EQ(codec.describe(text, &description), ContextStatus::kOk);
  EXPECT_EQ(description.context, some_context());
  // printf key | sha256sum
  const KeyDigest digest = {0x2c, 0x70, 0xe1, 0x2b, 0x7a, 0x06, 0x46, 0xf9,
                            0x22, 0x79, 0xf4, 0x27, 0xc7, 0xb3, 0x8e, 0x73};
  EXPECT_EQ(description.key_digest, digest);
  EXPECT_EQ(codec.describe("", &description), ContextStatus::kMalformed);
  EXPECT_EQ(codec_with({tag_key(1)}, 1).describe(text, &description), ContextStatus::kForged);
}

}  // namespace
}  // namespace kindred
