#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/admin/pages.h"
#include "server/io/loop.h"
#include "server/io/tcp.h"

namespace kindred {

/// The sockets of the admin pages: HTTP/1.1, a bounded number of connections, bounded heads, no
/// bodies, and no connection that takes its time. Worker 0's thread.
class AdminServer {
 public:
  static constexpr size_t kConnectionsMax = 64;
  /// From a head's first byte to its last.
  static constexpr uint64_t kHeadMs = 5'000;
  /// For a whole response to be taken, and between two requests.
  static constexpr uint64_t kIdleMs = 20'000;
  static constexpr uint64_t kWrongPasswordDelayMs = 500;

  /// Takes the response to a page that was asked for. Once; later calls, and calls after the
  /// connection is gone, do nothing.
  using Respond = std::function<void(HttpResponse response)>;
  struct Setup {
    std::vector<std::string> hosts;  // numeric
    uint16_t port = 0;
    std::function<AdminAccess()> access;
    std::function<bool(int socket)> is_stranger;  // whom protected mode keeps out
    /// Perhaps answered later; not after the server is gone.
    std::function<void(AdminPage page, const Respond& respond)> ask;
  };

  /// Listens. Null with `error` set where it can't. `loop` outlives the server.
  static std::unique_ptr<AdminServer> open(Loop& loop, Setup setup, std::string* error);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  uint16_t port() const { return listeners_.front()->port(); }

 private:
  class Client;

  AdminServer(Loop& loop, Setup setup);
  void accept(int socket);
  /// Lets go of the client that has waited longest to be asked for something; false: there is none.
  bool make_room();
  void ask(uint64_t client, AdminPage page);
  void end(uint64_t client);

  Loop& loop_;
  const Setup setup_;
  std::vector<std::unique_ptr<TcpListener>> listeners_;
  std::map<uint64_t, std::unique_ptr<Client>> clients_;
  uint64_t last_client_ = 0;
  /// What answers hold on to: gone with the server.
  std::shared_ptr<AdminServer*> self_ = std::make_shared<AdminServer*>(this);
};

}  // namespace kindred
