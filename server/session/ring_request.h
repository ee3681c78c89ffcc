#pragma once

#include <cstdint>
#include <string>

namespace kindred {

/// A ring change as a client asks for it.
struct RingRequest {
  enum Kind : uint8_t { kJoin, kLeave, kRemove, kReplace, kCommit, kClear };

  Kind kind = kCommit;
  std::string node;         // name, host:peerport or id; empty: the node that is asked
  std::string replacement;  // kReplace: the new one's host:peerport
  bool now = false;         // committed at once, not staged
  bool force = false;       // kRemove: without a majority
};

}  // namespace kindred
