#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "server/io/tcp.h"
#include "server/tls/tls_context.h"

namespace kindred {

/// A TCP connection with TLS on it, for owners that need not know. Nothing passes, in either
/// direction, before the handshake is done; a handshake that takes too long is the connection's
/// end.
class TlsConnection final : public Connection, private TcpHandler {
 public:
  /// As TcpConnection::adopt(), but that connected() tells when the handshake is done.
  static std::unique_ptr<Connection> adopt(Loop& loop, int socket, TcpHandler& handler,
                                           const TlsContext& context,
                                           uint32_t keepalive_s = TcpConnection::kKeepaliveS);
  /// As TcpConnection::dial(); connected() comes after the handshake.
  static std::unique_ptr<Connection> dial(Loop& loop, const std::string& local_host,
                                          const SocketAddress& remote, TcpHandler& handler,
                                          const TlsContext& context, std::string* error);
  ~TlsConnection() override;

  void start_reading() override;
  void stop_reading() override;
  [[nodiscard]] size_t send(std::string_view bytes) override;
  bool draining() const override;
  SocketAddress local_address() const override { return tcp_->local_address(); }
  SocketAddress remote_address() const override { return tcp_->remote_address(); }

 private:
  struct FreeState {
    void operator()(ssl_st* state) const;
  };

  TlsConnection(Loop& loop, TcpHandler& handler, const TlsContext& context, bool dials);

  void connected() override;
  std::span<char> read_room() override;
  void received(size_t bytes) override;
  void drained() override;
  void closed(std::string_view reason) override;

  void shake_hands();
  void deliver();
  void flush();
  void end(std::string_view reason);
  void fail();

  TcpHandler* handler_;  // null once it was told of the end
  std::unique_ptr<ssl_st, FreeState> state_;
  std::unique_ptr<TcpConnection> tcp_;
  Timer later_;  // until the handshake is over its deadline; then, delivers what stopping left
  bool established_ = false;
  bool reading_ = true;
  bool* destroyed_ = nullptr;  // set by the destructor, where a callback of the owner may run it
};

}  // namespace kindred
