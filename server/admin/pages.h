#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "server/access/users.h"
#include "server/admin/http_request.h"
#include "server/admin/http_response.h"
#include "server/figures/figures.h"

namespace kindred {

enum class AdminPage : uint8_t { kIndex, kMetrics, kHealth, kReadiness, kRing };

struct AdminPageSpec {
  AdminPage page;
  std::string_view path;
  std::string_view what;
  /// Who may see it may run this command; none: whoever asks.
  std::string_view command;
};
std::span<const AdminPageSpec> admin_pages();

/// Whom a node's pages are for.
struct AdminAccess {
  const Users* users = nullptr;
  bool needs_login = false;  // pages that have a command ask for a user who may run it
};

/// A request that leads to a page, or the response that it gets instead.
using AdminRoute = std::variant<AdminPage, HttpResponse>;
[[nodiscard]] AdminRoute route_request(const HttpRequest& request, const AdminAccess& access);

/// The response to bytes that are no request that could be read.
[[nodiscard]] HttpResponse refuse_bytes(HttpRequestParser::Progress progress);

/// The pages; each but the first two needs what the node knew at one moment.
[[nodiscard]] HttpResponse index_page();
[[nodiscard]] HttpResponse health_page();
/// `why_not`: empty where the node is ready for clients.
[[nodiscard]] HttpResponse readiness_page(std::string_view why_not);
[[nodiscard]] HttpResponse metrics_page(const NodeFigures& figures);
/// `reply`: RING STATUS in RESP3; empty where the node is in no cluster yet.
[[nodiscard]] HttpResponse ring_page(std::string_view reply);

}  // namespace kindred
