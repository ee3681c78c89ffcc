#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace kindred {

/// The head of an HTTP request, as far as the admin pages look at it.
struct HttpRequest {
  std::string method;
  std::string path;           // without its query
  std::string authorization;  // the header's value
  bool keeps_alive = false;
  bool has_body = false;
};

/// Name and password as the header's value has them in HTTP's Basic scheme (RFC 7617).
struct BasicCredentials {
  std::string user;
  std::string password;
};
std::optional<BasicCredentials> basic_credentials(std::string_view authorization);

/// Reads the heads of requests as their bytes come (RFC 9112). One owner, one thread.
class HttpRequestParser {
 public:
  static constexpr size_t kHeadBytesMax = 8192;

  enum class Progress : uint8_t {
    kMore,      // bytes are missing
    kRequest,   // `*request` is one; call next() for the one after it
    kTooLarge,  // neither this nor anything after it can be read, as below
    kMalformed,
  };

  HttpRequestParser();
  ~HttpRequestParser();
  HttpRequestParser(const HttpRequestParser&) = delete;
  HttpRequestParser& operator=(const HttpRequestParser&) = delete;

  /// Bytes to be read; what a request leaves unread stays for the next one.
  void feed(std::string_view bytes) { unread_.append(bytes); }
  [[nodiscard]] Progress next(HttpRequest* request);
  size_t unread_bytes() const { return unread_.size(); }

 private:
  struct Head;

  std::unique_ptr<Head> head_;  // the one that is being read
  std::string unread_;
};

}  // namespace kindred
