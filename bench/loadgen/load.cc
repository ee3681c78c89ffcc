#include "bench/loadgen/load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "replication/ring/slot.h"

namespace kindred::bench {
namespace {

constexpr size_t kReadBytes = 256 * 1024;
constexpr size_t kPayloadSlack = 64 * 1024;

uint64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

std::string failure(std::string_view what) {
  return std::string(what) + ": " + std::strerror(errno);
}

void append_header(std::string* out, char kind, uint64_t number) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out->push_back(kind);
  out->append(digits.data(), end);
  out->append("\r\n");
}

void append_bulk(std::string* out, std::string_view text) {
  append_header(out, '$', text.size());
  out->append(text);
  out->append("\r\n");
}

// Random bytes, so that an engine that compresses gains nothing on the others.
std::string random_payload(size_t bytes, std::mt19937_64* random) {
  std::string payload(bytes, '\0');
  for (char& byte : payload) {
    byte = static_cast<char>((*random)());
  }
  return payload;
}

}  // namespace

Load::Load(const Options& options)
    : options_(options),
      random_(options.prng_seed),
      payload_(random_payload(options.value_bytes + kPayloadSlack, &random_)),
      buffer_(kReadBytes),
      connections_(options.connections) {
  if (!options.slots.empty()) {
    ports_by_slot_.resize(kSlotCount);
  }
  for (const SlotOwner& owner : options.slots) {
    for (uint32_t slot = owner.first; slot <= owner.last && slot < kSlotCount; ++slot) {
      ports_by_slot_[slot] = owner.port;
    }
  }
}

Load::~Load() {
  for (const Connection& connection : connections_) {
    if (connection.fd >= 0) {
      close(connection.fd);
    }
  }
  if (epoll_ >= 0) {
    close(epoll_);
  }
}

std::string Load::run(Measured* measured) {
  if (std::string error = connect_all(); !error.empty()) {
    return error;
  }
  const uint64_t started = now_ns();
  deadline_ns_ = started + static_cast<uint64_t>(options_.seconds * 1e9);
  std::string error = loop(measured);
  measured->seconds = static_cast<double>(now_ns() - started) / 1e9;
  for (const Connection& connection : connections_) {
    measured->errors += connection.replies.errors();
    if (measured->first_error.empty()) {
      measured->first_error = connection.replies.first_error();
    }
  }
  return error;
}

std::string Load::connect_all() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) {
    return failure("epoll_create1");
  }
  for (size_t index = 0; index < connections_.size(); ++index) {
    Connection& connection = connections_[index];
    connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    connection.port = options_.ports[index % options_.ports.size()];
    address.sin_port = htons(connection.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      return failure("connect");
    }
    const int on = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(connection.fd, F_SETFL, O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u64 = index;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event) != 0) {
      return failure("epoll_ctl");
    }
  }
  return "";
}

std::string Load::loop(Measured* measured) {
  for (Connection& connection : connections_) {
    if (std::string error = start_batch(&connection); !error.empty()) {
      return error;
    }
  }
  std::array<epoll_event, 128> events{};
  while (busy_ > 0) {
    const int ready = epoll_wait(epoll_, events.data(), events.size(), -1);
    if (ready < 0 && errno != EINTR) {
      return failure("epoll_wait");
    }
    for (int at = 0; at < ready; ++at) {
      Connection& connection = connections_[events[static_cast<size_t>(at)].data.u64];
      std::string error = flush(&connection);
      if (error.empty()) {
        error = receive(&connection, measured);
      }
      if (!error.empty()) {
        return error;
      }
    }
  }
  return "";
}

bool Load::more_to_send() const {
  return options_.requests > 0 ? issued_ < options_.requests : now_ns() < deadline_ns_;
}

