#include "plugins/redis/ledger.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace kindred::plugins::redis {
namespace {

// One line of a fixed size, so that a number is replaced in place.
constexpr char kWritten[] =
    "kindred-redis 1 owner %016" PRIx64 " claimed %d acknowledged %020" PRIu64 " client %020" PRIu64
    " run %-40s\n";
constexpr char kRead[] = "kindred-redis 1 owner %16" SCNx64 " claimed %d acknowledged %20" SCNu64
                         " client %20" SCNu64 " run %40s";
constexpr std::size_t kLineBytesMax = 256;

Status io_error(const std::string& path) {
  const StatusCode code = errno == ENOSPC  ? StatusCode::kNoSpace
                          : errno == EROFS ? StatusCode::kReadOnly
                                           : StatusCode::kIoError;
  return Status(code, path + ": " + std::strerror(errno));
}

std::string hex(std::uint64_t number) {
  std::array<char, 17> text;
  std::snprintf(text.data(), text.size(), "%016" PRIx64, number);
  return text.data();
}

}  // namespace

Status Ledger::open(const std::string& dir, std::unique_ptr<Ledger>* opened) {
  const std::string path = dir + "/LEDGER";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return io_error(path);
  }
  std::unique_ptr<Ledger> ledger(new Ledger(path, fd));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return errno == EWOULDBLOCK ? Status(StatusCode::kIoError, path + " is held by another opener")
                                : io_error(path);
  }
  Status status = ledger->load();
  if (status.ok()) {
    *opened = std::move(ledger);
  }
  return status;
}

Ledger::~Ledger() {
  ::close(fd_);
}

Status Ledger::load() {
  std::array<char, kLineBytesMax> line = {};
  const ssize_t size = ::pread(fd_, line.data(), line.size() - 1, 0);
  if (size < 0) {
    return io_error(path_);
  }
  std::uint64_t owner = 0;
  if (size == 0) {
    if (::getrandom(&owner, sizeof(owner), 0) != sizeof(owner)) {
      return io_error(path_);
    }
    owner_ = hex(owner);
    Status status = store();
    return status.ok() && ::fsync(fd_) != 0 ? io_error(path_) : status;
  }
  int claimed = 0;
  std::array<char, 41> run;
  if (std::sscanf(line.data(), kRead, &owner, &claimed, &acknowledged_, &client_, run.data()) !=
      5) {
    return Status(StatusCode::kCorruption, path_ + " is not a ledger");
  }
  owner_ = hex(owner);
  claimed_ = claimed != 0;
  run_ = run.data();
  return Status();
}

Status Ledger::store() {
  std::array<char, kLineBytesMax> line;
  const int size = std::snprintf(line.data(), line.size(), kWritten,
                                 std::uint64_t{std::strtoull(owner_.c_str(), nullptr, 16)},
                                 claimed_ ? 1 : 0, acknowledged_, client_, run_.c_str());
  return ::pwrite(fd_, line.data(), static_cast<std::size_t>(size), 0) == size ? Status()
                                                                               : io_error(path_);
}

Status Ledger::set_connection(const std::string& run, std::uint64_t client) {
  run_ = run;
  client_ = client;
  return store();
}

Status Ledger::set_claimed() {
  claimed_ = true;
  Status status = store();
  return status.ok() && ::fsync(fd_) != 0 ? io_error(path_) : status;
}

Status Ledger::set_acknowledged(std::uint64_t number) {
  acknowledged_ = number;
  return store();
}

}  // namespace kindred::plugins::redis
