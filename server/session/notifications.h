#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocol/command/command_spec.h"
#include "replication/node/operation.h"
#include "replication/node/ports.h"
#include "server/session/channels.h"

namespace kindred {

/// Keyspace notifications of one worker's sessions: remembers writes on their way, and makes the
/// publications of those that came to something. One thread.
class Notifications {
 public:
  /// A write is asked for under `token`; others are left alone.
  void asked(uint32_t classes, ClientToken token, const CommandSpec& spec,
             const Operation& operation, uint64_t now_ms);
  /// It was answered. A write of unknown outcome is not told.
  std::vector<Publication> answered(ClientToken token, const Outcome& outcome);
  /// Of one command of a transaction that was carried out as a whole.
  static std::vector<Publication> of_step(uint32_t classes, const CommandSpec& spec,
                                          const Operation& step, const Outcome& outcome,
                                          uint64_t now_ms);
  bool any() const { return !under_way_.empty(); }

 private:
  struct Change {
    uint32_t classes = 0;
    std::string key;
    std::string_view event;  // of a literal; empty: nothing that is told
    uint32_t event_class = 0;
    bool sets_expiry = false;  // beside the event
  };

  static Change change_of(uint32_t classes, const CommandSpec& spec, const Operation& operation,
                          uint64_t now_ms);
  static std::vector<Publication> publications_of(const Change& change);

  std::unordered_map<ClientToken, Change> under_way_;
};

}  // namespace kindred
