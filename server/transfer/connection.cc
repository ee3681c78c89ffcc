#include "server/transfer/connection.h"

#include <sys/time.h>

namespace kindred::transfer {

namespace {
constexpr timeval kConnectTimeout{5, 0};
constexpr timeval kAnswerTimeout{60, 0};
}  // namespace

std::unique_ptr<Connection> Connection::open(const Endpoint& endpoint, std::string* error) {
  redisContext* context =
      redisConnectWithTimeout(endpoint.host.c_str(), endpoint.port, kConnectTimeout);
  if (context == nullptr) {
    *error = "out of memory";
    return nullptr;
  }
  std::unique_ptr<Connection> connection(new Connection(context));
  const std::string place = endpoint.host + ":" + std::to_string(endpoint.port);
  if (context->err != 0 || redisSetTimeout(context, kAnswerTimeout) != REDIS_OK) {
    *error = "can't connect to " + place + ": " + context->errstr;
    return nullptr;
  }
  if (!endpoint.password.empty()) {
    std::vector<std::string_view> words = {"AUTH"};
    if (!endpoint.user.empty()) {
      words.emplace_back(endpoint.user);
    }
    words.emplace_back(endpoint.password);
    const Reply reply = connection->ask(words);
    if (reply == nullptr || reply->type == REDIS_REPLY_ERROR) {
      *error = place + " refuses the password: " +
               (reply == nullptr ? connection->error() : std::string(text_of(*reply)));
      return nullptr;
    }
  }
  return connection;
}

Connection::~Connection() {
  redisFree(context_);
}

void Connection::append(const std::vector<std::string_view>& words) {
  std::vector<const char*> starts;
  std::vector<size_t> sizes;
  for (const std::string_view word : words) {
    starts.push_back(word.data());
    sizes.push_back(word.size());
  }
  // It fails where memory runs out, and says so at the next read.
  static_cast<void>(redisAppendCommandArgv(context_, static_cast<int>(words.size()), starts.data(),
                                           sizes.data()));
}

Reply Connection::read() {
  void* reply = nullptr;
  if (redisGetReply(context_, &reply) != REDIS_OK) {
    return nullptr;
  }
  return Reply(static_cast<redisReply*>(reply));
}

Reply Connection::ask(const std::vector<std::string_view>& words) {
  append(words);
  return read();
}

}  // namespace kindred::transfer
