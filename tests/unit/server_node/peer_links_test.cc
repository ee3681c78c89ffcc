#include "server/node/peer_links.h"

#include <gtest/gtest.h>

#include <optional>

namespace kindred {
namespace {

constexpr uint64_t kHangGuardMs = 20'000;
constexpr ClusterId kCluster = 77;

/// One node's links with a listener on a free port, and all that it heard.
class Peer final : public PeerLinkEvents {
 public:
  Peer(Loop& loop, NodeId id, std::function<void()> on_change)
      : loop_(loop), on_change_(std::move(on_change)) {
    links.emplace(loop, "127.0.0.1", *this);
    listen(0);
    links->set_hello({id, address, 0});
    links->set_cluster(kCluster);
  }

  void listen(uint16_t port) {
    std::string error;
    listener = TcpListener::open(
        loop_, {"127.0.0.1", port}, [this](int socket) { links->serve(socket); }, &error);
    ASSERT_NE(listener, nullptr) << error;
    address = {"127.0.0.1", listener->port()};
  }

  void send(const Peer& to, std::string_view payload, ClusterId cluster = kCluster,
            FrameKind kind = FrameKind::kControl) {
    std::string frame;
    encode_frame(kind, {cluster, 1, 1}, payload, &frame);
    links->send(to.address, frame);
  }

  void link_up(const Address&) override {
    ++ups;
    on_change_();
  }
  void link_down(const Address&) override {
    ++downs;
    on_change_();
  }
  bool frame_arrived(const LinkHello& from, const Frame& frame) override {
    frames.emplace_back(from.node, frame.payload);
    on_change_();
    return frame.payload != "malformed";
  }
  void frame_rejected(const std::string&, std::string_view why) override {
    rejections.emplace_back(why);
    on_change_();
  }

  std::optional<PeerLinks> links;
  std::unique_ptr<TcpListener> listener;
  Address address;
  int ups = 0;
  int downs = 0;
  std::vector<std::pair<NodeId, std::string>> frames;
  std::vector<std::string> rejections;

 private:
  Loop& loop_;
  std::function<void()> on_change_;
};

class PeerLinksTest : public testing::Test {
 protected:
  PeerLinksTest() : guard_(loop_, [] { std::abort(); }) { guard_.start(kHangGuardMs); }

  void run_until(std::function<bool()> done) {
    done_ = std::move(done);
    if (!done_()) {
      loop_.run();
    }
  }
  void look() {
    if (done_ && done_()) {
      loop_.stop();
    }
  }

