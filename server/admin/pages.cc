#include "server/admin/pages.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "protocol/command/command_table.h"
#include "protocol/resp/reply_parser.h"
#include "server/admin/metrics.h"

namespace kindred {

namespace {

constexpr AdminPageSpec kPages[] = {
    {AdminPage::kIndex, "/", "This list.", ""},
    {AdminPage::kMetrics, "/metrics", "What INFO counts, for Prometheus.", "info"},
    {AdminPage::kHealth, "/healthz", "200 while the process runs.", ""},
    {AdminPage::kReadiness, "/readyz",
     "200 while the node is there for clients, else 503 and the reason.", "info"},
    {AdminPage::kRing, "/ring", "RING STATUS as JSON.", "ring|status"},
};

/// The user that the request names, where the password is right.
std::shared_ptr<const User> user_of(const HttpRequest& request, const Users& users) {
  const std::optional<BasicCredentials> given = basic_credentials(request.authorization);
  const std::shared_ptr<const User> user = given ? users.find(given->user) : nullptr;
  return user != nullptr && user->admits(given->password) ? user : nullptr;
}

bool may_run(const User& user, std::string_view command) {
  const std::vector<std::string_view> words = words_of(command, "|");
  const CommandSpec* spec = find_command_by_full_name(command);
  return spec != nullptr && user.check(*spec, words).denial == Denial::kNone;
}

HttpResponse ask_for_login(const HttpRequest& request) {
  HttpResponse response = plain_response(401, "This page needs the name and password of a user");
  response.extra = "WWW-Authenticate: Basic realm=\"Kindred\", charset=\"UTF-8\"\r\n";
  response.delayed = !request.authorization.empty();
  return response;
}

nlohmann::ordered_json json_of(const Reply& reply) {
  using Json = nlohmann::ordered_json;
  switch (reply.type) {
    case ReplyType::kInteger:
      return reply.integer;
    case ReplyType::kDouble:
      return reply.number;
    case ReplyType::kBoolean:
      return reply.integer != 0;
    case ReplyType::kNull:
    case ReplyType::kNullArray:
      return nullptr;
    case ReplyType::kMap: {
      Json object = Json::object();
      for (size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
        object[reply.elements[i].text] = json_of(reply.elements[i + 1]);
      }
      return object;
    }
    case ReplyType::kArray:
    case ReplyType::kSet:
    case ReplyType::kPush: {
      Json array = Json::array();
      for (const Reply& element : reply.elements) {
        array.push_back(json_of(element));
      }
      return array;
    }
    case ReplyType::kSimpleString:
    case ReplyType::kError:
    case ReplyType::kBulk:
    case ReplyType::kVerbatim:
    case ReplyType::kBigNumber:
      break;
  }
  return reply.text;
}

}  // namespace

std::span<const AdminPageSpec> admin_pages() {
  return kPages;
}

AdminRoute route_request(const HttpRequest& request, const AdminAccess& access) {
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse response = plain_response(405, "Only GET and HEAD are answered");
    response.extra = "Allow: GET, HEAD\r\n";
    return response;
  }
  if (request.has_body) {
    return plain_response(413, "Requests have no bodies here");
  }
  const auto* const page =
      std::find_if(std::begin(kPages), std::end(kPages),
                   [&](const AdminPageSpec& spec) { return spec.path == request.path; });
  if (page == std::end(kPages)) {
    return plain_response(404, "There is no such page; / lists those that there are");
  }
  if (access.needs_login && !page->command.empty()) {
    const std::shared_ptr<const User> user = user_of(request, *access.users);
    if (user == nullptr) {
      return ask_for_login(request);
    }
    if (!may_run(*user, page->command)) {
      return plain_response(403, "This user may not run the command that this page is for");
    }
  }
  return page->page;
}

HttpResponse refuse_bytes(HttpRequestParser::Progress progress) {
  return progress == HttpRequestParser::Progress::kTooLarge
             ? plain_response(431, "A request's head may have 8192 bytes")
             : plain_response(400, "That is no request of HTTP/1.1");
}

HttpResponse index_page() {
  HttpResponse response;
  response.content_type = "text/html; charset=utf-8";
  response.body =
      "<!DOCTYPE html>\n<html lang=\"en\"><title>Kindred</title>\n<h1>Kindred</h1>\n<ul>\n";
  for (const AdminPageSpec& page : kPages) {
    response.body.append("<li><a href=\"").append(page.path).append("\">").append(page.path);
    response.body.append("</a> ").append(page.what).append("</li>\n");
  }
  response.body += "</ul>\n</html>\n";
  return response;
}

HttpResponse health_page() {
  return plain_response(200, "ok");
}

HttpResponse readiness_page(std::string_view why_not) {
  return why_not.empty() ? plain_response(200, "ready") : plain_response(503, why_not);
}

HttpResponse metrics_page(const NodeFigures& figures) {
  HttpResponse response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = metrics_text(figures);
  return response;
}

HttpResponse ring_page(std::string_view reply) {
  ReplyParser parser;
  parser.feed(reply);
  Reply status;
  if (parser.next(status) != ReplyStatus::kReply || status.elements.size() != 1) {
    return plain_response(503, "This node is in no cluster yet");
  }
  HttpResponse response;
  response.content_type = "application/json";
  // Names may hold any bytes; JSON may not.
  response.body = json_of(status.elements.front())
                      .dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
                  "\n";
  return response;
}

}  // namespace kindred
