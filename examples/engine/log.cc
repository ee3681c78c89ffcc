#include "log.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

namespace logfile {
namespace {

using kindred::plugins::Status;
using kindred::plugins::StatusCode;

// A frame: u64 payload size, u64 checksum of size and payload, payload.
struct FrameHeader {
  std::uint64_t payload_bytes = 0;
  std::uint64_t checksum = 0;
};

// FNV-1a, seeded by the size so that a run of zeros is no frame.
std::uint64_t checksum_of(std::string_view payload) {
  std::uint64_t hash = 14695981039346656037u ^ payload.size();
  for (const char byte : payload) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211u;
  }
  return hash;
}

Status failed(const std::string& what, const std::string& path, int error) {
  const StatusCode code = error == ENOSPC || error == EDQUOT ? StatusCode::kNoSpace
                          : error == EROFS                   ? StatusCode::kReadOnly
                                                             : StatusCode::kIoError;
  return Status(code, what + " " + path + ": " + std::strerror(error));
}

// True when all bytes were read.
bool read_exactly(int fd, void* into, std::size_t bytes, std::uint64_t offset) {
  char* cursor = static_cast<char*>(into);
  while (bytes > 0) {
    const ssize_t got = ::pread(fd, cursor, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return false;
    }
    cursor += got;
    bytes -= static_cast<std::size_t>(got);
    offset += static_cast<std::uint64_t>(got);
  }
  return true;
}

bool write_exactly(int fd, const void* from, std::size_t bytes, std::uint64_t offset) {
  const char* cursor = static_cast<const char*>(from);
  while (bytes > 0) {
    const ssize_t put = ::pwrite(fd, cursor, bytes, static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put <= 0) {
      return false;
    }
    cursor += put;
    bytes -= static_cast<std::size_t>(put);
    offset += static_cast<std::uint64_t>(put);
  }
  return true;
}

// A new file's name is durable only when its directory is synced.
bool sync_directory_of(const std::string& path) {
  const std::string dir = std::filesystem::path(path).parent_path().string();
  const int fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) {
    ::close(fd);
  }
  return synced;
}

}  // namespace

Log::~Log() {
  static_cast<void>(close());
}

Status Log::open(const std::string& path, const std::function<bool(std::string_view)>& replay) {
  path_ = path;
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0) {
    return failed("can't open", path_, errno);
  }
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    return failed("another process or instance uses", path_, errno);
  }
  if (!sync_directory_of(path_)) {
    return failed("can't sync the directory of", path_, errno);
  }
  return replay_all(replay);
}

Status Log::replay_all(const std::function<bool(std::string_view)>& replay) {
  const off_t end = ::lseek(fd_, 0, SEEK_END);
  if (end < 0) {
    return failed("can't size", path_, errno);
  }
  const auto file_bytes = static_cast<std::uint64_t>(end);
  std::vector<char> payload;
  FrameHeader header;
  while (read_exactly(fd_, &header, sizeof(header), size_bytes_)) {
    const std::uint64_t left = file_bytes - size_bytes_ - sizeof(header);
    if (header.payload_bytes > left) {
      break;
    }
    payload.resize(header.payload_bytes);
    if (!read_exactly(fd_, payload.data(), payload.size(), size_bytes_ + sizeof(header))) {
      return failed("can't read", path_, errno);
    }
    const std::string_view view(payload.data(), payload.size());
    if (checksum_of(view) != header.checksum) {
      // The last frame may be torn by a crash; one with more behind it is damage.
      if (header.payload_bytes == left) {
        break;
      }
      return Status(StatusCode::kCorruption,
                    path_ + ": wrong checksum at offset " + std::to_string(size_bytes_));
    }
    if (!replay(view)) {
      return Status(StatusCode::kCorruption,
                    path_ + ": malformed frame at offset " + std::to_string(size_bytes_));
    }
    size_bytes_ += sizeof(header) + payload.size();
  }
  if (::ftruncate(fd_, static_cast<off_t>(size_bytes_)) != 0) {
    return failed("can't cut the torn tail of", path_, errno);
  }
  return Status();
}

Status Log::append(std::string_view payload, bool synced) {
  if (broken_) {
    return Status(StatusCode::kReadOnly, path_ + " takes no writes after an earlier failure");
  }
  const FrameHeader header{payload.size(), checksum_of(payload)};
  if (!write_exactly(fd_, &header, sizeof(header), size_bytes_) ||
      !write_exactly(fd_, payload.data(), payload.size(), size_bytes_ + sizeof(header))) {
    Status status = failed("can't append to", path_, errno);
    broken_ = ::ftruncate(fd_, static_cast<off_t>(size_bytes_)) != 0;
    return status;
  }
  size_bytes_ += sizeof(header) + payload.size();
  return synced ? sync() : Status();
}

Status Log::sync() {
  if (::fdatasync(fd_) != 0) {
    // After a failed sync the kernel may have dropped the pages: what is on the device is unknown.
    broken_ = true;
    return failed("can't sync", path_, errno);
  }
  return Status();
}

Status Log::close() {
  if (fd_ < 0) {
    return Status();
  }
  const Status status = broken_ ? Status() : sync();
  ::close(fd_);
  fd_ = -1;
  return status;
}

}  // namespace logfile
