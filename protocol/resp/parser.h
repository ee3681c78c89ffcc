#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kindred {

// What a client may send. Shared by the parsers of a loop, so that CONFIG SET reaches them all;
// read when a header is parsed, on the parser's thread.
struct RequestLimits {
  int64_t proto_max_bulk_len = int64_t{512} * 1024 * 1024;
  size_t query_buffer_limit = size_t{1024} * 1024 * 1024;  // bytes of one request
};

// The arguments of one request, command name first, never empty. The span is valid until the next
// call of RequestParser::next, the bytes behind the views until the next call of writable or
// shrink_idle: a pipeline can be executed out of one read.
struct Request {
  std::span<const std::string_view> args;
};

enum class ParseStatus : uint8_t {
  kRequest,        // a request was parsed
  kNeedMore,       // read more bytes
  kError,          // send error_text() as an error reply, then close
  kCloseSilently,  // close without a reply; error_text() is for the log
};

// An incremental parser of RESP requests and inline commands that owns its receive buffer and
// copies no argument: the read() goes into writable(), the arguments are views of it. The same
// bytes give the same requests and errors however they are cut into reads.
//
// Memory: the buffer never grows by more than max(64 KiB, twice the bytes received of the current
// request) beyond these bytes and the room asked for, however long a bulk is announced.
//
// One owner, one thread. Source: https://redis.io/docs/reference/protocol-spec/.
class RequestParser {
 public:
  // `limits` outlives the parser.
  explicit RequestParser(const RequestLimits& limits);
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // Room at the end of the buffer: at least `min_bytes`, more if there is more or if a long bulk is
  // on its way, less (but never none) where it takes the rest of such a bulk. Ends the life of all
  // views handed out.
  [[nodiscard]] std::span<char> writable(size_t min_bytes);

  // Says that the first `size` bytes of the last writable() were filled.
  void commit(size_t size);

  // Parses the next request. After kError or kCloseSilently it answers the same for ever.
  [[nodiscard]] ParseStatus next(Request& request);

  // "ERR Protocol error: ..." after kError, a reason after kCloseSilently. Lives as long as the
  // parser.
  std::string_view error_text() const { return error_text_; }

  // Until a client has authenticated (where that is required) it may send 10 arguments of 16 KiB a
  // request. True from the start.
  void set_authenticated(bool authenticated) { authenticated_ = authenticated; }

  // Bytes received and not yet handed out as requests.
  size_t buffered_bytes() const { return end_ - begin_; }
  // Bytes allocated for the receive buffer and the argument views.
  size_t capacity_bytes() const;

  // Frees the memory beyond `retain_bytes` if nothing is buffered. Ends the life of all views.
  void shrink_idle(size_t retain_bytes = 0);

 private:
  enum class Step : uint8_t { kDone, kNeedMore, kFailed };

  Step parse_inline();
  Step parse_multibulk();
  Step parse_multibulk_length();
  Step parse_bulk_length(int64_t& length);
  // Reads "<type><decimal>\r\n" at pos_ and moves behind it; kFailed (too long) carries no text.
  Step parse_length_line(int64_t& value);
  Step find_header_end(size_t& length);
  Step fail(std::string_view text);
  ParseStatus close_silently(std::string_view reason);
  ParseStatus finish_request(Request& request);
  ParseStatus refuse();
  ParseStatus wait_for_more();
  bool exceeds_request_limit(size_t bytes) const;
  bool holds_rest_of_bulk() const;
  size_t wanted_capacity(size_t min_bytes) const;
  void relocate(size_t capacity);

  const RequestLimits& limits_;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t begin_ = 0;    // start of the request being parsed
  size_t pos_ = 0;      // next byte to parse
  size_t end_ = 0;      // end of the received bytes
  size_t scanned_ = 0;  // bytes behind pos_ known to hold no line end
  int64_t args_left_ = 0;
  int64_t bulk_length_ = -1;  // of the announced bulk at pos_, or -1
  std::vector<std::string_view> args_;
  bool authenticated_ = true;
  ParseStatus failure_ = ParseStatus::kRequest;  // kError or kCloseSilently once it failed
  std::string error_text_;
};

}  // namespace kindred
