#include "server/node/admin_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace kindred {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr uint64_t kHungAfterMs = 20'000;

class AdminServerTest : public testing::Test {
 protected:
  AdminServerTest() : guard_(loop_, [] { std::abort(); }), stop_(loop_, [this] { loop_.stop(); }) {
    guard_.start(kHungAfterMs);
    setup_.hosts = {"127.0.0.1"};
    setup_.access = [this] { return AdminAccess{&users_, needs_login_}; };
    setup_.is_stranger = [this](int) { return is_stranger_; };
    setup_.ask = [](AdminPage, const AdminServer::Respond& respond) { respond(health_page()); };
  }

  /// All that the server says to `request` until it closes the connection.
  std::string exchange(const std::string& request) {
    std::string error;
    server_ = AdminServer::open(loop_, setup_, &error);
    EXPECT_NE(server_, nullptr) << error;
    std::string said;
    std::thread client([&, port = server_->port()] {
      said = talk(port, request);
      stop_.wake();
    });
    loop_.run();
    client.join();
    return said;
  }

  static std::string talk(uint16_t port, const std::string& request) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::send(socket, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    std::string said;
    char room[1024];
    for (ssize_t size = 0; (size = ::recv(socket, room, sizeof room, 0)) > 0;) {
      said.append(room, static_cast<size_t>(size));
    }
    ::close(socket);
    return said;
  }

  Loop loop_;
  Timer guard_;
  Wakeup stop_;
  Users users_;
  AdminServer::Setup setup_;
  bool needs_login_ = false;
  bool is_stranger_ = false;
  std::unique_ptr<AdminServer> server_;
};

TEST_F(AdminServerTest, AnswersTwoRequestsInOnePiece) {
  const std::string said =
      exchange("GET /metrics HTTP/1.1\r\n\r\nHEAD /metrics HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(said, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(said, HasSubstr("\r\n\r\nok\nHTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(said, testing::EndsWith("\r\n\r\n"));
}

TEST_F(AdminServerTest, WrongPasswordsTakeTime) {
  needs_login_ = true;
  ASSERT_EQ(set_user(users_, "default", std::vector<std::string_view>{"resetpass", ">right"}), "");
  const uint64_t begun_us = Loop::mono_us();
  const std::string wrong =
      exchange("GET /metrics HTTP/1.1\r\nAuthorization: Basic ZGVmYXVsdDp3cm9uZw==\r\n\r\n");
  EXPECT_THAT(wrong, StartsWith("HTTP/1.1 401 "));
  EXPECT_GE(Loop::mono_us() - begun_us, AdminServer::kWrongPasswordDelayMs * 1000);
  EXPECT_THAT(
      exchange("GET /metrics HTTP/1.0\r\nAuthorization: Basic ZGVmYXVsdDpyaWdodA==\r\n\r\n"),
      StartsWith("HTTP/1.1 200 "));
}

TEST_F(AdminServerTest, StrangersAreSentAway) {
  is_stranger_ = true;
  EXPECT_THAT(exchange(""), StartsWith("HTTP/1.1 403 "));
}

// Such as when the node stops: there is nobody left to answer.
TEST_F(AdminServerTest, AnswersThatComeTooLateAreDropped) {
  AdminServer::Respond late;
  setup_.ask = [&](AdminPage, const AdminServer::Respond& respond) {
    late = respond;
    stop_.wake();
  };
  std::string error;
  server_ = AdminServer::open(loop_, setup_, &error);
  ASSERT_NE(server_, nullptr) << error;
  std::string said = "unset";
  std::thread client(
      [&, port = server_->port()] { said = talk(port, "GET /metrics HTTP/1.1\r\n\r\n"); });
  loop_.run();
  server_.reset();
  late(health_page());
  // The socket is closed in a turn of the loop.
  stop_.wake();
  loop_.run();
  client.join();
  EXPECT_EQ(said, "");
}

}  // namespace
}  // namespace kindred
