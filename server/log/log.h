#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "server/config/config.h"

namespace kindred {

/// The server's log: lines as Redis writes them, each flushed. Any thread, but for set_level().
class Log {
 public:
  /// To standard output where `file` is empty. Null with `error` set where the file can't be
  /// written.
  static std::unique_ptr<Log> open(LogVerbosity level, const std::string& file, std::string* error);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void set_level(LogVerbosity level);
  void write(LogVerbosity level, std::string_view text);
  void debug(std::string_view text) { write(LogVerbosity::kDebug, text); }
  void verbose(std::string_view text) { write(LogVerbosity::kVerbose, text); }
  void notice(std::string_view text) { write(LogVerbosity::kNotice, text); }
  void warning(std::string_view text) { write(LogVerbosity::kWarning, text); }

 private:
  struct Sink;
  explicit Log(std::unique_ptr<Sink> sink);
  std::unique_ptr<Sink> sink_;
};

}  // namespace kindred
