#include "server/admin/http_response.h"

#include <ostream>  // that the next one takes for granted

#include <boost/beast/http/status.hpp>

namespace kindred {

HttpResponse plain_response(uint16_t status, std::string_view text) {
  HttpResponse response;
  response.status = status;
  response.body.assign(text).append("\n");
  return response;
}

std::string response_bytes(const HttpResponse& response, bool head_only, bool keeps_alive) {
  const auto reason =
      boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(response.status));
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out.append(reason.data(), reason.size()).append("\r\n");
  out.append("Content-Type: ").append(response.content_type).append("\r\n");
  out.append("Content-Length: ").append(std::to_string(response.body.size())).append("\r\n");
  out.append("Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
  out.append(response.extra);
  out.append(keeps_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
  if (!head_only) {
    out.append(response.body);
  }
  return out;
}

}  // namespace kindred
