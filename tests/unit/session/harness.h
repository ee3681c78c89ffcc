#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp/reply_parser.h"
#include "server/session/hub.h"
#include "server/session/ok_service.h"
#include "server/session/session.h"

namespace kindred {

/// A request as clients send it.
inline std::string request(const std::vector<std::string>& args) {
  std::string bytes = "*" + std::to_string(args.size()) + "\r\n";
  for (const std::string& arg : args) {
    bytes += "$" + std::to_string(arg.size()) + "\r\n" + arg + "\r\n";
  }
  return bytes;
}

/// The words of a line, as a request. Words have no spaces; "" is the empty word.
inline std::string line(std::string_view text) {
  std::vector<std::string> words;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    words.emplace_back(word == "\"\"" ? std::string_view() : word);
    begin = end + 1;
  }
  return request(words);
}

/// A hub with a service of the test's choice.
template <typename Service>
class Worker {
 public:
  Worker() : hub_(settings_, counters_, 1), service_(hub_) { hub_.attach(service_); }

  SessionHub& hub() { return hub_; }
  Service& service() { return service_; }
  SessionSettings& settings() { return settings_; }

  /// As requirepass does.
  void set_password(std::string_view password) {
    auto users = std::make_shared<Users>(hub_.users());
    User user = users->default_user();
    user.set_only_password(password);
    users->put(std::move(user));
    hub_.set_users(std::move(users));
  }

  Session& connect() { return *hub_.open("127.0.0.1:50000", "127.0.0.1:6379", 9); }

 private:
  SessionSettings settings_;
  SharedCounters counters_;
  SessionHub hub_;
  Service service_;
};

/// Receives bytes as a driver does, as far as the session wants to read.
inline void receive(Session& session, std::string_view bytes) {
  while (!bytes.empty()) {
    ASSERT_TRUE(session.wants_read());
    const std::span<char> room = session.writable(64);
    const size_t size = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), size);
    session.commit(size);
    bytes.remove_prefix(size);
    session.process();
  }
}

/// Sends all output.
inline std::string sent(Session& session) {
  std::string bytes(session.output());
  session.consumed(bytes.size());
  return bytes;
}

/// What a session with a service that answers at once says to bytes.
inline std::string talk(Session& session, std::string_view bytes) {
  receive(session, bytes);
  return sent(session);
}

/// The same for a line of words.
inline std::string say(Session& session, std::string_view text) {
  return talk(session, line(text));
}

/// The one reply in `bytes`, as a tree.
inline Reply parsed(std::string_view bytes) {
  ReplyParser parser;
  parser.feed(bytes);
  Reply reply;
  EXPECT_EQ(parser.next(reply), ReplyStatus::kReply) << bytes;
  return reply;
}

/// One connection to the trivial service.
class OkTest : public testing::Test {
 protected:
  Worker<OkService> worker_;
  Session& session_ = worker_.connect();
};

}  // namespace kindred
