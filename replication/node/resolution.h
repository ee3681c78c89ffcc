#pragma once

#include <cstddef>
#include <cstdint>

#include "replication/causal/state.h"
#include "replication/keyspace/keyspace.h"
#include "replication/node/operation.h"
#include "replication/node/ports.h"

namespace kindred {

/// The one value that a client is shown of a key's state, by its keyspace's resolver. Lives no
/// longer than the state.
class Resolution {
 public:
  /// `keyspace` may be null.
  Resolution(const State& state, const Keyspace* keyspace, const KeyRef& key, uint64_t now_ms,
             ShardPorts& ports);
  Resolution(const Resolution&) = delete;
  Resolution& operator=(const Resolution&) = delete;

  /// Null where no version lives. Where nothing made a value of several: the newest.
  const Sibling* shown() const { return shown_; }
  /// Several live, and a resolver made shown() of them.
  bool is_made() const { return shown_ == &made_; }
  /// Several live that hold different values, and it is left to the application which counts.
  bool is_open() const { return is_open_; }
  /// Versions that are not expired.
  size_t living() const { return living_; }

 private:
  void resolve(const State& state, const Keyspace& keyspace, const KeyRef& key, uint64_t now_ms,
               ShardPorts& ports);

  const Sibling* shown_ = nullptr;
  Sibling made_;
  size_t living_ = 0;
  bool is_open_ = false;
};

}  // namespace kindred
