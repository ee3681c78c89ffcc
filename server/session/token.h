#pragma once

#include <cstdint>

#include "replication/node/ports.h"

namespace kindred {

/// Names a session of one worker. A handle that outlived its session finds nothing.
struct SessionId {
  uint32_t index = 0;
  uint16_t generation = 0;
  friend bool operator==(const SessionId&, const SessionId&) = default;
};

/// What a ClientToken of a session says: whose question it is, which reply it belongs to, and which
/// part of that reply's command. The top 8 bits stay zero: they are the node's own (it may note
/// there which worker asked) and must come back as zero.
struct TokenParts {
  static constexpr unsigned kPartBits = 12;
  static constexpr unsigned kSlotBits = 10;
  static constexpr unsigned kGenerationBits = 16;
  static constexpr unsigned kIndexBits = 18;

  SessionId session;
  uint32_t slot = 0;
  uint32_t part = 0;
  friend bool operator==(const TokenParts&, const TokenParts&) = default;

  constexpr ClientToken pack() const {
    ClientToken token = session.index;
    token = token << kGenerationBits | session.generation;
    token = token << kSlotBits | slot;
    return token << kPartBits | part;
  }
  static constexpr TokenParts unpack(ClientToken token) {
    TokenParts parts;
    parts.part = token & ((1U << kPartBits) - 1);
    token >>= kPartBits;
    parts.slot = token & ((1U << kSlotBits) - 1);
    token >>= kSlotBits;
    parts.session.generation = static_cast<uint16_t>(token);
    token >>= kGenerationBits;
    parts.session.index = token & ((1U << kIndexBits) - 1);
    return parts;
  }
};

/// Sessions of a worker, replies in flight of a session and parts in flight of a command at most.
inline constexpr uint32_t kSessionsMax = 1U << TokenParts::kIndexBits;
inline constexpr uint32_t kSlotsMax = 1U << TokenParts::kSlotBits;
inline constexpr uint32_t kPartsMax = 1U << TokenParts::kPartBits;

}  // namespace kindred
