#include "server/io/socket_address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <uv.h>

#include <cstring>

namespace kindred {

bool to_sockaddr(const SocketAddress& address, sockaddr_storage* out) {
  std::memset(out, 0, sizeof *out);
  return uv_ip4_addr(address.host.c_str(), address.port, reinterpret_cast<sockaddr_in*>(out)) ==
             0 ||
         uv_ip6_addr(address.host.c_str(), address.port, reinterpret_cast<sockaddr_in6*>(out)) == 0;
}

SocketAddress from_sockaddr(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  SocketAddress out;
  if (address.ss_family == AF_INET) {
    const auto& in4 = reinterpret_cast<const sockaddr_in&>(address);
    uv_ip4_name(&in4, text, sizeof text);
    out.port = ntohs(in4.sin_port);
  } else if (address.ss_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address);
    uv_ip6_name(&in6, text, sizeof text);
    out.port = ntohs(in6.sin6_port);
  }
  out.host = text;
  return out;
}

std::string to_text(const SocketAddress& address) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

std::string resolve_host(const std::string& host) {
  sockaddr_storage numeric;
  if (to_sockaddr({host, 0}, &numeric)) {
    return host;
  }
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0 || found == nullptr) {
    return "";
  }
  const addrinfo* chosen = found;
  for (const addrinfo* candidate = found; candidate != nullptr; candidate = candidate->ai_next) {
    if (candidate->ai_family == AF_INET) {
      chosen = candidate;
      break;
    }
  }
  sockaddr_storage address{};
  std::memcpy(&address, chosen->ai_addr, chosen->ai_addrlen);
  freeaddrinfo(found);
  return from_sockaddr(address).host;
}

bool is_loopback(const std::string& numeric_host) {
  return numeric_host.starts_with("127.") || numeric_host == "::1" ||
         numeric_host.starts_with("::ffff:127.");
}

SocketAddress peer_of(int socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    return {};
  }
  return from_sockaddr(name);
}

}  // namespace kindred
