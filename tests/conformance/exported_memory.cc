// The memory engine as a shared object: export.h with an engine that sets plain views.

#include "plugins/api/export.h"
#include "plugins/memory/memory_engine.h"

namespace {

struct ExportedMemory {
  static constexpr const char* kName = "exported-memory";
  static constexpr std::uint32_t kFormatVersion = 1;
  static constexpr kindred::plugins::Capabilities kCapabilities =
      kindred::plugins::memory::kCapabilities;
  static kindred::plugins::OpenedEngine open(const kindred::plugins::OpenOptions& options) {
    return kindred::plugins::memory::open_memory_engine(options);
  }
};

}  // namespace

KINDRED_EXPORT_ENGINE(ExportedMemory)
