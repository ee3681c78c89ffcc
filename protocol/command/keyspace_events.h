#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kindred {

// What notify-keyspace-events asks for: bits of the classes that Redis names by letters. Classes
// of what a node has none of (types, expiry as an event, misses) are kept and have no effect.
// Source: https://redis.io/docs/manual/keyspace-notifications/
namespace event_class {
inline constexpr uint32_t kKeyspace = 1;  // K: by key, at __keyspace@0__:<key>
inline constexpr uint32_t kKeyevent = 2;  // E: by event, at __keyevent@0__:<event>
inline constexpr uint32_t kGeneric = 4;   // g: DEL, EXPIRE, RENAME ...
inline constexpr uint32_t kString = 8;    // $
}  // namespace event_class

// The classes of "KEA", "Kg$" and the like; nothing where a letter is none of Redis's.
[[nodiscard]] std::optional<uint32_t> parse_event_classes(std::string_view letters);
// As CONFIG GET shows them.
[[nodiscard]] std::string event_classes_text(uint32_t classes);

}  // namespace kindred
