#pragma once

#include <string>
#include <string_view>

#include "plugins/api/engine.h"
#include "server/config/config.h"

namespace kindred {

/// What a node leaves in its directory for its next start.
struct BootRecord {
  bool clean_stop = false;
  std::string machine_boot_id;  // /proc/sys/kernel/random/boot_id of the run
  DurabilityDirective durability = DurabilityDirective::kNone;  // the run's effective one
  std::string engine;                                           // the run's: storage-engine
  friend bool operator==(const BootRecord&, const BootRecord&) = default;
};

/// What is known at a start that finds a node record.
struct BootSituation {
  bool has_record = false;  // false: no boot file, or an unreadable one
  BootRecord before;
  std::string machine_boot_id;  // now; empty where the machine doesn't tell
  std::string engine;           // now
  bool engine_persistent = false;
  bool engine_had_data = false;  // its directory was there
};

std::string_view durability_word(DurabilityDirective durability);

/// The file of the boot record, in the node's directory.
inline constexpr char kBootFile[] = "boot";

/// What an engine makes of the configured durability: as much of it as it can.
[[nodiscard]] DurabilityDirective effective_durability(DurabilityDirective configured,
                                                       const plugins::Capabilities& engine);

/// Whether the copies on disk may lack writes that they acknowledged, so that they have to be
/// filled from others before they count.
[[nodiscard]] bool copies_need_filling(const BootSituation& situation);

std::string encode_boot_record(const BootRecord& record);
/// False where the text is no boot record.
[[nodiscard]] bool decode_boot_record(std::string_view text, BootRecord* record);

}  // namespace kindred
