#include "plugins/lmdb/environment.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

namespace kindred::plugins::lmdb {
namespace {

constexpr mdb_mode_t kFileMode = 0644;
// One a reading thread; they cost 64 bytes each.
constexpr unsigned kReadersMax = 1024;
constexpr std::string_view kTurnKey = "turn";

StatusCode code_of(int error) {
  switch (error) {
    case MDB_SUCCESS:
      return StatusCode::kOk;
    case MDB_NOTFOUND:
      return StatusCode::kNotFound;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:     // a batch over what a transaction can hold
    case MDB_BAD_VALSIZE:  // a bucket over 4 GiB
      return StatusCode::kNoSpace;
    case EROFS:
      return StatusCode::kReadOnly;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
      return StatusCode::kCorruption;
    default:
      return StatusCode::kIoError;
  }
}

Status sync_path(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) {
    ::close(fd);
  }
  return synced ? Status() : status_of(error, path);
}

}  // namespace

Status status_of(int error, const std::string& where) {
  const StatusCode code = code_of(error);
  if (code == StatusCode::kOk || code == StatusCode::kNotFound) {
    return Status(code);
  }
  return Status(code, "lmdb: " + where + ": " + ::mdb_strerror(error));
}

Status Environment::open(const std::string& dir, const EnvironmentSettings& settings,
                         std::unique_ptr<Environment>* opened) {
  std::unique_ptr<Environment> environment(new Environment(dir, settings));
  Status status = environment->lock_directory();
  if (status.ok()) {
    status = environment->open_map();
  }
  if (status.ok()) {
    *opened = std::move(environment);
  }
  return status;
}

Environment::~Environment() {
  if (env_ != nullptr) {
    ::mdb_env_close(env_);
  }
  if (lock_fd_ >= 0) {
    ::close(lock_fd_);
  }
}

// LMDB lets processes share an environment, but breaks when one process opens it twice; and two
// nodes must never write the same copies.
Status Environment::lock_directory() {
  const std::string path = dir_ + "/LOCK";
  lock_fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode);
  if (lock_fd_ < 0) {
    return status_of(errno, path);
  }
  if (::flock(lock_fd_, LOCK_EX | LOCK_NB) != 0) {
    return errno == EWOULDBLOCK ? Status(StatusCode::kIoError, path + " is held by another opener")
                                : status_of(errno, path);
  }
  return Status();
}

Status Environment::open_map() {
  // MDB_NOMETASYNC: a commit syncs its pages before it writes the page that points to them, so a
  // crash of the machine leaves an older, sound tree. MDB_NOSYNC gives that up.
  const unsigned flags = MDB_NOTLS | (settings_.sync_commits ? MDB_NOMETASYNC : MDB_NOSYNC);
  int error = ::mdb_env_create(&env_);
  if (error == MDB_SUCCESS) {
    error = ::mdb_env_set_mapsize(env_, settings_.map_bytes);
  }
  if (error == MDB_SUCCESS) {
    error = ::mdb_env_set_maxreaders(env_, kReadersMax);
  }
  if (error == MDB_SUCCESS) {
    error = ::mdb_env_set_maxdbs(env_, 2);
  }
  if (error == MDB_SUCCESS) {
    error = ::mdb_env_open(env_, dir_.c_str(), flags, kFileMode);
  }
  if (error != MDB_SUCCESS) {
    return status_of(error, dir_);
  }
  MDB_envinfo info;
  error = ::mdb_env_info(env_, &info);
  if (error != MDB_SUCCESS) {
    return status_of(error, dir_);
  }
  map_bytes_ = info.me_mapsize;  // what is there may need more than was asked for
  return write([this](MDB_txn* txn) {
    const int opened = ::mdb_dbi_open(txn, "records", MDB_CREATE, &records_);
    return opened == MDB_SUCCESS ? ::mdb_dbi_open(txn, "turns", MDB_CREATE, &turns_) : opened;
  });
}

Status Environment::read(const std::function<int(MDB_txn*)>& body) {
  const std::shared_lock pass(gate_);
  MDB_txn* txn = nullptr;
  int error = ::mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  if (error != MDB_SUCCESS) {
    return status_of(error, dir_);
  }
  error = body(txn);
  ::mdb_txn_abort(txn);
  return status_of(error, dir_);
}

