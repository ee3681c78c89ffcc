#include "plugins/rocksdb/rocksdb_device.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <mutex>
#include <vector>

namespace kindred::plugins::rocks {
namespace {

// About what a database needs at least for opening.
constexpr std::size_t kTrialBytes = std::size_t{1} << 20;
constexpr long kEventLogBytesMax = 1L << 20;

Status failure_of(const std::string& path) {
  const int error = errno;
  const StatusCode code = error == ENOSPC || error == EDQUOT ? StatusCode::kNoSpace
                          : error == EROFS                   ? StatusCode::kReadOnly
                                                             : StatusCode::kIoError;
  return Status(code, "can't write '" + path + "': " + std::strerror(error));
}

class EventLog : public rocksdb::Logger {
 public:
  explicit EventLog(std::FILE* file) : rocksdb::Logger(rocksdb::WARN_LEVEL), file_(file) {}
  ~EventLog() override {
    if (file_ != nullptr) {
      std::fclose(file_);
    }
  }
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    if (file_ == nullptr) {
      return;
    }
    const std::lock_guard lock(mutex_);
    if (std::ftell(file_) > kEventLogBytesMax && ::ftruncate(::fileno(file_), 0) == 0) {
      std::rewind(file_);
    }
    std::fprintf(file_, "%lld ", static_cast<long long>(std::time(nullptr)));
    std::vfprintf(file_, format, arguments);
    std::fputc('\n', file_);
    std::fflush(file_);
    std::clearerr(file_);
  }

 private:
  std::mutex mutex_;
  std::FILE* const file_;  // null where it could not be opened
};

}  // namespace

Status try_writing(const std::string& dir) {
  const std::string path = dir + "/TRIAL";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) {
    return failure_of(path);
  }
  Status status;
  const std::vector<char> bytes(kTrialBytes);
  std::size_t written = 0;
  while (status.ok() && written < bytes.size()) {
    const ssize_t count = ::write(file, bytes.data() + written, bytes.size() - written);
    if (count >= 0) {
      written += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      status = failure_of(path);
    }
  }
  if (status.ok() && ::fsync(file) != 0) {
    status = failure_of(path);
  }
  ::close(file);
  ::unlink(path.c_str());
  return status;
}

std::shared_ptr<rocksdb::Logger> open_event_log(const std::string& dir) {
  return std::make_shared<EventLog>(std::fopen((dir + "/LOG").c_str(), "ae"));
}

}  // namespace kindred::plugins::rocks
