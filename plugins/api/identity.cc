#include "plugins/api/identity.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>

namespace kindred::plugins {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFirstLine = "kindred-engine 1";
constexpr std::size_t kFileBytesMax = 4096;

Status io_error(const std::string& what, const std::string& path, int error) {
  return Status(error == ENOSPC ? StatusCode::kNoSpace
                                : (error == EROFS ? StatusCode::kReadOnly : StatusCode::kIoError),
                what + " " + path + ": " + std::strerror(error));
}

std::string describe(const Identity& identity) {
  return "engine '" + identity.engine + "' format " + std::to_string(identity.engine_format) +
         " host layout " + std::to_string(identity.host_layout);
}

Status sync_path(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) {
    return io_error("can't open", path, errno);
  }
  const int result = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  return result == 0 ? Status() : io_error("can't sync", path, error);
}

Status write_synced(const std::string& path, const std::string& content) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) {
    return io_error("can't create", path, errno);
  }
  const ssize_t written = ::write(fd, content.data(), content.size());
  const int write_error = written < 0 ? errno : ENOSPC;
  const bool complete = written == static_cast<ssize_t>(content.size());
  const bool synced = complete && ::fsync(fd) == 0;
  const int error = complete ? errno : write_error;
  ::close(fd);
  return synced ? Status() : io_error("can't write", path, error);
}

Status malformed(const std::string& path) {
  return Status(StatusCode::kCorruption, path + " is not an engine identity file");
}

// True when there is nothing but a leftover of an interrupted write_identity.
bool holds_nothing(const std::string& dir, std::error_code* error) {
  for (fs::directory_iterator it(dir, *error), end; !*error && it != end; it.increment(*error)) {
    if (it->path().filename() != std::string(kIdentityFile) + ".new") {
      return false;
    }
  }
  return !*error;
}

}  // namespace

Status read_identity(const std::string& dir, Identity* identity) {
  const std::string path = dir + "/" + kIdentityFile;
  std::error_code error;
  if (!fs::exists(path, error)) {
    return error ? io_error("can't look for", path, error.value())
                 : Status(StatusCode::kNotFound, path + " does not exist");
  }
  std::ifstream file(path, std::ios::binary);
  std::string content(kFileBytesMax, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (file.bad() || !file.eof()) {
    return malformed(path);
  }
  content.resize(static_cast<std::size_t>(file.gcount()));

  std::istringstream lines(content);
  std::string first_line, engine_word, format_word, layout_word;
  std::getline(lines, first_line);
  lines >> engine_word >> identity->engine >> format_word >> identity->engine_format >>
      layout_word >> identity->host_layout;
  if (!lines || first_line != kFirstLine || engine_word != "engine" ||
      format_word != "engine-format" || layout_word != "host-layout") {
    return malformed(path);
  }
  return Status();
}

Status write_identity(const std::string& dir, const Identity& identity) {
  const std::string path = dir + "/" + kIdentityFile;
  const std::string fresh_path = path + ".new";
  std::ostringstream content;
  content << kFirstLine << "\nengine " << identity.engine << "\nengine-format "
          << identity.engine_format << "\nhost-layout " << identity.host_layout << "\n";
  Status status = write_synced(fresh_path, content.str());
  if (!status.ok()) {
    return status;
  }
  if (::rename(fresh_path.c_str(), path.c_str()) != 0) {
    return io_error("can't rename to", path, errno);
  }
  return sync_path(dir, O_RDONLY | O_DIRECTORY);
}

Status claim_directory(const std::string& dir, const Identity& expected) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) {
    return io_error("can't create directory", dir, error.value());
  }
  Identity found;
  Status status = read_identity(dir, &found);
  if (status.not_found()) {
    const bool empty = holds_nothing(dir, &error);
    if (error) {
      return io_error("can't list", dir, error.value());
    }
    if (!empty) {
      return Status(StatusCode::kInvalidArgument, dir + " holds files but no " + kIdentityFile +
                                                      " file; expected an empty " +
                                                      "directory or " + describe(expected));
    }
    return write_identity(dir, expected);
  }
  if (!status.ok()) {
    return status;
  }
  if (found != expected) {
    return Status(StatusCode::kInvalidArgument,
                  dir + " holds " + describe(found) + ", expected " + describe(expected));
  }
  return Status();
}

Status copy_identity(const std::string& from_dir, const std::string& to_dir) {
  Identity identity;
  Status status = read_identity(from_dir, &identity);
  if (status.not_found()) {
    return Status();
  }
  return status.ok() ? write_identity(to_dir, identity) : status;
}

}  // namespace kindred::plugins
