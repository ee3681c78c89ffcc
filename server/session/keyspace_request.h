#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "replication/keyspace/keyspace.h"

namespace kindred {

/// A change of the keyspaces as a client asks for it.
struct KeyspaceRequest {
  enum Kind : uint8_t { kSet, kDelete };

  Kind kind = kSet;
  Keyspace keyspace;                  // kSet
  std::vector<std::string> patterns;  // kDelete
};

}  // namespace kindred