std::string_view Load::next_key(uint16_t port) {
  while (true) {
    const auto number = static_cast<uint32_t>(options_.fill ? issued_ : random_() % options_.keys);
    const int length = std::snprintf(key_.data(), key_.size(), "key:%012u", number);
    const std::string_view name(key_.data(), static_cast<size_t>(length));
    if (ports_by_slot_.empty() || options_.fill || ports_by_slot_[key_slot(name)] == port) {
      return name;
    }
  }
}

void Load::append_command(Connection* connection) {
  std::string* out = &connection->out;
  const std::string_view name = next_key(connection->port);
  if (options_.command == Command::kGet) {
    out->append("*2\r\n$3\r\nGET\r\n");
    append_bulk(out, name);
  } else {
    out->append("*3\r\n$3\r\nSET\r\n");
    append_bulk(out, name);
    const std::string_view payload(payload_);
    append_bulk(out, payload.substr(random_() % kPayloadSlack, options_.value_bytes));
  }
  ++issued_;
}

void Load::append_wait(std::string* out) const {
  out->append("*3\r\n$4\r\nWAIT\r\n");
  append_bulk(out, std::to_string(options_.wait_replicas));
  append_bulk(out, "0");
}

// Sends the next batch, or leaves the connection idle when the run is to end.
std::string Load::start_batch(Connection* connection) {
  connection->out.clear();
  connection->sent = 0;
  connection->commands = 0;
  connection->seen = 0;
  if (!more_to_send()) {
    return "";
  }
  const uint64_t left = options_.requests > 0 ? options_.requests - issued_ : options_.pipeline;
  while (connection->commands < std::min<uint64_t>(left, options_.pipeline)) {
    append_command(connection);
    ++connection->commands;
    ++connection->due;
    if (options_.wait_each) {
      append_wait(&connection->out);
      ++connection->due;
    }
  }
  if (options_.wait_replicas > 0 && !options_.wait_each) {
    append_wait(&connection->out);
    ++connection->due;
  }
  ++busy_;
  connection->sent_at_ns = now_ns();
  return flush(connection);
}

std::string Load::flush(Connection* connection) {
  while (connection->sent < connection->out.size()) {
    const ssize_t wrote = send(connection->fd, connection->out.data() + connection->sent,
                               connection->out.size() - connection->sent, MSG_NOSIGNAL);
    if (wrote < 0) {
      return errno == EAGAIN ? "" : failure("send");
    }
    connection->sent += static_cast<size_t>(wrote);
  }
  return "";
}

std::string Load::receive(Connection* connection, Measured* measured) {
  while (connection->due > 0) {
    const ssize_t got = recv(connection->fd, buffer_.data(), buffer_.size(), 0);
    if (got == 0) {
      return "the server closed a connection";
    }
    if (got < 0) {
      return errno == EAGAIN ? "" : failure("recv");
    }
    const std::string_view bytes(buffer_.data(), static_cast<size_t>(got));
    count(connection, connection->replies.feed(bytes), now_ns(), measured);
    if (connection->due == 0) {
      --busy_;
      if (std::string error = start_batch(connection); !error.empty()) {
        return error;
      }
    }
    // A short read has emptied the socket; the next edge tells of more.
    if (bytes.size() < buffer_.size()) {
      return "";
    }
  }
  return "";
}

// How many commands of a batch are done once so many of its replies have come.
uint64_t Load::done_after(uint64_t replies, uint32_t commands) const {
  if (options_.wait_replicas == 0) {
    return replies;
  }
  if (options_.wait_each) {
    return replies / 2;
  }
  return replies > commands ? commands : 0;
}

void Load::count(Connection* connection, uint64_t replies, uint64_t now, Measured* measured) {
  replies = std::min(connection->due, replies);
  const uint64_t before = done_after(connection->seen, connection->commands);
  connection->due -= replies;
  connection->seen += replies;
  const uint64_t done = done_after(connection->seen, connection->commands) - before;
  measured->operations += done;
  measured->latency_ns.record(now - connection->sent_at_ns, done);
}

}  // namespace kindred::bench
