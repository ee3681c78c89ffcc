#include "server/io/tcp.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "server/io/socket_address.h"

namespace kindred {

namespace {

constexpr unsigned kUnansweredMsMax = 3000;

// The system would go on trying at ever longer intervals, and notice late that a cut is over.
void give_up_soon(uv_tcp_t* raw) {
  uv_os_fd_t descriptor = -1;
  if (uv_fileno(reinterpret_cast<uv_handle_t*>(raw), &descriptor) == 0) {
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnansweredMsMax,
                 sizeof kUnansweredMsMax);
  }
}

}  // namespace

struct TcpConnection::Handle {
  uv_tcp_t raw;
  uv_connect_t connect;
  uv_write_t write;
  std::string held;               // being written by libuv
  TcpHandler* handler = nullptr;  // null once the owner has let go or was told of the end
  bool connected = false;
  bool writing = false;
  bool reading = false;
  bool broken = false;

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&raw); }

  void end(int error) {
    if (TcpHandler* told = std::exchange(handler, nullptr)) {
      uv_read_stop(stream());
      told->closed(error == UV_EOF ? "closed by the other side" : uv_strerror(error));
    }
  }

  static Handle* of(const void* data) { return static_cast<Handle*>(const_cast<void*>(data)); }

  static void on_room(uv_handle_t* raw, size_t, uv_buf_t* buffer) {
    Handle* self = of(raw->data);
    const std::span<char> room =
        self->handler != nullptr ? self->handler->read_room() : std::span<char>();
    *buffer =
        uv_buf_init(room.data(), static_cast<unsigned>(std::min<size_t>(room.size(), 1U << 30)));
  }

  static void on_read(uv_stream_t* raw, ssize_t size, const uv_buf_t*) {
    Handle* self = of(raw->data);
    if (size > 0 && self->handler != nullptr) {
      self->handler->received(static_cast<size_t>(size));
    } else if (size < 0) {
      self->end(static_cast<int>(size));
    }
  }

  static void on_written(uv_write_t* request, int status) {
    Handle* self = of(request->data);
    self->writing = false;
    self->held.clear();
    if (status < 0) {
      self->end(status);
    } else if (self->handler != nullptr) {
      self->handler->drained();
    }
  }

  static void on_connected(uv_connect_t* request, int status) {
    Handle* self = of(request->data);
    if (status < 0) {
      self->end(status);
      return;
    }
    self->connected = true;
    if (self->handler != nullptr) {
      self->start_reading();
      self->handler->connected();
    }
  }

  void start_reading() {
    if (!reading && connected) {
      reading = uv_read_start(stream(), on_room, on_read) == 0;
    }
  }

  // A closed() from within send() would reach an owner in the middle of its own work.
  void break_later() {
    broken = true;
    shutdown_socket(SHUT_RDWR);
    start_reading();  // the end shows up as a read
  }

  void shutdown_socket(int ways) {
    uv_os_fd_t descriptor = -1;
    if (uv_fileno(reinterpret_cast<uv_handle_t*>(&raw), &descriptor) == 0) {
      ::shutdown(descriptor, ways);
    }
  }
};

std::unique_ptr<TcpConnection> TcpConnection::adopt(Loop& loop, int socket, TcpHandler& handler,
                                                    uint32_t keepalive_s) {
  auto* handle = new Handle;
  uv_tcp_init(loop.raw(), &handle->raw);
  handle->raw.data = handle;
  handle->handler = &handler;
  std::unique_ptr<TcpConnection> connection(new TcpConnection(handle));
  if (uv_tcp_open(&handle->raw, socket) != 0) {
    ::close(socket);
    return nullptr;
  }
  uv_tcp_nodelay(&handle->raw, 1);
  uv_tcp_keepalive(&handle->raw, keepalive_s != 0 ? 1 : 0, keepalive_s);
  handle->connected = true;
  handle->start_reading();
  return connection;
}

std::unique_ptr<TcpConnection> TcpConnection::dial(Loop& loop, const std::string& local_host,
                                                   const SocketAddress& remote, TcpHandler& handler,
                                                   std::string* error) {
  sockaddr_storage from;
  sockaddr_storage to;
  if (!to_sockaddr({local_host, 0}, &from) || !to_sockaddr(remote, &to)) {
    *error = "not a numeric address";
    return nullptr;
  }
  auto* handle = new Handle;
  uv_tcp_init(loop.raw(), &handle->raw);
  handle->raw.data = handle;
  handle->connect.data = handle;
  std::unique_ptr<TcpConnection> connection(new TcpConnection(handle));
  int result = 0;
  // Between families there is nothing to bind to; the system picks.
  if (from.ss_family == to.ss_family) {
    result = uv_tcp_bind(&handle->raw, reinterpret_cast<const sockaddr*>(&from), 0);
  }
  if (result == 0) {
    result = uv_tcp_connect(&handle->connect, &handle->raw, reinterpret_cast<const sockaddr*>(&to),
                            Handle::on_connected);
  }
  if (result != 0) {
    *error = uv_strerror(result);
    return nullptr;
  }
  uv_tcp_nodelay(&handle->raw, 1);
  uv_tcp_keepalive(&handle->raw, 1, 30);
  give_up_soon(&handle->raw);
  handle->handler = &handler;
  return connection;
}

TcpConnection::~TcpConnection() {
  handle_->handler = nullptr;
  handle_->raw.data = handle_;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->raw),
           [](uv_handle_t* closed) { delete Handle::of(closed->data); });
}

void TcpConnection::start_reading() {
  handle_->start_reading();
}

void TcpConnection::stop_reading() {
  if (handle_->reading) {
    uv_read_stop(handle_->stream());
    handle_->reading = false;
  }
}

size_t TcpConnection::send(std::string_view bytes) {
  Handle& handle = *handle_;
  if (handle.broken) {
    return bytes.size();
  }
  if (!handle.connected || handle.writing || bytes.empty()) {
    return 0;
  }
  uv_buf_t buffer = uv_buf_init(const_cast<char*>(bytes.data()),
                                static_cast<unsigned>(std::min<size_t>(bytes.size(), 1U << 30)));
  const int written = uv_try_write(handle.stream(), &buffer, 1);
  if (written < 0 && written != UV_EAGAIN) {
    handle.break_later();
    return bytes.size();
  }
  const size_t sent = written > 0 ? static_cast<size_t>(written) : 0;
  const std::string_view rest = bytes.substr(sent).substr(0, kHeldBytesMax);
  if (rest.empty()) {
    return sent;
  }
  handle.held.assign(rest);
  handle.write.data = &handle;
  buffer = uv_buf_init(handle.held.data(), static_cast<unsigned>(handle.held.size()));
  if (uv_write(&handle.write, handle.stream(), &buffer, 1, Handle::on_written) != 0) {
    handle.break_later();
    return bytes.size();
  }
  handle.writing = true;
  return sent + rest.size();
}

bool TcpConnection::draining() const {
  return handle_->writing;
}

void TcpConnection::finish_sending() {
  handle_->shutdown_socket(SHUT_WR);
}

SocketAddress TcpConnection::local_address() const {
  sockaddr_storage name{};
  int size = sizeof name;
  uv_tcp_getsockname(&handle_->raw, reinterpret_cast<sockaddr*>(&name), &size);
  return from_sockaddr(name);
}

SocketAddress TcpConnection::remote_address() const {
  sockaddr_storage name{};
  int size = sizeof name;
  uv_tcp_getpeername(&handle_->raw, reinterpret_cast<sockaddr*>(&name), &size);
  return from_sockaddr(name);
}

}  // namespace kindred
