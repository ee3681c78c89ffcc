#pragma once

#include <array>
#include <cstdint>

namespace kindred {

/// How a command's requests may overlap with others of its connection.
enum class Access : uint8_t {
  kPlain,   // reads and plain writes: the shard takes them in the order they come
  kModify,  // read-modify-writes: run one after another at the key's first healthy primary
  kAlone,   // a SET that reads first (a keyspace without registers), at any coordinator
};

/// Which keys a connection has requests in flight on. A plain request and a modification of one key
/// must not overlap, as they may run at different nodes; those of one kind may, but for kAlone.
/// Keys are told apart by 8 bits of their hash: a clash costs a wait, never an order.
class KeyConflicts {
 public:
  static uint8_t bucket_of(uint64_t hash) { return static_cast<uint8_t>(hash >> 24); }

  bool blocked(Access access, uint8_t bucket) const {
    return (access != Access::kModify && modify_[bucket] != 0) ||
           (access != Access::kPlain && plain_[bucket] != 0);
  }
  void add(Access access, uint8_t bucket) { count(access, bucket, 1); }
  void remove(Access access, uint8_t bucket) { count(access, bucket, -1); }

 private:
  // In flight at most: slots of a session and parts of one command, well under 65,536.
  using Counters = std::array<uint16_t, 256>;

  /// One that goes alone counts as both kinds, so that it blocks all others.
  void count(Access access, uint8_t bucket, int by) {
    plain_[bucket] = static_cast<uint16_t>(plain_[bucket] + (access != Access::kModify ? by : 0));
    modify_[bucket] = static_cast<uint16_t>(modify_[bucket] + (access != Access::kPlain ? by : 0));
  }

  Counters plain_{};
  Counters modify_{};
};

}  // namespace kindred
