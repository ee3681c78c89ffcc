#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "protocol/command/command_id.h"

// What is known of a command, as data: dispatch, COMMAND, DOCS, HELP and docs/commands.md all read
// this. Facts of Redis's commands are those of Redis 7.0.

namespace kindred {

// A set of values of an enum whose values number bits.
template <typename Enum>
class BitSet {
 public:
  constexpr BitSet() = default;
  constexpr BitSet(std::initializer_list<Enum> values) {
    for (const Enum value : values) {
      bits_ |= bit(value);
    }
  }
  constexpr void add(Enum value) { bits_ |= bit(value); }
  constexpr bool has(Enum value) const { return (bits_ & bit(value)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool operator==(const BitSet&) const = default;

 private:
  static constexpr uint32_t bit(Enum value) { return uint32_t{1} << static_cast<unsigned>(value); }
  uint32_t bits_ = 0;
};

// In the order in which COMMAND INFO names them.
enum class CommandFlag : uint8_t {
  kWrite,
  kReadonly,
  kDenyoom,
  kAdmin,
  kPubsub,
  kNoscript,
  kLoading,
  kStale,
  kSkipSlowlog,
  kFast,
  kNoAuth,
  kNoAsyncLoading,
  kNoMulti,
  kAllowBusy,
  kCount,
};

// In the order in which COMMAND INFO names them. @read, @write, @admin, @dangerous (of admin
// commands), @fast and @slow follow from the flags; see acl_categories().
// Those of data types that are not there yet have no members: rules that name them are still good.
enum class AclCategory : uint8_t {
  kKeyspace,
  kRead,
  kWrite,
  kSet,
  kSortedset,
  kList,
  kHash,
  kString,
  kBitmap,
  kHyperloglog,
  kGeo,
  kStream,
  kPubsub,
  kAdmin,
  kFast,
  kSlow,
  kBlocking,
  kDangerous,
  kConnection,
  kTransaction,
  kScripting,
  kCount,
};

// What a command does with its keys, as Redis's key specs say it.
enum class KeyFlag : uint8_t {
  kRo,  // reads
  kRw,  // reads and writes
  kOw,  // overwrites unread
  kRm,  // deletes unread
  kAccess,
  kUpdate,
  kInsert,
  kDelete,
  kVariableFlags,
  kNotKey,  // a channel, placed by its name like a key
  kCount,
};

using CommandFlags = BitSet<CommandFlag>;
using AclCategories = BitSet<AclCategory>;
using KeyFlags = BitSet<KeyFlag>;

std::string_view name_of(CommandFlag flag);      // "write"
std::string_view name_of(AclCategory category);  // "keyspace"
std::string_view name_of(KeyFlag flag);          // "RO"

// Where the keys are among the arguments (the command's name is 0): first, first + step ... up to
// `last`, which counts from the end where it is negative. first 0: no keys.
struct KeyPositions {
  int first = 0;
  int last = 0;
  int step = 0;
  KeyFlags flags;
  KeyFlags rest = {};  // of all but the first key, where they differ
};

// Where the channels are that a command publishes or subscribes to. first 0: there are none.
struct ChannelPositions {
  size_t first = 0;
  bool is_list = false;     // up to the last argument, else one
  bool is_pattern = false;  // subscribed to as a pattern
};

struct CommandSpec {
  std::string_view name;  // lower case; "config|get" of a subcommand
  CommandId id;
  int arity;  // arguments, name included (of a subcommand, both names); -n: at least n
  CommandFlags flags = {};
  AclCategories categories = {};  // those that do not follow from the flags
  KeyPositions keys = {};
  ChannelPositions channels = {};
  std::string_view group = {};
  std::string_view since = {};
  std::string_view complexity = {};
  std::string_view summary = {};
  // What may follow the name: words in capitals are literal, others stand for values, [optional],
  // <this | that>, [key ...] repeats what stands before it.
  std::string_view syntax = {};
  std::string_view tips = {};  // hints to cluster clients, parted by spaces
  std::string_view deprecated_since = {};
  std::string_view replaced_by = {};
  std::span<const CommandSpec> subcommands = {};

  // Whether a request of so many arguments, names included, has as many as the command takes.
  constexpr bool accepts_arg_count(size_t count) const {
    const auto args = static_cast<int64_t>(count);
    return arity >= 0 ? args == arity : args >= -int64_t{arity};
  }
  constexpr bool has(CommandFlag flag) const { return flags.has(flag); }
  constexpr bool is_container() const { return !subcommands.empty(); }
};

// All categories of a command, those that follow from its flags included.
AclCategories acl_categories(const CommandSpec& spec);

}  // namespace kindred
