#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kindred {

struct HttpResponse {
  uint16_t status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::string extra;     // whole header lines, each with CR LF
  bool delayed = false;  // it answers a wrong password: not before kWrongPasswordDelayMs
};

/// A page that consists of one line of `text`.
HttpResponse plain_response(uint16_t status, std::string_view text);

/// The bytes of a response: with `head_only` all but the body, as HEAD wants it.
std::string response_bytes(const HttpResponse& response, bool head_only, bool keeps_alive);

}  // namespace kindred
