#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/session/token.h"

namespace kindred {

/// What may be listened to. Patterns match channels; shard channels are a world of their own.
enum class ListenKind : uint8_t { kChannel, kPattern, kShardChannel, kCount };

/// A message to those who listen, on its way through the nodes of the cluster.
struct Publication {
  bool to_shard_channel = false;
  std::string channel;
  std::string message;
};

/// What one connection listens to.
class ListenedNames {
 public:
  using Names = std::set<std::string, std::less<>>;

  const Names& of(ListenKind kind) const { return names_[static_cast<size_t>(kind)]; }
  /// False where it was so already.
  bool add(ListenKind kind, std::string_view name) {
    return names_[static_cast<size_t>(kind)].emplace(name).second;
  }
  bool remove(ListenKind kind, std::string_view name);
  bool empty() const;

 private:
  std::array<Names, static_cast<size_t>(ListenKind::kCount)> names_;
};

/// Who of a worker's connections listens to what. One thread, the worker's.
class Channels {
 public:
  void add(ListenKind kind, std::string_view name, SessionId listener);
  void remove(ListenKind kind, std::string_view name, SessionId listener);

  /// Those who listen to exactly that name; null: nobody.
  const std::vector<SessionId>* listeners(ListenKind kind, std::string_view name) const;
  /// Calls visit(name, listeners) for each name that somebody listens to.
  template <typename Visit>
  void for_each(ListenKind kind, Visit visit) const {
    for (const auto& [name, listeners] : of(kind)) {
      visit(name, listeners);
    }
  }
  size_t count(ListenKind kind) const { return of(kind).size(); }
  /// A hash of each name that somebody listens to, in order.
  std::vector<uint64_t> name_hashes(ListenKind kind) const;

 private:
  using Listeners = std::map<std::string, std::vector<SessionId>, std::less<>>;

  const Listeners& of(ListenKind kind) const { return by_name_[static_cast<size_t>(kind)]; }

  std::array<Listeners, static_cast<size_t>(ListenKind::kCount)> by_name_;
};

}  // namespace kindred
