#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp/parser.h"

namespace kindred {

// All that came out of a parser, in order.
struct Outcome {
  std::vector<std::vector<std::string>> requests;
  ParseStatus status = ParseStatus::kNeedMore;
  std::string error;

  bool operator==(const Outcome&) const = default;
};

inline void receive(RequestParser& parser, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto room = parser.writable(bytes.size());
    const size_t size = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), size);
    parser.commit(size);
    bytes.remove_prefix(size);
  }
}

inline void drain(RequestParser& parser, Outcome& outcome) {
  Request request;
  while ((outcome.status = parser.next(request)) == ParseStatus::kRequest) {
    outcome.requests.emplace_back(request.args.begin(), request.args.end());
  }
  outcome.error = parser.error_text();
}

// Feeds `bytes` in pieces that end at the given offsets (ascending), and at the end.
inline Outcome parse_cut(RequestParser& parser, std::string_view bytes,
                         const std::vector<size_t>& cuts) {
  Outcome outcome;
  size_t start = 0;
  const auto feed = [&](size_t end) {
    if (end > start) {
      receive(parser, bytes.substr(start, end - start));
      drain(parser, outcome);
      start = end;
    }
  };
  for (const size_t cut : cuts) {
    feed(std::min(cut, bytes.size()));
  }
  feed(bytes.size());
  return outcome;
}

inline Outcome parse(std::string_view bytes, const RequestLimits& limits = {},
                     bool authenticated = true) {
  RequestParser parser(limits);
  parser.set_authenticated(authenticated);
  return parse_cut(parser, bytes, {});
}

}  // namespace kindred
