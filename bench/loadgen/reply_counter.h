#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace kindred::bench {

// Counts whole RESP2 replies in a byte stream without keeping them. Knows what the measured
// commands answer: lines and bulk strings, no arrays.
class ReplyCounter {
 public:
  // Takes the next bytes of the stream; returns how many replies ended in them.
  uint64_t feed(std::string_view bytes) {
    uint64_t ended = 0;
    while (!bytes.empty()) {
      if (bulk_left_ > 0) {
        const size_t taken = std::min(bulk_left_, bytes.size());
        bytes.remove_prefix(taken);
        bulk_left_ -= taken;
        ended += bulk_left_ == 0 ? 1 : 0;
        continue;
      }
      const size_t end = bytes.find('\n');
      line_.append(bytes.substr(0, std::min(end, bytes.size())));
      if (end == std::string_view::npos) {
        break;
      }
      bytes.remove_prefix(end + 1);
      ended += finish_line();
    }
    return ended;
  }

  [[nodiscard]] uint64_t errors() const { return errors_; }
  [[nodiscard]] const std::string& first_error() const { return first_error_; }

 private:
  // 1 if the line was a whole reply, 0 if a bulk string follows it.
  uint64_t finish_line() {
    if (!line_.empty() && line_.back() == '\r') {
      line_.pop_back();
    }
    const char kind = line_.empty() ? '\0' : line_.front();
    int64_t length = -1;
    if (kind == '$') {
      std::from_chars(line_.data() + 1, line_.data() + line_.size(), length);
    } else if (kind != '+' && kind != ':') {
      note_error();
    }
    line_.clear();
    if (length < 0) {
      return 1;
    }
    bulk_left_ = static_cast<size_t>(length) + 2;
    return 0;
  }

  void note_error() {
    if (errors_++ == 0) {
      first_error_ = line_;
    }
  }

  std::string line_;
  size_t bulk_left_ = 0;
  uint64_t errors_ = 0;
  std::string first_error_;
};

}  // namespace kindred::bench
