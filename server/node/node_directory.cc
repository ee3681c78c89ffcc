#include "server/node/node_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

namespace kindred {

namespace {

std::string failure(const std::string& what, const std::string& path) {
  return what + " '" + path + "': " + std::strerror(errno);
}

std::string sync_path(const std::string& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
  if (descriptor < 0 || ::fsync(descriptor) != 0) {
    std::string error = failure("can't sync", path);
    if (descriptor >= 0) {
      ::close(descriptor);
    }
    return error;
  }
  ::close(descriptor);
  return "";
}

std::string write_whole(const std::string& path, std::string_view content) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) {
    return failure("can't write", path);
  }
  while (!content.empty()) {
    const ssize_t written = ::write(file, content.data(), content.size());
    if (written < 0 && errno != EINTR) {
      std::string error = failure("can't write", path);
      ::close(file);
      return error;
    }
    content.remove_prefix(written > 0 ? static_cast<size_t>(written) : 0);
  }
  ::close(file);
  return sync_path(path, O_WRONLY);
}

}  // namespace

std::unique_ptr<NodeDirectory> NodeDirectory::open(const std::string& path, std::string* error) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    *error = failure("can't make the directory", path);
    return nullptr;
  }
  const std::string lock_path = path + "/lock";
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) {
    *error = failure("can't open", lock_path);
    return nullptr;
  }
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    *error = errno == EWOULDBLOCK
                 ? "the directory '" + path + "' is in use by another kindred-server"
                 : failure("can't lock", lock_path);
    ::close(lock);
    return nullptr;
  }
  return std::unique_ptr<NodeDirectory>(new NodeDirectory(path, lock));
}

NodeDirectory::~NodeDirectory() {
  ::close(lock_);
}

std::optional<std::string> NodeDirectory::read(const std::string& name, std::string* error) const {
  error->clear();
  errno = 0;
  std::ifstream stream(path_of(name), std::ios::binary);
  std::ostringstream content;
  if (!stream) {
    if (errno != ENOENT) {
      *error = failure("can't read", path_of(name));
    }
    return std::nullopt;
  }
  content << stream.rdbuf();
  if (stream.bad()) {
    *error = failure("can't read", path_of(name));
    return std::nullopt;
  }
  return content.str();
}

std::string NodeDirectory::write(const std::string& name, std::string_view content) const {
  return replace_file(path_of(name), content);
}

bool NodeDirectory::remove(const std::string& name) const {
  return ::unlink(path_of(name).c_str()) == 0;
}

std::string replace_file(const std::string& path, std::string_view content) {
  const std::string aside = path + ".new";
  std::string error = write_whole(aside, content);
  if (error.empty() && ::rename(aside.c_str(), path.c_str()) != 0) {
    error = failure("can't rename", aside);
  }
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return error.empty() ? sync_path(folder, O_RDONLY | O_DIRECTORY) : error;
}

std::string machine_boot_id() {
  std::ifstream stream("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(stream, id);
  return id;
}

}  // namespace kindred
