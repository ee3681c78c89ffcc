#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "server/io/tcp.h"
#include "server/session/hub.h"
#include "server/tls/tls_context.h"

namespace kindred {

/// The sockets of one worker's clients: moves bytes between them and their sessions. One thread,
/// the worker's.
class ClientConnections {
 public:
  /// `before_commands` runs before sessions execute what was read. `closed` runs after a client has
  /// gone, with the reason that is worth a log line, or an empty one.
  ClientConnections(Loop& loop, SessionHub& hub, std::function<void()> before_commands,
                    std::function<void(std::string_view)> closed);
  ~ClientConnections();
  ClientConnections(const ClientConnections&) = delete;
  ClientConnections& operator=(const ClientConnections&) = delete;

  /// Takes over a connected socket; with TLS on it where `tls` is given. After so many seconds of
  /// silence the system asks whether the client is still there; 0: never.
  void serve(int socket, const TlsContext* tls, uint32_t keepalive_s);
  /// At a turn's end: sends what the sessions have to say, closes and pauses as they wish. True
  /// where any had changed: sessions that waited for room may go on (SessionHub::resume()).
  bool pump();
  /// No more input is taken; what is in flight is still answered.
  void stop_reading();
  /// Nothing is in flight and all replies are sent.
  bool is_quiet();
  /// Lets go of clients that since before `cluster_ms` have neither said nor taken anything and
  /// wait for no answer.
  void close_idle(uint64_t cluster_ms);
  size_t count() const { return open_count_; }

 private:
  struct Client;

  void update(SessionId id);
  void end(Client& client, std::string_view reason);

  Loop& loop_;
  SessionHub& hub_;
  const std::function<void()> before_commands_;
  const std::function<void(std::string_view)> closed_;
  std::vector<std::unique_ptr<Client>> clients_;  // by SessionId::index
  std::vector<SessionId> changed_;
  Timer held_check_;   // while sessions are held back
  Timer limit_check_;  // while sessions are above their soft limit
  size_t open_count_ = 0;
  bool stopping_ = false;
};

}  // namespace kindred
