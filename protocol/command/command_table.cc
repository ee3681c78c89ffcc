#include "protocol/command/command_table.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "protocol/command/families.h"
#include "protocol/resp/ascii.h"

namespace kindred {

namespace {

constexpr size_t kMaxNameBytes = 16;
constexpr size_t kSlotBits = 8;
constexpr size_t kSlots = size_t{1} << kSlotBits;

// A name of up to 16 bytes as two words, in lower case. Setting bit 5 turns nothing but a letter
// into a letter, so keys of names of letters are equal exactly if the names are but for case; of
// others they may be equal for names that are not.
struct NameKey {
  uint64_t head = 0;
  uint64_t tail = 0;
  bool operator==(const NameKey&) const = default;
};

template <typename Word>
uint64_t load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

// `name` has 1 to 16 bytes. Head and tail overlap where it is shorter; with the length they tell
// names apart.
NameKey name_key(std::string_view name) {
  constexpr uint64_t kLowerCase = 0x2020202020202020;
  const char* const bytes = name.data();
  const size_t size = name.size();
  NameKey key;
  if (size >= 8) {
    key = {load<uint64_t>(bytes), load<uint64_t>(bytes + size - 8)};
  } else if (size >= 4) {
    key = {load<uint32_t>(bytes), load<uint32_t>(bytes + size - 4)};
  } else {
    key = {load<uint8_t>(bytes) | load<uint8_t>(bytes + size / 2) << 8,
           load<uint8_t>(bytes + size - 1)};
  }
  key.head |= kLowerCase;
  key.tail |= kLowerCase;
  return key;
}

size_t slot_of(const NameKey& key) {
  constexpr uint64_t kHeadFactor = 0x9E3779B97F4A7C15;
  constexpr uint64_t kTailFactor = 0xC2B2AE3D27D4EB4F;
  return (key.head * kHeadFactor + key.tail * kTailFactor) >> (64 - kSlotBits);
}

// Open addressing with room to spare.
class CommandIndex {
 public:
  CommandIndex() {
    for (const auto family :
         {connection_commands(), server_commands(), diagnosis_commands(), generic_commands(),
          string_commands(), bitmap_commands(), pubsub_commands(), transaction_commands(),
          scripting_commands(), cluster_commands(), kindred_commands(), ring_commands(),
          acl_commands()}) {
      for (const CommandSpec& spec : family) {
        commands_.push_back(&spec);
        insert(spec);
      }
    }
  }

  const std::vector<const CommandSpec*>& commands() const { return commands_; }

  const CommandSpec* find(std::string_view name) const {
    if (name.empty() || name.size() > kMaxNameBytes) {
      return nullptr;
    }
    const NameKey key = name_key(name);
    for (size_t slot = slot_of(key); slots_[slot].spec != nullptr; slot = (slot + 1) % kSlots) {
      const Slot& found = slots_[slot];
      if (found.key == key && found.spec->name.size() == name.size() &&
          (found.letters_only || equals_ignoring_case(found.spec->name, name))) {
        return found.spec;
      }
    }
    return nullptr;
  }

 private:
  struct Slot {
    NameKey key;
    const CommandSpec* spec = nullptr;
    bool letters_only = true;
  };

  void insert(const CommandSpec& spec) {
    const NameKey key = name_key(spec.name);
    size_t slot = slot_of(key);
    while (slots_[slot].spec != nullptr) {
      slot = (slot + 1) % kSlots;
    }
    slots_[slot] = {key, &spec, spec.name.find_first_of("_-") == std::string_view::npos};
  }

  std::vector<const CommandSpec*> commands_;
  std::array<Slot, kSlots> slots_;
};

const CommandIndex& command_index() {
  static const CommandIndex index;
  return index;
}

}  // namespace

std::span<const CommandSpec* const> all_commands() {
  return command_index().commands();
}

const CommandSpec* find_command(std::string_view name) {
  return command_index().find(name);
}

const CommandSpec* find_subcommand(const CommandSpec& container, std::string_view name) {
  for (const CommandSpec& spec : container.subcommands) {
    if (equals_ignoring_case(short_name(spec), name)) {
      return &spec;
    }
  }
  return nullptr;
}

const CommandSpec* find_command_by_full_name(std::string_view full_name) {
  const size_t bar = full_name.find('|');
  const CommandSpec* const command = find_command(full_name.substr(0, bar));
  if (command == nullptr || bar == std::string_view::npos) {
    return command;
  }
  return find_subcommand(*command, full_name.substr(bar + 1));
}

std::string_view short_name(const CommandSpec& spec) {
  return spec.name.substr(spec.name.find('|') + 1);
}

}  // namespace kindred
