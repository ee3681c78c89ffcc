#include "protocol/resp/parser.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <memory>

#include "protocol/resp/ascii.h"
#include "protocol/resp/inline_request.h"
#include "protocol/resp/number.h"

namespace kindred {

namespace {

constexpr size_t kMaxLineBytes = size_t{64} * 1024;  // an inline command, or a header
constexpr size_t kMinGrowthBytes = size_t{64} * 1024;
constexpr size_t kMinCapacity = 1024;
// A partial request up to this size is moved to the buffer's start rather than given a new buffer.
constexpr size_t kCheapMoveBytes = size_t{4} * 1024;
constexpr int64_t kUnauthenticatedArgs = 10;
constexpr int64_t kUnauthenticatedBulkBytes = int64_t{16} * 1024;
constexpr size_t kUnauthenticatedRequestBytes = size_t{256} * 1024;
constexpr std::ptrdiff_t kShortHeaderWindow = 12;
constexpr size_t kRetainedArgs = 1024;
constexpr std::string_view kTooLongRequest = "request longer than the query buffer limit";

// The first words of an HTTP request that a browser can be tricked into sending.
bool is_cross_protocol(std::string_view name) {
  return (name.size() == 4 && equals_ignoring_case(name, "post")) ||
         (name.size() == 5 && equals_ignoring_case(name, "host:"));
}

// Reads a header of one to nine digits, as nearly every one is, without looking for its end first:
// returns the byte behind it, or null if it is anything else. Reads up to kShortHeaderWindow bytes.
[[gnu::always_inline]] inline const char* read_short_header(const char* at, char type,
                                                            int64_t& value) {
  auto digit = static_cast<unsigned>(at[1] - '0');
  if (at[0] != type || digit - 1 > 8) {
    return nullptr;
  }
  const char* const last = at + 10;
  int64_t number = digit;
  at += 2;
  while ((digit = static_cast<unsigned>(*at - '0')) <= 9) {
    if (at == last) {
      return nullptr;
    }
    number = number * 10 + digit;
    ++at;
  }
  value = number;
  return *at == '\r' ? at + 2 : nullptr;
}

}  // namespace

RequestParser::RequestParser(const RequestLimits& limits) : limits_(limits) {}

std::span<char> RequestParser::writable(size_t min_bytes) {
  min_bytes = std::max<size_t>(min_bytes, 1);
  if (begin_ == end_) {
    begin_ = pos_ = end_ = 0;
    if (args_.capacity() > kRetainedArgs) {
      std::vector<std::string_view>().swap(args_);
    }
  }
  const size_t tail = capacity_ - end_;
  if (tail < min_bytes && !holds_rest_of_bulk()) {
    const size_t live = end_ - begin_;
    const size_t wanted = wanted_capacity(min_bytes);
    const bool cheap_move = live <= begin_ || live <= kCheapMoveBytes;
    if (wanted <= capacity_ && cheap_move) {
      relocate(capacity_);
    } else {
      relocate(std::max({wanted, live + live / 2 + min_bytes, kMinCapacity}));
    }
  }
  return {buffer_.get() + end_, capacity_ - end_};
}

// Whether the tail of the buffer takes all that a long bulk still lacks: it must not be copied for
// the sake of a few bytes behind it.
bool RequestParser::holds_rest_of_bulk() const {
  return bulk_length_ >= 0 && end_ - begin_ >= kMinGrowthBytes && capacity_ > end_ &&
         static_cast<size_t>(bulk_length_) + 2 <= capacity_ - pos_;
}

// What the request being received needs of the buffer, as far as it may be granted in advance.
size_t RequestParser::wanted_capacity(size_t min_bytes) const {
  const size_t live = end_ - begin_;
  if (bulk_length_ < 0) {
    return live + min_bytes;
  }
  const size_t needed = pos_ - begin_ + static_cast<size_t>(bulk_length_) + 2;
  const size_t granted = live + std::max(kMinGrowthBytes, 2 * live);
  return std::max(live + min_bytes, std::min(needed, granted));
}

// Moves the current request to the start of a buffer of `capacity` bytes, its views with it.
void RequestParser::relocate(size_t capacity) {
  const size_t live = end_ - begin_;
  char* const source = buffer_.get() + begin_;
  std::unique_ptr<char[]> fresh;
  if (capacity != capacity_) {
    fresh = std::make_unique_for_overwrite<char[]>(capacity);
  }
  char* const target = fresh != nullptr ? fresh.get() : buffer_.get();
  if (live > 0) {
    std::memmove(target, source, live);
  }
  if (args_left_ > 0) {
    for (std::string_view& arg : args_) {
      arg = {target + (arg.data() - source), arg.size()};
    }
  }
  if (fresh != nullptr) {
    buffer_ = std::move(fresh);
    capacity_ = capacity;
  }
  pos_ -= begin_;
  begin_ = 0;
  end_ = live;
}

void RequestParser::commit(size_t size) {
  end_ += std::min(size, capacity_ - end_);
}

size_t RequestParser::capacity_bytes() const {
  return capacity_ + args_.capacity() * sizeof(std::string_view);
}

void RequestParser::shrink_idle(size_t retain_bytes) {
  if (begin_ != end_ || capacity_bytes() <= retain_bytes) {
    return;
  }
  buffer_.reset();
  capacity_ = begin_ = pos_ = end_ = 0;
  std::vector<std::string_view>().swap(args_);
}

inline bool RequestParser::exceeds_request_limit(size_t bytes) const {
  return bytes > limits_.query_buffer_limit ||
         (!authenticated_ && bytes > kUnauthenticatedRequestBytes);
}

ParseStatus RequestParser::next(Request& request) {
  if (failure_ != ParseStatus::kRequest) [[unlikely]] {
    return failure_;
  }
  for (;;) {
    Step step;
    if (args_left_ == 0) {
      begin_ = pos_;
      if (pos_ == end_) {
        return ParseStatus::kNeedMore;
      }
      args_.clear();
      step = buffer_[pos_] == '*' ? parse_multibulk_length() : parse_inline();
    } else {
      step = Step::kDone;
    }
    if (step == Step::kDone && args_left_ > 0) {
      step = parse_multibulk();
    }
    if (step == Step::kNeedMore) {
      return wait_for_more();
    }
    if (step == Step::kFailed) {
      return refuse();
    }
    if (!args_.empty()) {
      return finish_request(request);
    }
  }
}

ParseStatus RequestParser::finish_request(Request& request) {
  if (exceeds_request_limit(pos_ - begin_)) {
    return close_silently(kTooLongRequest);
  }
  if (is_cross_protocol(args_.front())) {
    return close_silently("possible cross protocol attack (HTTP)");
  }
  begin_ = pos_;
  request.args = args_;
  return ParseStatus::kRequest;
}

// What ends a request that is over-long anyway must not depend on how much of it arrived at once.
ParseStatus RequestParser::refuse() {
  if (exceeds_request_limit(pos_ + scanned_ - begin_)) {
    return close_silently(kTooLongRequest);
  }
  return failure_;
}

ParseStatus RequestParser::wait_for_more() {
  if (exceeds_request_limit(end_ - begin_)) {
    return close_silently(kTooLongRequest);
  }
  return ParseStatus::kNeedMore;
}

RequestParser::Step RequestParser::fail(std::string_view text) {
  error_text_ = "ERR Protocol error: ";
  error_text_ += text;
  failure_ = ParseStatus::kError;
  return Step::kFailed;
}

ParseStatus RequestParser::close_silently(std::string_view reason) {
  error_text_ = reason;
  failure_ = ParseStatus::kCloseSilently;
  return failure_;
}

RequestParser::Step RequestParser::parse_inline() {
  char* const line = buffer_.get() + pos_;
  // A line is over-long when its first 64 KiB + 1 bytes hold no line feed, even if one follows in
  // the same read: the verdict must not depend on how the bytes were cut.
  const size_t window = std::min(end_ - pos_, kMaxLineBytes + 1);
  const auto* feed =
      static_cast<const char*>(std::memchr(line + scanned_, '\n', window - scanned_));
  bool hidden = false;
  // Redis looks for the line feed as C does, so a NUL hides it; its own tests rely on that.
  if (feed != nullptr && std::memchr(line, '\0', static_cast<size_t>(feed - line)) != nullptr) {
    feed = nullptr;
    hidden = true;
  }
  if (feed == nullptr) {
    if (window > kMaxLineBytes) {
      scanned_ = window;
      return fail("too big inline request");
    }
    scanned_ = hidden ? 0 : window;
    return Step::kNeedMore;
  }
  scanned_ = 0;
  size_t length = static_cast<size_t>(feed - line);
  pos_ += length + 1;
  if (length > 0 && line[length - 1] == '\r') {
    --length;
  }
  return split_inline_request(line, length, args_) ? Step::kDone
                                                   : fail("unbalanced quotes in request");
}

// Finds the line that starts at pos_: `length` is the offset of its '\r', which with one byte more
// is in the buffer. kFailed, without a text, if the line is longer than a header may be.
RequestParser::Step RequestParser::find_header_end(size_t& length) {
  const char* const line = buffer_.get() + pos_;
  const size_t available = end_ - pos_;
  const size_t window = std::min(available, kMaxLineBytes + 1);
  const auto* end = static_cast<const char*>(std::memchr(line + scanned_, '\r', window - scanned_));
  if (end == nullptr) {
    scanned_ = window;
    return window > kMaxLineBytes ? Step::kFailed : Step::kNeedMore;
  }
  length = static_cast<size_t>(end - line);
  return length + 2 <= available ? Step::kDone : Step::kNeedMore;
}

RequestParser::Step RequestParser::parse_length_line(int64_t& value) {
  const char* const line = buffer_.get() + pos_;
  size_t length = 0;
  const Step step = find_header_end(length);
  if (step != Step::kDone) {
    return step;
  }
  scanned_ = 0;
  pos_ += length + 2;
  // What is no number becomes one that every caller refuses.
  const std::string_view digits = std::string_view(line, length).substr(length > 0 ? 1 : 0);
  value = parse_int64(digits).value_or(INT64_MAX);
  return Step::kDone;
}

RequestParser::Step RequestParser::parse_multibulk_length() {
  int64_t count = 0;
  const char* const line = buffer_.get() + pos_;
  const char* const behind = end_ - pos_ >= static_cast<size_t>(kShortHeaderWindow)
                                 ? read_short_header(line, '*', count)
                                 : nullptr;
  if (behind != nullptr) [[likely]] {
    pos_ += static_cast<size_t>(behind - line);
    scanned_ = 0;
  } else {
    const Step step = parse_length_line(count);
    if (step != Step::kDone) {
      return step == Step::kFailed ? fail("too big mbulk count string") : step;
    }
  }
  if (count > INT_MAX) {
    return fail("invalid multibulk length");
  }
  if (!authenticated_ && count > kUnauthenticatedArgs) {
    return fail("unauthenticated multibulk length");
  }
  args_left_ = std::max<int64_t>(count, 0);
  bulk_length_ = -1;
  return Step::kDone;
}

RequestParser::Step RequestParser::parse_bulk_length(int64_t& length) {
  if (pos_ == end_) {
    return Step::kNeedMore;
  }
  const char type = buffer_[pos_];
  const Step step = parse_length_line(length);
  if (step == Step::kNeedMore) {
    return step;
  }
  if (step == Step::kFailed) {
    return fail("too big bulk count string");
  }
  if (type != '$') {
    return fail(std::string("expected '$', got '") + type + "'");
  }
  // The comparison also refuses what could not be read, whatever the limit.
  if (length < 0 || length > limits_.proto_max_bulk_len || length == INT64_MAX) {
    return fail("invalid bulk length");
  }
  if (!authenticated_ && length > kUnauthenticatedBulkBytes) {
    return fail("unauthenticated bulk length");
  }
  return Step::kDone;
}

RequestParser::Step RequestParser::parse_multibulk() {
  const char* const buffer = buffer_.get();
  const char* const end = buffer + end_;
  const char* at = buffer + pos_;
  const int64_t max_length = authenticated_
                                 ? limits_.proto_max_bulk_len
                                 : std::min(limits_.proto_max_bulk_len, kUnauthenticatedBulkBytes);
  int64_t length = bulk_length_;
  int64_t args_left = args_left_;
  for (; args_left > 0; --args_left, length = -1) {
    if (length < 0) {
      const char* const bulk =
          end - at >= kShortHeaderWindow ? read_short_header(at, '$', length) : nullptr;
      if (bulk != nullptr && length <= max_length) [[likely]] {
        at = bulk;
        scanned_ = 0;
      } else {
        pos_ = static_cast<size_t>(at - buffer);
        const Step step = parse_bulk_length(length);
        if (step != Step::kDone) {
          bulk_length_ = -1;
          args_left_ = args_left;
          return step;
        }
        at = buffer + pos_;
      }
    }
    if (end - at < length + 2) {
      bulk_length_ = length;
      args_left_ = args_left;
      pos_ = static_cast<size_t>(at - buffer);
      return Step::kNeedMore;
    }
    args_.emplace_back(at, static_cast<size_t>(length));
    at += length + 2;
  }
  bulk_length_ = -1;
  args_left_ = 0;
  pos_ = static_cast<size_t>(at - buffer);
  return Step::kDone;
}

}  // namespace kindred
