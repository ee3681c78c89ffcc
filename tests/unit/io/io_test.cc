#include <gtest/gtest.h>

#include <csignal>
#include <optional>
#include <thread>

#include "server/io/loop.h"
#include "server/io/tcp.h"

namespace kindred {
namespace {

constexpr uint64_t kHangGuardMs = 20'000;

/// A connection end that keeps what it reads and can be told to close.
class End final : public TcpHandler {
 public:
  explicit End(std::function<void(End&)> on_change) : on_change_(std::move(on_change)) {}

  void connected() override {
    is_connected = true;
    on_change_(*this);
  }
  std::span<char> read_room() override { return room_; }
  void received(size_t bytes) override {
    read.append(room_, bytes);
    on_change_(*this);
  }
  void drained() override {
    go_on();
    on_change_(*this);
  }
  void closed(std::string_view reason) override {
    close_reason = reason;
    is_closed = true;
    on_change_(*this);
  }

  void say(std::string bytes) {
    unsent += bytes;
    go_on();
  }
  void go_on() {
    while (!unsent.empty()) {
      const size_t taken = connection->send(unsent);
      if (taken == 0) {
        return;
      }
      unsent.erase(0, taken);
    }
  }

  std::unique_ptr<TcpConnection> connection;
  std::string read;
  std::string unsent;
  std::string close_reason;
  bool is_connected = false;
  bool is_closed = false;

 private:
  std::function<void(End&)> on_change_;
  char room_[4096];
};

class TcpTest : public testing::Test {
 protected:
  TcpTest() : guard_(loop_, [] { std::abort(); }) { guard_.start(kHangGuardMs); }

  void listen(std::function<void(End&)> on_change) {
    std::string error;
    listener_ = TcpListener::open(
        loop_, {"127.0.0.1", 0},
        [this, on_change](int socket) {
          server_ = std::make_unique<End>(on_change);
          server_->connection = TcpConnection::adopt(loop_, socket, *server_);
        },
        &error);
    ASSERT_NE(listener_, nullptr) << error;
  }
  void dial(const std::string& from, std::function<void(End&)> on_change) {
    std::string error;
    client_ = std::make_unique<End>(std::move(on_change));
    client_->connection =
        TcpConnection::dial(loop_, from, {"127.0.0.1", listener_->port()}, *client_, &error);
    ASSERT_NE(client_->connection, nullptr) << error;
  }

