#include "server/node/client_connections.h"

#include <string>
#include <utility>

#include "server/tls/tls_connection.h"

namespace kindred {

namespace {
constexpr size_t kReadBytes = 16 * 1024;
constexpr uint64_t kLimitCheckMs = 1000;
}  // namespace

struct ClientConnections::Client final : TcpHandler {
  Client(ClientConnections& owner_in) : owner(owner_in) {}

  std::span<char> read_room() override { return session->writable(kReadBytes); }

  void received(size_t bytes) override {
    session->commit(bytes);
    owner.before_commands_();
    session->process();
    // A session that waits holds views of its buffer: nothing may be read into it.
    if (!session->wants_read()) {
      connection->stop_reading();
    }
  }

  void drained() override { owner.update(session->id()); }
  // A client that goes is no news; one whose TLS is wrong may be.
  void closed(std::string_view reason) override {
    owner.end(*this, reason.starts_with("TLS") ? reason : std::string_view());
  }

  ClientConnections& owner;
  Session* session = nullptr;
  std::unique_ptr<Connection> connection;
};

ClientConnections::ClientConnections(Loop& loop, SessionHub& hub,
                                     std::function<void()> before_commands,
                                     std::function<void(std::string_view)> closed)
    : loop_(loop),
      hub_(hub),
      before_commands_(std::move(before_commands)),
      closed_(std::move(closed)),
      held_check_(loop,
                  [this] {
                    before_commands_();
                    hub_.end_holds();
                  }),
      limit_check_(loop, [this] {
        before_commands_();
        hub_.check_output_limits();
      }) {}

ClientConnections::~ClientConnections() = default;

void ClientConnections::serve(int socket, const TlsContext* tls, uint32_t keepalive_s) {
  auto client = std::make_unique<Client>(*this);
  if (tls != nullptr) {
    client->connection = TlsConnection::adopt(loop_, socket, *client, *tls, keepalive_s);
  } else {
    client->connection = TcpConnection::adopt(loop_, socket, *client, keepalive_s);
  }
  if (client->connection == nullptr) {
    closed_("a connection broke before it was served");
    return;
  }
  client->session = hub_.open(to_text(client->connection->remote_address()),
                              to_text(client->connection->local_address()), socket);
  if (client->session == nullptr) {
    closed_("too many connections for one worker");
    return;
  }
  const uint32_t index = client->session->id().index;
  if (clients_.size() <= index) {
    clients_.resize(index + 1);
  }
  clients_[index] = std::move(client);
  ++open_count_;
}

bool ClientConnections::pump() {
  hub_.take_changed(&changed_);
  for (const SessionId id : changed_) {
    update(id);
  }
  const uint64_t held_ms = hub_.held_for_ms();
  if (held_ms > 0 && !held_check_.active()) {
    held_check_.start(held_ms);
  }
  if (hub_.any_over_soft_limit() && !limit_check_.active()) {
    limit_check_.start(kLimitCheckMs);
  }
  return !changed_.empty();
}

void ClientConnections::update(SessionId id) {
  Session* session = hub_.find(id);
  if (session == nullptr) {
    return;
  }
  Client& client = *clients_[id.index];
  while (true) {
    const std::string_view output = session->output();
    if (output.empty()) {
      break;
    }
    const size_t taken = client.connection->send(output);
    if (taken == 0) {
      break;
    }
    session->consumed(taken);
  }
  // A killed one may never read what is on its way.
  if (session->wants_close() && (session->killed() || !client.connection->draining())) {
    end(client, session->close_reason());
  } else if (session->wants_read() && !stopping_) {
    client.connection->start_reading();
  } else {
    client.connection->stop_reading();
  }
}

void ClientConnections::end(Client& client, std::string_view reason) {
  const std::string kept_reason(reason);
  const SessionId id = client.session->id();
  // Destroys `client`, perhaps from within one of its own callbacks: nothing of it is used after.
  const std::unique_ptr<Client> keep = std::move(clients_[id.index]);
  --open_count_;
  hub_.close(id);
  closed_(kept_reason);
}

void ClientConnections::stop_reading() {
  stopping_ = true;
  for (const auto& client : clients_) {
    if (client != nullptr) {
      client->connection->stop_reading();
    }
  }
}

void ClientConnections::close_idle(uint64_t cluster_ms) {
  for (const auto& client : clients_) {
    if (client != nullptr && client->session->in_flight() == 0 &&
        client->session->listened().empty() && !client->session->monitors() &&
        client->session->info().last_active_ms < cluster_ms) {
      constexpr std::string_view kReason = "idle for longer than timeout";
      if (client->session->output().empty() && !client->connection->draining()) {
        client->session->start_close(kReason);
      } else {
        client->session->kill(kReason);  // it will not take the rest either
      }
    }
  }
}

bool ClientConnections::is_quiet() {
  for (const auto& client : clients_) {
    if (client != nullptr &&
        (client->session->in_flight() > 0 || !client->session->output().empty() ||
         client->connection->draining())) {
      return false;
    }
  }
  return true;
}

}  // namespace kindred
