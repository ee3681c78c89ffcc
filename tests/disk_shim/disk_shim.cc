// A broken disk for one process, preloaded into it (LD_PRELOAD).
//
// KINDRED_SHIM_DIR: only files below it are meant.
// KINDRED_SHIM_CONTROL: a file that says what the disk does now: "full" (ENOSPC), "read-only"
// (EROFS), "failing" (EIO), anything else or no file: it works. KINDRED_SHIM_JOURNAL: a file that
// is told how much of each file was synced, a line each:
//   synced SIZE PATH | renamed FROM TO | made PATH
// What a file has beyond its last such size is what a loss of power may take. Files that are
// written anywhere but at their end are not followed.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int kFilesMax = 65536;
char* paths[kFilesMax];  // by descriptor; null: not ours

template <typename Function>
Function real(Function, const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}
#define REAL(name) real(&::name, #name)

bool is_ours(const char* path) {
  static const char* const dir = std::getenv("KINDRED_SHIM_DIR");
  return dir != nullptr && path != nullptr && std::strncmp(path, dir, std::strlen(dir)) == 0;
}
bool is_ours(int file) {
  return file >= 0 && file < kFilesMax && paths[file] != nullptr;
}

/// The error that every change gets now; 0: none.
int trouble() {
  static const char* const control = std::getenv("KINDRED_SHIM_CONTROL");
  if (control == nullptr) {
    return 0;
  }
  const int file = REAL(open)(control, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return 0;
  }
  char word[16] = {};
  const ssize_t size = ::read(file, word, sizeof word - 1);
  REAL(close)(file);
  const auto is = [&](const char* name) {
    return size > 0 && std::strncmp(word, name, std::strlen(name)) == 0;
  };
  return is("full") ? ENOSPC : is("read-only") ? EROFS : is("failing") ? EIO : 0;
}

bool refused(bool ours) {
  const int error = ours ? trouble() : 0;
  if (error != 0) {
    errno = error;
  }
  return error != 0;
}

void tell(const char* format, ...) {
  static const char* const journal = std::getenv("KINDRED_SHIM_JOURNAL");
  if (journal == nullptr) {
    return;
  }
  char line[2048];
  va_list arguments;
  va_start(arguments, format);
  const int size = std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  const int file = REAL(open)(journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file >= 0) {
    if (REAL(write)(file, line, static_cast<size_t>(size)) < 0) {
      std::abort();  // a journal with holes would make the test wrong
    }
    REAL(close)(file);
  }
}

int note_open(int file, const char* path, int flags) {
  if (file >= 0 && file < kFilesMax && is_ours(path) && (flags & O_ACCMODE) != O_RDONLY) {
    paths[file] = ::strdup(path);
    tell("made %s\n", path);
  }
  return file;
}

template <typename Sync>
int synced(int file, Sync sync) {
  if (!is_ours(file)) {
    return sync(file);
  }
  if (refused(true)) {
    return -1;
  }
  struct stat before {};
  ::fstat(file, &before);
  const int result = sync(file);
  if (result == 0) {
    tell("synced %lld %s\n", static_cast<long long>(before.st_size), paths[file]);
  }
  return result;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  if ((flags & O_ACCMODE) != O_RDONLY && refused(is_ours(path))) {
    return -1;
  }
  return note_open(REAL(open)(path, flags, mode), path, flags);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  if ((flags & O_ACCMODE) != O_RDONLY && refused(is_ours(path))) {
    return -1;
  }
  return note_open(REAL(open64)(path, flags, mode), path, flags);
}

int close(int file) {
  if (is_ours(file)) {
    std::free(paths[file]);
    paths[file] = nullptr;
  }
  return REAL(close)(file);
}

ssize_t write(int file, const void* bytes, size_t size) {
  return refused(is_ours(file)) ? -1 : REAL(write)(file, bytes, size);
}

ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset) {
  return refused(is_ours(file)) ? -1 : REAL(pwrite)(file, bytes, size, offset);
}

ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t offset) {
  return refused(is_ours(file)) ? -1 : REAL(pwrite64)(file, bytes, size, offset);
}

ssize_t writev(int file, const iovec* pieces, int count) {
  return refused(is_ours(file)) ? -1 : REAL(writev)(file, pieces, count);
}

int fsync(int file) {
  return synced(file, REAL(fsync));
}

int fdatasync(int file) {
  return synced(file, REAL(fdatasync));
}

int ftruncate(int file, off_t size) noexcept {
  return refused(is_ours(file)) ? -1 : REAL(ftruncate)(file, size);
}

int rename(const char* from, const char* to) noexcept {
  if (refused(is_ours(to))) {
    return -1;
  }
  const int result = REAL(rename)(from, to);
  if (result == 0 && is_ours(to)) {
    tell("renamed %s %s\n", from, to);
  }
  return result;
}

int unlink(const char* path) noexcept {
  return refused(is_ours(path)) ? -1 : REAL(unlink)(path);
}

int mkdir(const char* path, mode_t mode) noexcept {
  return refused(is_ours(path)) ? -1 : REAL(mkdir)(path, mode);
}

}  // extern "C"