  Loop loop_;
  Timer guard_;
  std::unique_ptr<TcpListener> listener_;
  std::unique_ptr<End> server_;
  std::unique_ptr<End> client_;
  std::optional<Timer> later_;
  bool said_ = false;
};

TEST_F(TcpTest, BytesArriveInOrderHoweverManyThereAre) {
  std::string sent;
  for (int i = 0; sent.size() < (8U << 20); ++i) {
    sent += std::to_string(i) + ",";
  }
  listen([&](End& end) {
    if (end.read.size() == sent.size()) {
      loop_.stop();
    }
  });
  dial("127.0.0.1", [&](End& end) {
    if (end.is_connected && end.read.empty() && end.unsent.empty() && !said_) {
      said_ = true;
      end.say(sent);
      EXPECT_FALSE(end.unsent.empty());  // more than the kernel and the connection hold
    }
  });
  loop_.run();
  EXPECT_TRUE(server_->read == sent);
}

TEST_F(TcpTest, ADialComesFromTheAddressAsked) {
  listen([](End&) {});
  dial("127.0.0.3", [&](End& end) {
    if (end.is_connected) {
      EXPECT_EQ(end.connection->local_address().host, "127.0.0.3");
      EXPECT_EQ(end.connection->remote_address().port, listener_->port());
      loop_.stop();
    }
  });
  loop_.run();
  EXPECT_TRUE(client_->is_connected);
}

TEST_F(TcpTest, ARefusedDialIsToldAndMayDestroyTheConnection) {
  listen([](End&) {});
  const uint16_t port = listener_->port();
  listener_.reset();
  std::string error;
  client_ = std::make_unique<End>([&](End& end) {
    if (end.is_closed) {
      end.connection.reset();
      loop_.stop();
    }
  });
  client_->connection =
      TcpConnection::dial(loop_, "127.0.0.1", {"127.0.0.1", port}, *client_, &error);
  ASSERT_NE(client_->connection, nullptr) << error;
  loop_.run();
  EXPECT_EQ(client_->close_reason, "connection refused");
}

TEST_F(TcpTest, AClosedEndIsToldToTheOther) {
  listen([&](End& end) {
    if (end.is_closed) {
      loop_.stop();
    }
  });
  dial("127.0.0.1", [&](End& end) {
    if (end.is_connected) {
      end.connection.reset();
    }
  });
  loop_.run();
  EXPECT_EQ(server_->close_reason, "closed by the other side");
}

TEST_F(TcpTest, AStoppedReaderHearsNothingUntilItStartsAgain) {
  listen([&](End& end) {
    if (end.read == "first") {
      end.connection->stop_reading();
      client_->say("second");
      later_.emplace(loop_, [&] {
        EXPECT_EQ(end.read, "first");
        end.connection->start_reading();
      });
      later_->start(20);
    } else if (end.read == "firstsecond") {
      loop_.stop();
    }
  });
  dial("127.0.0.1", [&](End& end) {
    if (end.is_connected && !said_) {
      said_ = true;
      end.say("first");
    }
  });
  loop_.run();
  EXPECT_EQ(server_->read, "firstsecond");
  later_.reset();
}

TEST_F(TcpTest, AnAddressInUseIsAnError) {
  listen([](End&) {});
  std::string error;
  EXPECT_EQ(TcpListener::open(
                loop_, {"127.0.0.1", listener_->port()}, [](int) {}, &error),
            nullptr);
  EXPECT_NE(error.find("Address already in use"), std::string::npos) << error;
}

TEST(Loop, TurnEndRunsAfterWhatTheTurnDid) {
  Loop loop;
  std::string order;
  TurnEnd end(loop, [&] { order += 'e'; });
  Timer timer(loop, [&] {
    order += 't';
    loop.stop();
  });
  timer.start(1);
  loop.run();
  const size_t at = order.find('t');
  ASSERT_NE(at, std::string::npos);
  EXPECT_NE(order.find('e', at), std::string::npos) << order;
}

TEST(Loop, WakesComeFromOtherThreads) {
  Loop loop;
  int wakes = 0;
  Wakeup wakeup(loop, [&] {
    ++wakes;
    loop.stop();
  });
  std::thread other([&] { wakeup.wake(); });
  loop.run();
  other.join();
  EXPECT_EQ(wakes, 1);
}

TEST(Loop, SignalsArriveOnTheLoop) {
  Loop loop;
  bool heard = false;
  SignalWatcher watcher(loop, SIGUSR1, [&] {
    heard = true;
    loop.stop();
  });
  ::raise(SIGUSR1);
  loop.run();
  EXPECT_TRUE(heard);
}

TEST(Addresses, NumericFormsAndLoopback) {
  EXPECT_EQ(to_text(SocketAddress{"127.0.0.1", 7001}), "127.0.0.1:7001");
  EXPECT_EQ(to_text(SocketAddress{"::1", 7001}), "[::1]:7001");
  EXPECT_EQ(resolve_host("127.0.0.9"), "127.0.0.9");
  EXPECT_TRUE(is_loopback("127.3.2.1"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_FALSE(is_loopback("10.0.0.1"));
}

TEST(SocketAddressTest, LoopbackIsToldFromOtherMachines) {
  for (const char* host : {"127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(is_loopback(host)) << host;
  }
  for (const char* host : {"10.0.0.1", "12.7.0.0", "::", "::ffff:10.0.0.1", "fe80::1", ""}) {
    EXPECT_FALSE(is_loopback(host)) << host;
  }
}

}  // namespace
}  // namespace kindred
