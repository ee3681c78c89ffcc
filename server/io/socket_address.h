#pragma once

#include <sys/socket.h>

#include "server/io/tcp.h"

namespace kindred {

/// False where the host is not numeric.
[[nodiscard]] bool to_sockaddr(const SocketAddress& address, sockaddr_storage* out);
SocketAddress from_sockaddr(const sockaddr_storage& address);

}  // namespace kindred
