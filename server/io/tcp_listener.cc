#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "server/io/socket_address.h"
#include "server/io/tcp.h"

namespace kindred {

namespace {
constexpr int kBacklog = 511;
constexpr int kAcceptsPerTurn = 64;
}  // namespace

struct TcpListener::Handle {
  uv_poll_t raw;
  int socket = -1;
  int spare = -1;  // given up for a moment when descriptors run out, see refuse_one()
  std::function<void(int)> on_socket;

  void accept_ready() {
    for (int i = 0; i < kAcceptsPerTurn && socket >= 0; ++i) {
      const int accepted = ::accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (accepted >= 0) {
        on_socket(accepted);
      } else if (errno == EMFILE || errno == ENFILE) {
        refuse_one();
        return;
      } else if (errno != EINTR && errno != ECONNABORTED) {
        return;
      }
    }
  }

  // A connection that can't be accepted would make the loop spin on it.
  void refuse_one() {
    ::close(spare);
    const int accepted = ::accept4(socket, nullptr, nullptr, SOCK_CLOEXEC);
    if (accepted >= 0) {
      ::close(accepted);
    }
    spare = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
};

std::unique_ptr<TcpListener> TcpListener::open(Loop& loop, const SocketAddress& address,
                                               std::function<void(int)> on_socket,
                                               std::string* error) {
  sockaddr_storage name;
  if (!to_sockaddr(address, &name)) {
    *error = "'" + address.host + "' is not a numeric address";
    return nullptr;
  }
  const int socket = ::socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  const socklen_t name_size =
      name.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  if (socket < 0 || ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(socket, reinterpret_cast<const sockaddr*>(&name), name_size) != 0 ||
      ::listen(socket, kBacklog) != 0) {
    *error = "can't listen on " + to_text(address) + ": " + std::strerror(errno);
    if (socket >= 0) {
      ::close(socket);
    }
    return nullptr;
  }
  sockaddr_storage bound{};
  socklen_t bound_size = sizeof bound;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &bound_size);

  auto* handle = new Handle;
  handle->socket = socket;
  handle->spare = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  handle->on_socket = std::move(on_socket);
  handle->raw.data = handle;
  uv_poll_init(loop.raw(), &handle->raw, socket);
  handle->raw.data = handle;
  uv_poll_start(&handle->raw, UV_READABLE, [](uv_poll_t* poll, int, int) {
    static_cast<Handle*>(poll->data)->accept_ready();
  });
  return std::unique_ptr<TcpListener>(new TcpListener(handle, from_sockaddr(bound).port));
}

TcpListener::~TcpListener() {
  uv_poll_stop(&handle_->raw);
  ::close(std::exchange(handle_->socket, -1));
  ::close(handle_->spare);
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->raw),
           [](uv_handle_t* closed) { delete static_cast<Handle*>(closed->data); });
}

void refuse_socket(int socket, std::string_view farewell) {
  static_cast<void>(::send(socket, farewell.data(), farewell.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
  ::close(socket);
}

}  // namespace kindred
