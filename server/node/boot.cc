#include "server/node/boot.h"

namespace kindred {

namespace {

constexpr std::string_view kBootHeader = "kindred-boot 1\n";
constexpr std::string_view kClean = "stop clean\n";
constexpr std::string_view kUnclean = "stop none\n";

// Takes `line` (with its line break) off the front of `text`.
bool take(std::string_view line, std::string_view* text) {
  if (!text->starts_with(line)) {
    return false;
  }
  text->remove_prefix(line.size());
  return true;
}

// Takes a line that begins with `word` off the front; its rest.
bool take_line(std::string_view word, std::string_view* text, std::string* rest) {
  const size_t end = text->find('\n');
  if (end == std::string_view::npos || !text->starts_with(word)) {
    return false;
  }
  *rest = text->substr(word.size(), end - word.size());
  text->remove_prefix(end + 1);
  return true;
}

}  // namespace

std::string_view durability_word(DurabilityDirective durability) {
  switch (durability) {
    case DurabilityDirective::kNone:
      return "none";
    case DurabilityDirective::kAsync:
      return "async";
    case DurabilityDirective::kGroup:
      return "group";
  }
  return "none";
}

DurabilityDirective effective_durability(DurabilityDirective configured,
                                         const plugins::Capabilities& engine) {
  if (!engine.persistent) {
    return DurabilityDirective::kNone;
  }
  return configured == DurabilityDirective::kGroup && !engine.can_sync ? DurabilityDirective::kAsync
                                                                       : configured;
}

bool copies_need_filling(const BootSituation& situation) {
  if (!situation.engine_persistent || !situation.engine_had_data || !situation.has_record) {
    return true;
  }
  const BootRecord& before = situation.before;
  if (before.engine != situation.engine) {
    return true;  // what was acknowledged meanwhile is in another engine
  }
  if (before.clean_stop) {
    return false;
  }
  // Killed without a crash of the machine: what was handed to the system is still there.
  const bool same_machine_run =
      !situation.machine_boot_id.empty() && before.machine_boot_id == situation.machine_boot_id;
  if (same_machine_run) {
    return before.durability == DurabilityDirective::kNone;
  }
  // After a crash of the machine a write that only reached the log may be gone.
  return before.durability != DurabilityDirective::kGroup;
}

std::string encode_boot_record(const BootRecord& record) {
  std::string text(kBootHeader);
  text += record.clean_stop ? kClean : kUnclean;
  text += "machine " + record.machine_boot_id + "\n";
  text += "engine " + record.engine + "\n";
  text += "durability " + std::string(durability_word(record.durability)) + "\n";
  return text;
}

bool decode_boot_record(std::string_view text, BootRecord* record) {
  if (!take(kBootHeader, &text)) {
    return false;
  }
  record->clean_stop = text.starts_with(kClean);
  if (!take(record->clean_stop ? kClean : kUnclean, &text) ||
      !take_line("machine ", &text, &record->machine_boot_id) ||
      !take_line("engine ", &text, &record->engine)) {
    return false;
  }
  for (const DurabilityDirective durability :
       {DurabilityDirective::kNone, DurabilityDirective::kAsync, DurabilityDirective::kGroup}) {
    if (text == "durability " + std::string(durability_word(durability)) + "\n") {
      record->durability = durability;
      return true;
    }
  }
  return false;
}

}  // namespace kindred
