#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "replication/handoff/hint_book.h"
#include "replication/node/ports.h"

namespace kindred {

/// All hints that a node has of one key.
struct HintsOfKey {
  State state;  // merged; never written where there is no hint
  boost::container::small_vector<std::pair<NodeId, HintMark>, 2> marks;

  HintMark mark_of(NodeId target) const;
  void set_mark(NodeId target, const HintMark& mark);
};

/// Reads all hints of a key as one state: what a fallback knows of it. Not thread-safe.
class HintReader {
 public:
  /// `ports` and `book` outlive the reader. `first_id`: of the storage tokens it makes, which count
  /// up from there.
  HintReader(ShardPorts& ports, HintBook& book, StoreToken first_id)
      : ports_(ports), book_(book), last_id_(first_id) {}

  /// kPending: it would block, so read() must follow. Values may be borrowed until the next store
  /// of one of the hints.
  [[nodiscard]] LoadStatus try_read(const KeyRef& key, HintsOfKey* hints);
  /// What comes of it is told by on_loaded(), for `asker`.
  void read(const KeyRef& key, StoreToken asker);

  struct Done {
    StoreToken asker = 0;
    LoadStatus status = LoadStatus::kLoaded;
    HintsOfKey hints;  // as they are now, owned
  };
  /// Takes in a load that was asked under `id`; the whole, where it was the last of its read.
  std::optional<Done> on_loaded(uint64_t id, LoadStatus status, const State& state);
  /// A hint was stored, or erased (never written): reads under way may have it from before.
  void changed(const KeyRef& hint, const State& state);
  /// Whether a read of the hint's key waits, so that changed() will take its state.
  bool is_reading(const KeyRef& hint) const;

 private:
  struct Read {
    std::string key;
    Done done;
    uint32_t loads_left = 0;
  };
  struct Load {
    uint64_t read = 0;
    std::string key;
    KeyRef hint;  // views `key`
  };
  void take(HintsOfKey* hints, const KeyRef& hint, const State& state);
  void drop_damaged(const KeyRef& hint);

  ShardPorts& ports_;
  HintBook& book_;
  StoreToken last_id_;
  std::map<uint64_t, Read> reads_;
  std::map<uint64_t, Load> loads_;
};

}  // namespace kindred
