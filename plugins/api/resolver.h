// What makes one value of siblings where a client asks for one.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "plugins/api/status.h"

namespace kindred::plugins {

// Any thread, at any time. Must not wait: it runs on event loops.
class Resolver {
 public:
  virtual ~Resolver() = default;

  // One value of those of a key's siblings, which may be any bytes. Every node must come to the
  // same one whatever it met first, so the result may depend on the key and on the set of `values`
  // alone: not on their order, repetitions, time, chance or anything outside. Resolving the result
  // together with values that it was made of must give it again: it is written back. Where it
  // fails, a read shows the newest sibling and a read-modify-write is refused.
  virtual Status resolve(std::string_view key, std::span<const std::string_view> values,
                         std::string* resolved) const = 0;
};

}  // namespace kindred::plugins
