#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kindred {

/// SCAN's position: slot (14 bits) above the top 38 bits of the key hash, so that any node resumes
/// it and it stays under 2^53. Zero starts; a reply with cursor 0 ends.
struct ScanRequest {
  static constexpr unsigned kHashBits = 38;
  uint64_t cursor = 0;
  uint32_t count = 10;      // keys wanted at least, where there are that many; ties come whole
  uint32_t timeout_ms = 0;  // 0: request-timeout-ms
};

struct ScannedKey {
  std::string key;
  uint8_t type = 0;
};

/// One page, within one partition (the caller goes on with `cursor` for more).
struct ScanPage {
  bool ok = false;           // false: too few replicas answered (needed, seen say how many)
  bool no_replicas = false;  // too few are up
  uint8_t needed = 0;
  uint8_t seen = 0;
  uint64_t cursor = 0;
  std::vector<ScannedKey> keys;  // live keys only
};

}  // namespace kindred
