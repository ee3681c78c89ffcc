// An engine that takes everything and keeps nothing: what the store costs without one.
#pragma once

#include "plugins/api/engine.h"

namespace kindred::plugins {

// Any thread. Every write succeeds, kGroup excepted, and every read finds nothing; so it is no
// engine for the conformance suite.
class NullEngine : public Engine {
 public:
  Capabilities capabilities() const override;
  Status get(std::string_view key, std::string* value) override;
  TryGet try_get(std::string_view key, PinnedValue* value) override;
  Status apply(const WriteBatch& batch, Durability durability) override;
  Status scan(std::string_view begin, std::string_view end, ScanVisitor visitor) override;
  Status erase(std::string_view begin, std::string_view end) override;
  EngineStats stats() override;
};

}  // namespace kindred::plugins
