#include "plugins/redis/address.h"

#include <charconv>

namespace kindred::plugins::redis {
namespace {

template <typename Number>
bool read_number(std::string_view digits, Number* number) {
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, *number);
  return error == std::errc() && stop == end;
}

bool take(std::string_view prefix, std::string_view* text) {
  if (text->substr(0, prefix.size()) != prefix) {
    return false;
  }
  text->remove_prefix(prefix.size());
  return true;
}

void take_credentials(std::string_view* rest, Address* address) {
  const std::size_t at = rest->rfind('@');
  if (at == std::string_view::npos) {
    return;
  }
  const std::string_view credentials = rest->substr(0, at);
  rest->remove_prefix(at + 1);
  const std::size_t colon = credentials.find(':');
  address->user = credentials.substr(0, colon);
  if (colon != std::string_view::npos) {
    address->password = credentials.substr(colon + 1);
  }
}

bool read_unix(std::string_view rest, Address* address) {
  const std::size_t query = rest.find("?db=");
  address->unix_path = rest.substr(0, query);
  return address->unix_path.size() > 1 && address->unix_path[0] == '/' &&
         (query == std::string_view::npos ||
          read_number(rest.substr(query + 4), &address->database));
}

bool read_host_and_port(std::string_view rest, Address* address) {
  std::size_t end = rest.find(':');
  if (take("[", &rest)) {
    end = rest.find(']');
    if (end == std::string_view::npos) {
      return false;
    }
    address->host = rest.substr(0, end);
    rest.remove_prefix(end + 1);
  } else {
    address->host = rest.substr(0, end);
    rest.remove_prefix(address->host.size());
  }
  return !address->host.empty() &&
         (rest.empty() || (take(":", &rest) && read_number(rest, &address->port)));
}

}  // namespace

std::string Address::text() const {
  if (host.empty()) {
    return "redis at " + unix_path;
  }
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return "redis at " + (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::optional<Address> parse_address(std::string_view url) {
  Address address;
  if (take("unix://", &url)) {
    take_credentials(&url, &address);
    return read_unix(url, &address) ? std::optional(address) : std::nullopt;
  }
  if (!take("redis://", &url)) {
    return std::nullopt;
  }
  take_credentials(&url, &address);
  const std::size_t slash = url.find('/');
  if (slash != std::string_view::npos) {
    const std::string_view database = url.substr(slash + 1);
    if (!database.empty() && !read_number(database, &address.database)) {
      return std::nullopt;
    }
    url = url.substr(0, slash);
  }
  return read_host_and_port(url, &address) ? std::optional(address) : std::nullopt;
}

}  // namespace kindred::plugins::redis
