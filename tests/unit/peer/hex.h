#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace kindred {

/// Two digits a byte, as golden bytes are written in the tests.
inline std::string hex(std::string_view bytes) {
  std::string text;
  char room[3];
  for (const char byte : bytes) {
    std::snprintf(room, sizeof room, "%02x", static_cast<uint8_t>(byte));
    text += room;
  }
  return text;
}

}  // namespace kindred