Status Environment::write(const std::function<int(MDB_txn*)>& body) {
  const std::lock_guard writing(write_mutex_);
  bool turned = false;
  while (true) {
    const int error = attempt(body);
    if (error != MDB_MAP_FULL) {
      return status_of(error, dir_);
    }
    Status grown = grow();
    if (!grown.ok() && (turned || attempt([this](MDB_txn* txn) { return turn(txn); }) != 0)) {
      return grown;
    }
    turned = turned || !grown.ok();
  }
}

// What a transaction frees, the next but one may use. A full file would wait for ever for that next
// one, since one that fails doesn't count: this is it.
int Environment::turn(MDB_txn* txn) const {
  std::string bytes = std::to_string(commits_);
  MDB_val key = {kTurnKey.size(), const_cast<char*>(kTurnKey.data())};
  MDB_val value = {bytes.size(), bytes.data()};
  return ::mdb_put(txn, turns_, &key, &value, 0);
}

int Environment::attempt(const std::function<int(MDB_txn*)>& body) {
  const std::shared_lock pass(gate_);
  MDB_txn* txn = nullptr;
  int error = ::mdb_txn_begin(env_, nullptr, 0, &txn);
  if (error != MDB_SUCCESS) {
    return error;
  }
  error = body(txn);
  if (error != MDB_SUCCESS) {
    ::mdb_txn_abort(txn);
    return error;
  }
  error = ::mdb_txn_commit(txn);
  if (error == MDB_SUCCESS) {
    const std::lock_guard lock(commits_mutex_);
    ++commits_;
  }
  return error;
}

Status Environment::grow() {
  const std::unique_lock closed(gate_);
  if (map_bytes_ >= settings_.map_bytes_max) {
    return Status(StatusCode::kNoSpace, "lmdb: " + dir_ + " is as large as file-bytes-max allows");
  }
  const std::uint64_t wanted = std::min(map_bytes_ * 2, settings_.map_bytes_max);
  const int error = ::mdb_env_set_mapsize(env_, wanted);
  if (error == MDB_SUCCESS) {
    map_bytes_ = wanted;
  }
  return status_of(error, dir_);
}

Status Environment::sync() {
  std::uint64_t wanted = 0;
  {
    const std::lock_guard lock(commits_mutex_);
    wanted = commits_;
  }
  const std::lock_guard syncing(sync_mutex_);
  if (synced_commits_ >= wanted) {
    return Status();
  }
  std::uint64_t covered = 0;
  {
    const std::lock_guard lock(commits_mutex_);
    covered = commits_;
  }
  const std::shared_lock pass(gate_);
  const int error = ::mdb_env_sync(env_, 1);
  if (error == MDB_SUCCESS) {
    synced_commits_ = covered;
  }
  return status_of(error, dir_);
}

Status Environment::copy(const std::string& dir) {
  {
    const std::shared_lock pass(gate_);
    const int error = ::mdb_env_copy2(env_, dir.c_str(), MDB_CP_COMPACT);
    if (error != MDB_SUCCESS) {
      return status_of(error, dir);
    }
  }
  Status status = sync_path(dir + "/data.mdb", O_RDWR);
  return status.ok() ? sync_path(dir, O_RDONLY | O_DIRECTORY) : status;
}

Status Environment::figures(EnvironmentFigures* figures) {
  return read([&](MDB_txn* txn) {
    MDB_envinfo info;
    MDB_stat stat;
    int error = ::mdb_env_info(env_, &info);
    if (error == MDB_SUCCESS) {
      error = ::mdb_stat(txn, records_, &stat);
    }
    if (error == MDB_SUCCESS) {
      figures->records = stat.ms_entries;
      figures->pages_in_use = stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
      figures->pages_of_file = info.me_last_pgno + 1;
      figures->page_bytes = stat.ms_psize;
      figures->map_bytes = info.me_mapsize;
      figures->tree_depth = stat.ms_depth;
      figures->readers = info.me_numreaders;
    }
    return error;
  });
}

}  // namespace kindred::plugins::lmdb
