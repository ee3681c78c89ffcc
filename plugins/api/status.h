// What an engine call came to. A value, never an exception.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace kindred::plugins {

// The numbers are those of the C ABI (abi.h) and never change.
enum class StatusCode : std::int32_t {
  kOk = 0,
  kNotFound = 1,
  // Only a call that may wait could answer.
  kWouldBlock = 2,
  kIoError = 3,
  // The device, a quota or the engine's own limit is full; nothing was applied.
  kNoSpace = 4,
  kReadOnly = 5,
  // Stored bytes fail the engine's own checks, or the directory is not what it should be.
  kCorruption = 6,
  // The engine can't do this; its capabilities say so beforehand.
  kNotSupported = 7,
  kInvalidArgument = 8,
};

constexpr std::string_view status_code_name(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return "ok";
    case StatusCode::kNotFound:
      return "not found";
    case StatusCode::kWouldBlock:
      return "would block";
    case StatusCode::kIoError:
      return "I/O error";
    case StatusCode::kNoSpace:
      return "no space";
    case StatusCode::kReadOnly:
      return "read only";
    case StatusCode::kCorruption:
      return "corruption";
    case StatusCode::kNotSupported:
      return "not supported";
    case StatusCode::kInvalidArgument:
      return "invalid argument";
  }
  return "unknown status";
}

// `message` is for people and logs, and empty on success.
struct [[nodiscard]] Status {
  StatusCode code = StatusCode::kOk;
  std::string message;

  Status() = default;
  explicit Status(StatusCode code_in, std::string message_in = {})
      : code(code_in), message(std::move(message_in)) {}

  bool ok() const { return code == StatusCode::kOk; }
  bool not_found() const { return code == StatusCode::kNotFound; }

  std::string text() const {
    std::string out(status_code_name(code));
    if (!message.empty()) {
      out += ": ";
      out += message;
    }
    return out;
  }
};

}  // namespace kindred::plugins
