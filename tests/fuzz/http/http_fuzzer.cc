// Requests' heads may be any bytes. However they are cut into pieces, the same requests come of
// them; each leads to a page or to a refusal.

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "server/admin/pages.h"

namespace kindred {
namespace {

using Progress = HttpRequestParser::Progress;

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

struct Read {
  std::vector<HttpRequest> requests;
  bool is_refused = false;
};

Read read(std::string_view text, size_t piece_bytes) {
  Read result;
  HttpRequestParser parser;
  while (!text.empty() && !result.is_refused) {
    const std::string_view piece = text.substr(0, piece_bytes);
    text.remove_prefix(piece.size());
    parser.feed(piece);
    HttpRequest request;
    Progress progress = parser.next(&request);
    while (progress == Progress::kRequest) {
      result.requests.push_back(request);
      progress = parser.next(&request);
    }
    result.is_refused = progress != Progress::kMore;
    require(result.is_refused || parser.unread_bytes() <= HttpRequestParser::kHeadBytesMax);
  }
  return result;
}

void check(std::string_view text) {
  const Read whole = read(text, text.size());
  const Read parts = read(text, 1);
  // What comes in pieces is looked at once its head is whole.
  require(whole.is_refused || !parts.is_refused);
  require(whole.requests.size() == parts.requests.size());
  const Users users;
  for (size_t i = 0; i < whole.requests.size(); ++i) {
    const HttpRequest& request = whole.requests[i];
    require(request.method == parts.requests[i].method);
    require(request.path == parts.requests[i].path);
    require(request.authorization == parts.requests[i].authorization);
    require(request.has_body == parts.requests[i].has_body);
    for (const bool needs_login : {false, true}) {
      const AdminRoute route = route_request(request, {&users, needs_login});
      if (const auto* refusal = std::get_if<HttpResponse>(&route)) {
        require(refusal->status >= 400 && refusal->status < 500);
      }
    }
  }
}

}  // namespace
}  // namespace kindred

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kindred::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
