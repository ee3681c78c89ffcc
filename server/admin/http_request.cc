#include "server/admin/http_request.h"

#include <openssl/evp.h>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>

namespace kindred {

namespace http = boost::beast::http;

struct HttpRequestParser::Head {
  http::request_parser<http::empty_body> parser;
  size_t bytes = 0;

  Head() {
    parser.header_limit(kHeadBytesMax);
    parser.body_limit(UINT64_MAX);  // whether there may be a body is judged elsewhere
  }
};

HttpRequestParser::HttpRequestParser() : head_(std::make_unique<Head>()) {}
HttpRequestParser::~HttpRequestParser() = default;

namespace {

std::string text_of(boost::beast::string_view text) {
  return std::string(text.data(), text.size());
}

bool is_one_letter_case(std::string_view text, std::string_view word) {
  return boost::beast::iequals({text.data(), text.size()}, {word.data(), word.size()});
}

}  // namespace

HttpRequestParser::Progress HttpRequestParser::next(HttpRequest* request) {
  auto& parser = head_->parser;
  boost::system::error_code error;
  const size_t taken =
      unread_.empty()
          ? 0
          : parser.put(boost::asio::const_buffer(unread_.data(), unread_.size()), error);
  unread_.erase(0, taken);
  head_->bytes += taken;
  // The parser's own limit is on the first line and on the fields, each by itself.
  if (error == http::error::header_limit || head_->bytes > kHeadBytesMax) {
    return Progress::kTooLarge;
  }
  if (error && error != http::error::need_more) {
    return Progress::kMalformed;
  }
  if (!parser.is_header_done()) {
    return head_->bytes + unread_.size() > kHeadBytesMax ? Progress::kTooLarge : Progress::kMore;
  }
  const auto& message = parser.get();
  const std::string target = text_of(message.target());
  request->method = text_of(message.method_string());
  request->path = target.substr(0, target.find('?'));
  request->authorization = text_of(message[http::field::authorization]);
  request->keeps_alive = message.keep_alive();
  request->has_body = parser.chunked() || parser.content_length().value_or(0) > 0;
  head_ = std::make_unique<Head>();
  return Progress::kRequest;
}

std::optional<BasicCredentials> basic_credentials(std::string_view authorization) {
  constexpr std::string_view kScheme = "Basic ";
  if (authorization.size() < kScheme.size() ||
      !is_one_letter_case(authorization.substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  std::string_view encoded = authorization.substr(kScheme.size());
  if (encoded.empty() || encoded.size() % 4 != 0 ||
      encoded.size() > HttpRequestParser::kHeadBytesMax) {
    return std::nullopt;
  }
  const size_t padding = encoded.size() - (encoded.find_last_not_of('=') + 1);
  std::string decoded(encoded.size() / 4 * 3, '\0');
  const int size = ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(decoded.data()),
                                     reinterpret_cast<const unsigned char*>(encoded.data()),
                                     static_cast<int>(encoded.size()));
  if (size < 0 || padding > 2) {
    return std::nullopt;
  }
  decoded.resize(static_cast<size_t>(size) - padding);
  const size_t colon = decoded.find(':');
  if (colon == std::string::npos) {
    return std::nullopt;
  }
  return BasicCredentials{decoded.substr(0, colon), decoded.substr(colon + 1)};
}

}  // namespace kindred
