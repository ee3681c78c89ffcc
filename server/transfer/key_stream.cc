#include "server/transfer/key_stream.h"

#include <algorithm>
#include <chrono>

namespace kindred::transfer {

namespace {

constexpr std::string_view kKeysAPage = "1000";

uint64_t unix_ms() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

/// Asks for all keys of a page at once. False where the connection broke.
bool read_page(Connection& source, const redisReply& keys, Progress& progress,
               const std::function<void(const Item&)>& take) {
  for (size_t i = 0; i < keys.elements; ++i) {
    const std::string_view key = text_of(*keys.element[i]);
    source.append({"GET", key});
    source.append({"PTTL", key});
  }
  for (size_t i = 0; i < keys.elements; ++i) {
    const Reply value = source.read();
    const Reply lifetime = source.read();
    if (value == nullptr || lifetime == nullptr) {
      return false;
    }
    const std::string_view key = text_of(*keys.element[i]);
    const bool is_gone = value->type == REDIS_REPLY_NIL ||
                         (lifetime->type == REDIS_REPLY_INTEGER && lifetime->integer == -2);
    if (is_gone) {
      continue;  // deleted or expired meanwhile
    }
    if (value->type != REDIS_REPLY_STRING) {
      const bool is_other_type = text_of(*value).starts_with("WRONGTYPE");
      (is_other_type ? progress.skipped(std::string(key) + ": not a string")
                     : progress.failed(std::string(key) + ": " + std::string(text_of(*value))));
      continue;
    }
    if (lifetime->type != REDIS_REPLY_INTEGER) {
      progress.failed(std::string(key) + ": " + std::string(text_of(*lifetime)));
      continue;
    }
    Item item{key, text_of(*value), 0};
    if (lifetime->integer >= 0) {
      item.expire_at_ms = unix_ms() + static_cast<uint64_t>(lifetime->integer);
    }
    take(item);
  }
  return true;
}

}  // namespace

bool read_keys(Connection& source, const std::string& pattern, Progress& progress,
               const std::function<void(const Item&)>& take,
               const std::function<bool()>& page_done) {
  std::string cursor = "0";
  do {
    const Reply page = source.ask({"SCAN", cursor, "MATCH", pattern, "COUNT", kKeysAPage});
    if (page == nullptr) {
      return false;
    }
    if (page->type != REDIS_REPLY_ARRAY || page->elements != 2 ||
        page->element[1]->type != REDIS_REPLY_ARRAY) {
      progress.failed("SCAN: " + std::string(text_of(*page)));
      return false;
    }
    cursor = text_of(*page->element[0]);
    if (!read_page(source, *page->element[1], progress, take) || !page_done()) {
      return false;
    }
  } while (cursor != "0");
  return true;
}

uint64_t count_keys(Connection& source) {
  const Reply reply = source.ask({"DBSIZE"});
  const bool is_number = reply != nullptr && reply->type == REDIS_REPLY_INTEGER;
  return is_number ? static_cast<uint64_t>(std::max(reply->integer, 0LL)) : 0;
}

const std::vector<std::string_view>& SetCommand::words(const Item& item) {
  words_ = {"SET", item.key, item.value};
  if (item.expire_at_ms != 0) {
    time_ = std::to_string(item.expire_at_ms);
    words_.insert(words_.end(), {"PXAT", time_});
  }
  return words_;
}

void append_command(const std::vector<std::string_view>& words, std::string* out) {
  *out += "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    *out += "$" + std::to_string(word.size()) + "\r\n";
    out->append(word).append("\r\n");
  }
}

}  // namespace kindred::transfer
