#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp/parser.h"
#include "protocol/resp/reply_parser.h"

// Hostile requests and replies. However the bytes are cut, the request parser gives the same
// requests and the same end, its memory stays bounded, and its views lie in what was received.
// The first bytes of an input choose the limits and where the rest is cut.

namespace kindred {
namespace {

constexpr size_t kReadBytes = 512;

void check(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "violated: %s\n", what);
    std::abort();
  }
}

struct Setup {
  RequestLimits limits;
  bool authenticated = true;
  uint8_t stride = 1;
};

struct Outcome {
  std::vector<std::string> args;  // of all requests, an empty mark between them
  ParseStatus status = ParseStatus::kNeedMore;
  std::string error;
  bool operator==(const Outcome&) const = default;
};

void check_memory(const RequestParser& parser, size_t live_before, size_t args_seen) {
  // Argument views are 16 bytes, at least 6 bytes arrive for each, and their vector doubles.
  const size_t views = std::max<size_t>(args_seen, 1024) * 2 * sizeof(std::string_view);
  const size_t room = std::max<size_t>(64 * 1024, 2 * live_before) + kReadBytes + 1024;
  check(parser.capacity_bytes() <= 2 * live_before + room + views, "memory is bounded");
}

Outcome run(std::string_view bytes, const Setup& setup, size_t stride) {
  RequestParser parser(setup.limits);
  parser.set_authenticated(setup.authenticated);
  Outcome outcome;
  size_t peak = 0;
  const size_t all_bytes = bytes.size();
  while (!bytes.empty() && outcome.status == ParseStatus::kNeedMore) {
    const size_t want = std::min(stride, bytes.size());
    const auto room = parser.writable(std::min(want, kReadBytes));
    check(!room.empty(), "there is room");
    const size_t size = std::min(room.size(), want);
    std::memcpy(room.data(), bytes.data(), size);
    parser.commit(size);
    bytes.remove_prefix(size);
    peak = std::max(peak, parser.buffered_bytes());
    check_memory(parser, peak, all_bytes / 6);
    Request request;
    while ((outcome.status = parser.next(request)) == ParseStatus::kRequest) {
      check(!request.args.empty(), "a request has a name");
      outcome.args.emplace_back("request");
      outcome.args.insert(outcome.args.end(), request.args.begin(), request.args.end());
    }
    outcome.error = parser.error_text();
  }
  return outcome;
}

void check_replies(std::string_view bytes, size_t stride) {
  const auto count_replies = [&](size_t piece) {
    ReplyParser parser;
    size_t count = 0;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      parser.feed(bytes.substr(at, piece));
      Reply reply;
      while (parser.next(reply) == ReplyStatus::kReply) {
        ++count;
      }
    }
    return count;
  };
  check(count_replies(std::max<size_t>(bytes.size(), 1)) == count_replies(stride),
        "replies do not depend on cuts");
}

}  // namespace
}  // namespace kindred

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kindred;
  if (size < 2) {
    return 0;
  }
  Setup setup;
  setup.authenticated = (data[0] & 1) == 0;
  if ((data[0] & 2) != 0) {
    setup.limits.proto_max_bulk_len = 64;
  }
  if ((data[0] & 4) != 0) {
    setup.limits.query_buffer_limit = 128;
  }
  const size_t stride = size_t{data[1]} + 1;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Outcome whole = run(bytes, setup, bytes.size());
  check(whole == run(bytes, setup, 1), "requests do not depend on cuts (single bytes)");
  check(whole == run(bytes, setup, stride), "requests do not depend on cuts (strides)");
  check_replies(bytes, stride);
  return 0;
}
