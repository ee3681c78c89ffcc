#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "server/transfer/connection.h"
#include "server/transfer/progress.h"

namespace kindred::transfer {

/// A key as it is moved.
struct Item {
  std::string_view key;
  std::string_view value;
  uint64_t expire_at_ms = 0;  // unix; 0: never
};

/// Reads all string keys of a running server that match `pattern`, with SCAN, GET and PTTL, and
/// hands each to `take` at least once; what is written meanwhile may be missed. `page_done` is
/// called between pages and may say stop with false. False where the connection broke or was
/// stopped.
[[nodiscard]] bool read_keys(Connection& source, const std::string& pattern, Progress& progress,
                             const std::function<void(const Item&)>& take,
                             const std::function<bool()>& page_done);

/// How many keys the server says that it has; 0 where it doesn't.
uint64_t count_keys(Connection& source);

/// The words of the command that writes an item.
class SetCommand {
 public:
  /// Views into `item` and this, good until either changes.
  const std::vector<std::string_view>& words(const Item& item);

 private:
  std::string time_;
  std::vector<std::string_view> words_;
};

/// The bytes that a client sends for a command.
void append_command(const std::vector<std::string_view>& words, std::string* out);

}  // namespace kindred::transfer
