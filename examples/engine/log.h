// An append-only file of checksummed frames.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "plugins/api/status.h"

namespace logfile {

// Not thread-safe. One process at a time: the file is locked while open.
class Log {
 public:
  Log() = default;
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();

  // Opens or creates the file and replays each whole frame; what follows the last whole one was
  // never acknowledged and is cut off. `replay` returns false for a frame that makes no sense.
  kindred::plugins::Status open(const std::string& path,
                                const std::function<bool(std::string_view)>& replay);

  // Appends one frame, whole or not at all; synced to the device if asked.
  kindred::plugins::Status append(std::string_view payload, bool sync);

  kindred::plugins::Status sync();
  kindred::plugins::Status close();

  std::uint64_t size_bytes() const { return size_bytes_; }

 private:
  kindred::plugins::Status replay_all(const std::function<bool(std::string_view)>& replay);

  int fd_ = -1;
  std::string path_;
  std::uint64_t size_bytes_ = 0;
  // Set when a failed append could not be taken back: nothing may follow a torn frame.
  bool broken_ = false;
};

}  // namespace logfile
