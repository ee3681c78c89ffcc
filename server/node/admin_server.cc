#include "server/node/admin_server.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace kindred {

namespace {
constexpr size_t kRoomBytes = 4096;
}

/// One connection: reads a request, waits for its response, sends it, reads the next one.
class AdminServer::Client final : public TcpHandler {
 public:
  Client(AdminServer& owner, uint64_t id)
      : owner_(owner), id_(id), deadline_(owner.loop_, [this] { timer_fired(); }) {}

  bool begin(int socket) {
    connection_ = TcpConnection::adopt(owner_.loop_, socket, *this);
    expect_request();
    return connection_ != nullptr;
  }

  bool is_waited_for() const { return state_ == State::kReading; }
  uint64_t since_us() const { return since_us_; }

  void respond(HttpResponse&& response) {
    if (state_ != State::kAsked) {
      return;
    }
    output_ = response_bytes(response, is_head_, keeps_alive_);
    state_ = response.delayed ? State::kDelayed : State::kSending;
    deadline_.start(response.delayed ? kWrongPasswordDelayMs : kIdleMs);
    pump();
  }

 private:
  enum class State : uint8_t { kReading, kAsked, kDelayed, kSending, kClosing };

  std::span<char> read_room() override { return room_; }

  void received(size_t bytes) override {
    if (state_ == State::kClosing) {
      return;  // thrown away: see begin_closing()
    }
    if (state_ == State::kReading && !std::exchange(has_begun_, true)) {
      deadline_.start(kHeadMs);
    }
    parser_.feed({room_.data(), bytes});
    pump();
    if (state_ != State::kReading && parser_.unread_bytes() > HttpRequestParser::kHeadBytesMax) {
      connection_->stop_reading();  // until the request before is answered
    }
  }

  void drained() override { pump(); }
  void closed(std::string_view) override { owner_.end(id_); }

  void expect_request() {
    state_ = State::kReading;
    since_us_ = Loop::mono_us();
    has_begun_ = parser_.unread_bytes() > 0;
    deadline_.start(has_begun_ ? kHeadMs : kIdleMs);
  }

  // A loop and no recursion: many requests may have come in one piece, and some are answered at
  // once.
  void pump() {
    if (std::exchange(is_pumping_, true)) {
      return;
    }
    while ((state_ == State::kReading && read_request()) ||
           (state_ == State::kSending && send_rest())) {
    }
    is_pumping_ = false;
  }

  /// False: bytes are missing.
  bool read_request() {
    HttpRequest request;
    const HttpRequestParser::Progress progress = parser_.next(&request);
    if (progress == HttpRequestParser::Progress::kMore) {
      return false;
    }
    state_ = State::kAsked;
    deadline_.stop();
    if (progress != HttpRequestParser::Progress::kRequest) {
      is_head_ = keeps_alive_ = false;
      respond(refuse_bytes(progress));
      return true;
    }
    is_head_ = request.method == "HEAD";
    AdminRoute route = route_request(request, owner_.setup_.access());
    HttpResponse* refusal = std::get_if<HttpResponse>(&route);
    // What follows a request that was refused is perhaps its body.
    keeps_alive_ = request.keeps_alive && refusal == nullptr;
    if (refusal != nullptr) {
      respond(std::move(*refusal));
    } else {
      owner_.ask(id_, std::get<AdminPage>(route));
    }
    return true;
  }

  /// False: drained() is to come.
  bool send_rest() {
    while (sent_ < output_.size()) {
      const size_t taken = connection_->send(std::string_view(output_).substr(sent_));
      if (taken == 0) {
        return false;
      }
      sent_ += taken;
    }
    if (connection_->draining()) {
      return false;
    }
    output_.clear();
    sent_ = 0;
    if (keeps_alive_) {
      expect_request();
      connection_->start_reading();
    } else {
      begin_closing();
    }
    return true;
  }

  // A socket closed with bytes unread would take back the response: the other side closes first.
  void begin_closing() {
    state_ = State::kClosing;
    connection_->start_reading();
    connection_->finish_sending();
  }

  void timer_fired() {
    if (state_ == State::kDelayed) {
      state_ = State::kSending;
      deadline_.start(kIdleMs);
      pump();
    } else {
      owner_.end(id_);
    }
  }

  AdminServer& owner_;
  const uint64_t id_;
  State state_ = State::kReading;
  uint64_t since_us_ = 0;
  Timer deadline_;
  std::unique_ptr<TcpConnection> connection_;
  HttpRequestParser parser_;
  bool has_begun_ = false;  // some of the request is there
  bool is_pumping_ = false;
  bool is_head_ = false;
  bool keeps_alive_ = false;
  std::string output_;
  size_t sent_ = 0;
  std::array<char, kRoomBytes> room_{};
};

AdminServer::AdminServer(Loop& loop, Setup setup) : loop_(loop), setup_(std::move(setup)) {}
AdminServer::~AdminServer() = default;

std::unique_ptr<AdminServer> AdminServer::open(Loop& loop, Setup setup, std::string* error) {
  std::unique_ptr<AdminServer> server(new AdminServer(loop, std::move(setup)));
  for (const std::string& host : server->setup_.hosts) {
    server->listeners_.push_back(TcpListener::open(
        loop, {host, server->setup_.port},
        [owner = server.get()](int socket) { owner->accept(socket); }, error));
    if (!error->empty()) {
      return nullptr;
    }
  }
  return server;
}

void AdminServer::accept(int socket) {
  if (setup_.is_stranger(socket)) {
    refuse_socket(socket, response_bytes(plain_response(403,
                                                        "Protected mode: only from the "
                                                        "node's own machine"),
                                         false, false));
    return;
  }
  if (clients_.size() >= kConnectionsMax && !make_room()) {
    refuse_socket(socket,
                  response_bytes(plain_response(503, "Too many connections"), false, false));
    return;
  }
  const uint64_t id = ++last_client_;
  const auto added = clients_.emplace(id, std::make_unique<Client>(*this, id)).first;
  if (!added->second->begin(socket)) {
    clients_.erase(added);
  }
}

bool AdminServer::make_room() {
  auto longest = clients_.end();
  for (auto it = clients_.begin(); it != clients_.end(); ++it) {
    if (it->second->is_waited_for() &&
        (longest == clients_.end() || it->second->since_us() < longest->second->since_us())) {
      longest = it;
    }
  }
  if (longest == clients_.end()) {
    return false;
  }
  clients_.erase(longest);
  return true;
}

void AdminServer::ask(uint64_t client, AdminPage page) {
  setup_.ask(page, [self = std::weak_ptr(self_), client](HttpResponse response) {
    const auto server = self.lock();
    if (server == nullptr) {
      return;
    }
    const auto found = (*server)->clients_.find(client);
    if (found != (*server)->clients_.end()) {
      found->second->respond(std::move(response));
    }
  });
}

// Perhaps from within one of the client's own callbacks: nothing of it is used after.
void AdminServer::end(uint64_t client) {
  clients_.erase(client);
}

}  // namespace kindred
