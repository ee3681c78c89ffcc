#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "protocol/command/command_spec.h"
#include "protocol/command/introspection.h"

// What a request does to which keys and channels: what rules of access are checked against.

namespace kindred {

// What the command does to its (first) key with these arguments: "variable_flags" are looked into.
KeyFlags key_flags_of(const CommandSpec& spec, std::span<const std::string_view> args);

// Calls visit(index, KeyFlags) for each key among the arguments, names included.
template <typename Visit>
void for_each_key_access(const CommandSpec& spec, std::span<const std::string_view> args,
                         Visit visit) {
  if (spec.keys.first == 0) {
    return;
  }
  const KeyFlags flags = key_flags_of(spec, args);
  const KeyFlags rest = spec.keys.rest.empty() ? flags : spec.keys.rest;
  for_each_key(spec, args.size(), [&](size_t index) {
    const KeyFlags of_key = index == static_cast<size_t>(spec.keys.first) ? flags : rest;
    if (!of_key.has(KeyFlag::kNotKey)) {
      visit(index, of_key);
    }
  });
}

// Calls visit(index, is_pattern) for each channel that the request publishes or subscribes to.
template <typename Visit>
void for_each_channel(const CommandSpec& spec, std::span<const std::string_view> args,
                      Visit visit) {
  const ChannelPositions& channels = spec.channels;
  if (channels.first == 0) {
    return;
  }
  const size_t end = channels.is_list ? args.size() : channels.first + size_t{1};
  for (size_t i = channels.first; i < end && i < args.size(); ++i) {
    visit(i, channels.is_pattern);
  }
}

// "keyspace", in any case; nothing where there is no such category.
std::optional<AclCategory> find_category(std::string_view name);

}  // namespace kindred
