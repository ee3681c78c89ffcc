// The engines that a program knows by name. main() fills one; nothing registers itself.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/api/engine.h"

namespace kindred::plugins {

struct EngineFactory {
  // Raised when the engine's files of before can't be read any more.
  std::uint32_t format_version = 1;
  // What its instances will say; known before any is opened.
  Capabilities capabilities;
  std::function<OpenedEngine(const OpenOptions&)> open;
};

// One thread while registering; afterwards const methods from any thread.
class Registry {
 public:
  // kInvalidArgument when the name is taken, empty, or holds anything but a-z, 0-9, '-' and '_'.
  Status register_engine(std::string name, EngineFactory factory);

  // Null when unknown. Valid as long as the registry.
  const EngineFactory* find(std::string_view name) const;

  // Claims options.dir for a persistent engine (identity.h), then opens. An unknown name's error
  // lists the known ones.
  OpenedEngine open(std::string_view name, const OpenOptions& options) const;

  // Sorted.
  std::vector<std::string> names() const;

 private:
  std::map<std::string, EngineFactory, std::less<>> factories_;
};

}  // namespace kindred::plugins
