// Where the server is and how it lets one in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kindred::plugins::redis {

struct Address {
  std::string host;  // empty: unix_path
  std::uint16_t port = 6379;
  std::string unix_path;
  std::string user;  // empty: the default user
  std::string password;
  std::uint32_t database = 0;

  // For messages: without the password.
  std::string text() const;
};

// redis://[[user]:password@]host[:port][/database], an IPv6 host in brackets, or
// unix://[[user]:password@]/path[?db=database]. User and password are taken as they are written.
std::optional<Address> parse_address(std::string_view url);

}  // namespace kindred::plugins::redis
