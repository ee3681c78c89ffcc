#include "server/admin/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "protocol/resp/writer.h"

namespace kindred {
namespace {

using testing::HasSubstr;
using testing::Not;

class AdminRoutes : public testing::Test {
 protected:
  AdminRoutes() {
    for (const auto& [name, rules] :
         {std::pair("default", std::vector<std::string_view>{"resetpass", ">right"}),
          std::pair("alice", std::vector<std::string_view>{"on", ">pw", "+info"}),
          std::pair("bob", std::vector<std::string_view>{"off", ">pw", "+@all"})}) {
      EXPECT_EQ(set_user(users_, name, rules), "");
    }
  }

  /// The page's path, or the refusal's status.
  std::string outcome(const HttpRequest& request) {
    const AdminRoute route = route_request(request, {&users_, needs_login_});
    if (const auto* response = std::get_if<HttpResponse>(&route)) {
      last_ = *response;
      return std::to_string(response->status);
    }
    for (const AdminPageSpec& page : admin_pages()) {
      if (page.page == std::get<AdminPage>(route)) {
        return std::string(page.path);
      }
    }
    return "";
  }
  std::string ask(std::string method, std::string_view path, bool has_body = false) {
    HttpRequest request;
    request.method = std::move(method);
    request.path = path;
    request.has_body = has_body;
    return outcome(request);
  }
  std::string get(std::string_view path, std::string authorization = "") {
    HttpRequest request;
    request.method = "GET";
    request.path = path;
    request.authorization = std::move(authorization);
    return outcome(request);
  }

  Users users_;
  bool needs_login_ = false;
  HttpResponse last_;
};

TEST_F(AdminRoutes, LeadToPages) {
  std::set<std::string_view> paths;
  for (const AdminPageSpec& page : admin_pages()) {
    EXPECT_EQ(get(page.path), page.path);
    EXPECT_EQ(ask("HEAD", page.path), page.path);
    EXPECT_TRUE(paths.insert(page.path).second) << page.path;
    EXPECT_THAT(index_page().body, HasSubstr(page.path));
  }
  for (const char* path : {"", "/metrics/", "/METRICS", "/x", "*", "//metrics", "/metrics\""}) {
    EXPECT_EQ(get(path), "404") << path;
  }
}

TEST_F(AdminRoutes, OnlyReadWithoutBodies) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "get", ""}) {
    EXPECT_EQ(ask(method, "/metrics", true), "405") << method;
    EXPECT_EQ(last_.extra, "Allow: GET, HEAD\r\n");
  }
  EXPECT_EQ(ask("GET", "/metrics", true), "413");
}

TEST_F(AdminRoutes, WantAUserWhoMayRunTheCommand) {
  needs_login_ = true;
  const std::string right = "Basic ZGVmYXVsdDpyaWdodA==";  // default:right
  const std::string wrong = "Basic ZGVmYXVsdDp3cm9uZw==";  // default:wrong
  const std::string alice = "Basic YWxpY2U6cHc=";          // alice:pw
  const std::string bob = "Basic Ym9iOnB3";                // bob:pw
  for (const char* path : {"/metrics", "/readyz", "/ring"}) {
    EXPECT_EQ(get(path), "401") << path;
    EXPECT_FALSE(last_.delayed);
    EXPECT_THAT(last_.extra, HasSubstr("WWW-Authenticate: Basic"));
    EXPECT_EQ(get(path, wrong), "401") << path;
    EXPECT_TRUE(last_.delayed);
    EXPECT_EQ(get(path, bob), "401") << path << ": a user who is off";
    EXPECT_EQ(get(path, right), path);
  }
  EXPECT_EQ(get("/metrics", alice), "/metrics");
  EXPECT_EQ(get("/ring", alice), "403");
  EXPECT_EQ(get("/"), "/");
  EXPECT_EQ(get("/healthz"), "/healthz");
  EXPECT_EQ(get("/nothing"), "404");
}

TEST(AdminPages, RefuseBytes) {
  EXPECT_EQ(refuse_bytes(HttpRequestParser::Progress::kTooLarge).status, 431);
  EXPECT_EQ(refuse_bytes(HttpRequestParser::Progress::kMalformed).status, 400);
}

TEST(AdminPages, ReadinessSaysWhyNot) {
  EXPECT_EQ(readiness_page("").status, 200);
  EXPECT_EQ(readiness_page("stopping").status, 503);
  EXPECT_EQ(readiness_page("stopping").body, "stopping\n");
}

TEST(AdminPages, RingIsTheReplyAsJson) {
  EXPECT_EQ(ring_page("").status, 503);
  ReplyWriter reply(RespVersion::kResp3);
  reply.array(1);
  reply.map(3);
  reply.bulk("epoch");
  reply.integer(3);
  reply.bulk("node");
  reply.bulk("a\"\xff");
  reply.bulk("members");
  reply.array(1);
  reply.map(1);
  reply.bulk("zone");
  reply.bulk("z");
  const HttpResponse page = ring_page(reply.view());
  EXPECT_EQ(page.status, 200);
  const auto json = nlohmann::json::parse(page.body);
  EXPECT_EQ(json["epoch"], 3);
  EXPECT_EQ(json["members"][0]["zone"], "z");
  EXPECT_EQ(json["node"], "a\"\xef\xbf\xbd") << "bytes that are no UTF-8 are replaced";
}

TEST(HttpResponses, AreWhole) {
  const HttpResponse response = plain_response(404, "no");
  const std::string bytes = response_bytes(response, false, true);
  EXPECT_THAT(bytes, testing::StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(bytes, HasSubstr("\r\nContent-Length: 3\r\n"));
  EXPECT_THAT(bytes, HasSubstr("\r\nConnection: keep-alive\r\n"));
  EXPECT_THAT(bytes, testing::EndsWith("\r\n\r\nno\n"));
  const std::string head = response_bytes(response, true, false);
  EXPECT_THAT(head, HasSubstr("\r\nContent-Length: 3\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(head, testing::EndsWith("\r\n\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("\r\n\r\nno")));
}

}  // namespace
}  // namespace kindred