  Loop loop_;
  Timer guard_;
  std::function<bool()> done_;
  Peer a_{loop_, 1, [this] { look(); }};
  Peer b_{loop_, 2, [this] { look(); }};
};

TEST_F(PeerLinksTest, FramesArriveInOrderWithTheirSender) {
  for (int i = 0; i < 100; ++i) {
    a_.send(b_, std::to_string(i));
  }
  b_.send(a_, "back");
  run_until([&] { return b_.frames.size() == 100 && a_.frames.size() == 1; });
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(b_.frames[i], (std::pair<NodeId, std::string>(1, std::to_string(i))));
  }
  EXPECT_EQ(a_.frames[0], (std::pair<NodeId, std::string>(2, "back")));
  EXPECT_EQ(a_.ups, 1);
}

TEST_F(PeerLinksTest, SmallFramesPassBetweenThePartsOfLargeOnes) {
  const std::string large(20 << 20, 'x');
  const std::string second(3 << 20, 'y');
  a_.send(b_, "first");
  run_until([&] { return b_.frames.size() == 1; });
  a_.send(b_, large);
  a_.send(b_, second);
  a_.send(b_, "small");
  run_until([&] { return b_.frames.size() == 4; });
  EXPECT_EQ(b_.frames[1].second, "small");
  EXPECT_TRUE(b_.frames[2].second == large);
  EXPECT_TRUE(b_.frames[3].second == second);
}

TEST_F(PeerLinksTest, LargeFramesOfAnotherClusterCloseTheLink) {
  a_.send(b_, std::string(2 << 20, 'x'), 78);
  run_until([&] { return a_.downs == 1; });
  EXPECT_TRUE(b_.frames.empty());
}

TEST_F(PeerLinksTest, WhatIsTooMuchIsDroppedAndTheLinkStays) {
  a_.send(b_, "first");
  run_until([&] { return b_.frames.size() == 1; });
  const std::string large(PeerLinks::kQueuedBytesMax, 'x');
  a_.send(b_, large, kCluster, FrameKind::kData);
  a_.send(b_, large, kCluster, FrameKind::kData);
  a_.send(b_, "a probe", kCluster, FrameKind::kMembership);
  EXPECT_EQ(a_.links->metrics().frames_dropped, 1U);
  run_until([&] { return b_.frames.size() == 3; });
  EXPECT_EQ(b_.frames[1].second, "a probe");
  EXPECT_TRUE(b_.frames[2].second == large);
  EXPECT_EQ(a_.downs, 0);
}

TEST_F(PeerLinksTest, FramesOfAnotherClusterCloseTheLink) {
  a_.send(b_, "hello", 78);
  run_until([&] { return a_.downs == 1; });
  EXPECT_TRUE(b_.frames.empty());
  EXPECT_EQ(b_.rejections,
            std::vector<std::string>{std::string(name_of(FrameError::kForeignCluster))});
  EXPECT_EQ(b_.links->metrics().rejected_frames, 1U);
}

TEST_F(PeerLinksTest, WhatTheReceiverFindsMalformedClosesTheLink) {
  a_.send(b_, "malformed");
  run_until([&] { return a_.downs == 1; });
  EXPECT_EQ(b_.rejections, std::vector<std::string>{"malformed content"});
}

TEST_F(PeerLinksTest, ALinkIsDialledAgainUntilTheOtherIsThere) {
  const uint16_t port = b_.listener->port();
  b_.listener.reset();
  a_.send(b_, "lost");
  run_until([&] { return a_.downs >= 2; });
  EXPECT_EQ(a_.ups, 0);
  b_.listen(port);
  run_until([&] { return a_.ups == 1; });
  a_.send(b_, "found");
  run_until([&] { return b_.frames.size() == 1; });
  EXPECT_EQ(b_.frames[0].second, "found");
}

TEST_F(PeerLinksTest, APeerThatTakesNothingForLongIsGivenUp) {
  PeerLinks impatient(loop_, "127.0.0.1", a_, 0);
  impatient.set_hello({3, a_.address, 0});
  std::string frame;
  encode_frame(FrameKind::kData, {kCluster, 1, 1}, std::string(8 << 20, 'x'), &frame);
  impatient.send(b_.address, frame);
  run_until([&] { return b_.frames.size() == 1; });
  // Without turning the loop nobody reads: what the kernel doesn't take waits here.
  for (int i = 0; i < 12; ++i) {
    impatient.send(b_.address, frame);
  }
  EXPECT_EQ(a_.downs, 1);
  EXPECT_GE(impatient.metrics().frames_dropped, 1U);
}

class SecretLinksTest : public PeerLinksTest {
 protected:
  static constexpr char kSecret[] = "a secret of the cluster";
};

TEST_F(SecretLinksTest, NodesThatShareASecretTalkAsEver) {
  a_.links->set_secret(kSecret);
  b_.links->set_secret(kSecret);
  const std::string large(3 << 20, 'x');
  a_.send(b_, "before the link is there");
  a_.send(b_, large);
  run_until([&] { return b_.frames.size() == 2; });
  for (int i = 0; i < 100; ++i) {
    a_.send(b_, std::to_string(i));
  }
  b_.send(a_, "back");
  run_until([&] { return b_.frames.size() == 102 && a_.frames.size() == 1; });
  EXPECT_EQ(b_.frames[0].second, "before the link is there");
  EXPECT_TRUE(b_.frames[1].second == large);
  EXPECT_EQ(b_.frames[101].second, "99");
  EXPECT_EQ(a_.downs + b_.downs, 0);
}

TEST_F(SecretLinksTest, AnotherSecretIsRefusedCountedAndToldOnce) {
  a_.links->set_secret("another secret, not theirs");
  b_.links->set_secret(kSecret);
  a_.send(b_, "let me in");
  run_until([&] { return a_.downs >= 4; });
  EXPECT_EQ(a_.ups, 0);
  EXPECT_TRUE(b_.frames.empty());
  EXPECT_EQ(b_.rejections.size(), 1U);
  EXPECT_GE(b_.links->metrics().unproven_links, 3U);
}

TEST_F(SecretLinksTest, WhoHasNoneIsRefused) {
  b_.links->set_secret(kSecret);
  a_.send(b_, "let me in");
  run_until([&] { return a_.downs >= 2; });
  EXPECT_EQ(a_.rejections.size(), 1U) << "the dialling side is told why, once";
  EXPECT_TRUE(b_.frames.empty());
}

TEST_F(SecretLinksTest, NothingIsSaidToWhoHasNone) {
  a_.links->set_secret(kSecret);
  a_.send(b_, "for members alone");
  run_until([&] { return a_.downs >= 1; });
  EXPECT_EQ(a_.ups, 0);
  EXPECT_EQ(b_.links->metrics().bytes_received, 0U);
}

TEST_F(PeerLinksTest, StrangersThatSayNothingAreFewAndTheirFramesShort) {
  class Stranger final : public TcpHandler {
   public:
    explicit Stranger(std::function<void()> ended) : ended_(std::move(ended)) {}
    std::span<char> read_room() override { return room_; }
    void received(size_t) override {}
    void drained() override {}
    void closed(std::string_view) override { ended_(); }

   private:
    std::function<void()> ended_;
    char room_[64];
  };
  size_t ended = 0;
  Stranger handler([&] {
    ++ended;
    look();
  });
  std::vector<std::unique_ptr<TcpConnection>> strangers;
  std::string error;
  for (int i = 0; i < 300; ++i) {
    strangers.push_back(
        TcpConnection::dial(loop_, "127.0.0.1", {"127.0.0.1", b_.address.port}, handler, &error));
    ASSERT_NE(strangers.back(), nullptr) << error;
  }
  run_until([&] { return ended >= 300 - 256; });
  a_.send(b_, "a member gets in all the same");
  run_until([&] { return b_.frames.size() == 1; });
}

}  // namespace
}  // namespace kindred
