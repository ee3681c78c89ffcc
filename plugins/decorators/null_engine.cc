#include "plugins/decorators/null_engine.h"

namespace kindred::plugins {

Capabilities NullEngine::capabilities() const {
  return {.try_get = true, .nonblocking = true};
}

Status NullEngine::get(std::string_view, std::string*) {
  return Status(StatusCode::kNotFound);
}

TryGet NullEngine::try_get(std::string_view, PinnedValue* value) {
  value->reset();
  return TryGet::kNotFound;
}

Status NullEngine::apply(const WriteBatch& batch, Durability durability) {
  if (!batch.well_formed()) {
    return Status(StatusCode::kInvalidArgument, "malformed batch: an empty or oversized key");
  }
  return durability == Durability::kGroup
             ? Status(StatusCode::kNotSupported, "the null engine can't sync")
             : Status();
}

Status NullEngine::scan(std::string_view, std::string_view, ScanVisitor) {
  return Status();
}

Status NullEngine::erase(std::string_view, std::string_view) {
  return Status();
}

EngineStats NullEngine::stats() {
  return {};
}

}  // namespace kindred::plugins
