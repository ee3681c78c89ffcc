#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "server/io/loop.h"

namespace kindred {

/// A numeric IPv4 or IPv6 address and a port.
struct SocketAddress {
  std::string host;
  uint16_t port = 0;
};

/// "127.0.0.1:7001", "[::1]:7001".
std::string to_text(const SocketAddress& address);
/// The numeric form of a host name, by the system's resolver (blocks); empty where there is none.
std::string resolve_host(const std::string& host);
/// Of IPv4 addresses also those that an IPv6 socket shows (::ffff:127.0.0.1).
bool is_loopback(const std::string& numeric_host);

/// What a connection tells its owner. Any of these may destroy the connection.
class TcpHandler {
 public:
  virtual ~TcpHandler() = default;
  /// An outgoing connection is there, or the TLS of one either way; reading has begun.
  virtual void connected() {}
  /// Where the next read shall go; not empty.
  virtual std::span<char> read_room() = 0;
  virtual void received(size_t bytes) = 0;
  /// All that send() had taken is with the kernel.
  virtual void drained() = 0;
  /// The peer closed, or an error; nothing else is called afterwards.
  virtual void closed(std::string_view reason) = 0;
};

/// A connection, whatever it runs over. The destructor closes it.
class Connection {
 public:
  virtual ~Connection() = default;

  virtual void start_reading() = 0;
  virtual void stop_reading() = 0;

  /// Sends what can be sent now and holds a bounded part of the rest. Returns how many bytes it
  /// took; when fewer than given, go on at drained(). Takes nothing while draining() or before
  /// connected(). A broken connection takes everything; closed() follows in a later turn.
  [[nodiscard]] virtual size_t send(std::string_view bytes) = 0;
  virtual bool draining() const = 0;

  virtual SocketAddress local_address() const = 0;
  virtual SocketAddress remote_address() const = 0;
};

/// One TCP connection without delay of small writes.
class TcpConnection final : public Connection {
 public:
  /// send() holds back no more than this beyond what the kernel takes.
  static constexpr size_t kHeldBytesMax = 256 * 1024;

  /// Seconds of silence after which the system asks whether the other side is there.
  static constexpr uint32_t kKeepaliveS = 300;

  /// Takes over a connected socket; null (and the socket closed) where that fails. `handler`
  /// outlives the connection. `keepalive_s` 0: never asks.
  static std::unique_ptr<TcpConnection> adopt(Loop& loop, int socket, TcpHandler& handler,
                                              uint32_t keepalive_s = kKeepaliveS);
  /// Connects from `local_host` to `remote`; connected() or closed() tells. Null with `error` set
  /// where it can't begin.
  static std::unique_ptr<TcpConnection> dial(Loop& loop, const std::string& local_host,
                                             const SocketAddress& remote, TcpHandler& handler,
                                             std::string* error);
  ~TcpConnection() override;
  TcpConnection(const TcpConnection&) = delete;
  TcpConnection& operator=(const TcpConnection&) = delete;

  void start_reading() override;
  void stop_reading() override;
  [[nodiscard]] size_t send(std::string_view bytes) override;
  bool draining() const override;
  SocketAddress local_address() const override;
  SocketAddress remote_address() const override;
  /// Tells the other side that nothing more comes. Not while draining(), and nothing is sent after.
  void finish_sending();

 private:
  struct Handle;
  explicit TcpConnection(Handle* handle) : handle_(handle) {}
  Handle* handle_;
};

/// Listens and hands over connected sockets.
class TcpListener {
 public:
  /// Port 0 picks a free one. Null with `error` set where the address can't be had. The callback
  /// owns the socket that it gets.
  static std::unique_ptr<TcpListener> open(Loop& loop, const SocketAddress& address,
                                           std::function<void(int)> on_socket, std::string* error);
  ~TcpListener();
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;

  uint16_t port() const { return port_; }

 private:
  struct Handle;
  TcpListener(Handle* handle, uint16_t port) : handle_(handle), port_(port) {}
  Handle* handle_;
  uint16_t port_;
};

/// Who is at the other end of a connected socket; an empty host where that can't be told.
SocketAddress peer_of(int socket);

/// For a client that is one too many: sends what fits and closes.
void refuse_socket(int socket, std::string_view farewell);

}  // namespace kindred
