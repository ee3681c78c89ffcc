#include "tests/unit/session/redis_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include "protocol/resp/reply_parser.h"

namespace kindred {

namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int free_port() {
  const int probe = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof(address);
  const bool bound = bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(probe);
  return bound ? ntohs(address.sin_port) : 0;
}

/// Reads from `pipe` until `text` was said; false where the other end closes first.
bool wait_for_text(int pipe, std::string_view text) {
  std::string said;
  std::array<char, 4096> bytes;
  while (said.find(text) == std::string::npos) {
    const ssize_t size = read(pipe, bytes.data(), bytes.size());
    if (size <= 0) {
      return false;
    }
    said.append(bytes.data(), static_cast<size_t>(size));
  }
  return true;
}

}  // namespace

std::unique_ptr<RedisProcess> RedisProcess::start() {
  const int port = free_port();
  const std::string port_text = std::to_string(port);
  int pipe_ends[2];
  if (port == 0 || pipe(pipe_ends) != 0) {
    return nullptr;
  }
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(pipe_ends[1], STDOUT_FILENO);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    execlp("redis-server", "redis-server", "--port", port_text.c_str(), "--bind", "127.0.0.1",
           "--save", "", "--appendonly", "no", "--enable-debug-command", "no", nullptr);
    _exit(127);
  }
  close(pipe_ends[1]);
  const bool ready = pid > 0 && wait_for_text(pipe_ends[0], "Ready to accept connections");
  // The log's end stays open in the child's hands only; what it says from now on is not read.
  fcntl(pipe_ends[0], F_SETFD, FD_CLOEXEC);
  if (!ready) {
    close(pipe_ends[0]);
    if (pid > 0) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
    return nullptr;
  }
  return std::unique_ptr<RedisProcess>(new RedisProcess(pid, port));
}

RedisProcess::~RedisProcess() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

int RedisProcess::connect() {
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{.tv_sec = 2, .tv_usec = 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  const sockaddr_in address = loopback(port_);
  if (::connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    close(connection);
    return -1;
  }
  return connection;
}

std::string RedisProcess::talk(int connection, std::string_view request, size_t replies) {
  if (write(connection, request.data(), request.size()) != static_cast<ssize_t>(request.size())) {
    return "(cannot write)";
  }
  std::string said;
  std::array<char, 65536> room;
  ReplyParser parser;
  Reply reply;
  while (replies > 0) {
    const ssize_t size = read(connection, room.data(), room.size());
    if (size <= 0) {
      return said + "(no more)";
    }
    said.append(room.data(), static_cast<size_t>(size));
    parser.feed({room.data(), static_cast<size_t>(size)});
    while (replies > 0 && parser.next(reply) == ReplyStatus::kReply) {
      --replies;
    }
  }
  return said;
}

}  // namespace kindred
