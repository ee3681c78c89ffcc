#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command/command_spec.h"

namespace kindred {

/// What is wrong with a rule; kNone: nothing.
enum class RuleFlaw : uint8_t {
  kNone,
  kSyntax,
  kUnknownCommand,
  kPatternAfterAllKeys,
  kPatternAfterAllChannels,
  kBadPasswordHash,
  kNoSuchPassword,
  kFirstArgOfSubcommand,
  kBadLimit,
};
/// As Redis says it.
std::string_view text_of(RuleFlaw flaw);

/// What a request was refused for; the higher, the nearer it came.
enum class Denial : uint8_t { kNone, kCommand, kKey, kChannel };

/// Why a request is refused, and which of its arguments it was (kKey, kChannel).
struct Refusal {
  Denial denial = Denial::kNone;
  size_t argument = 0;
};

/// One set of what may be done: commands, and keys and channels they may be done to. A request is
/// allowed when one of a user's selectors allows all of it. At first nothing is allowed.
/// Rules and answers are those of Redis 7.0. Source: https://redis.io/docs/management/security/acl/
class Selector {
 public:
  /// Takes one rule of commands, keys or channels: +get -@all ~key* %R~key* &channel* allkeys ...
  [[nodiscard]] RuleFlaw apply(std::string_view rule);

  /// Whether the request may be run. `args` begins with the command's name and was accepted by
  /// spec.accepts_arg_count().
  [[nodiscard]] Refusal check(const CommandSpec& spec,
                              std::span<const std::string_view> args) const;
  /// Whether the channel, or pattern of channels, may be listened to.
  bool may_listen(std::string_view channel, bool is_pattern) const {
    return all_channels_ || allows_channel(channel, is_pattern);
  }
  /// True where no request and no key is ever refused.
  bool allows_everything() const { return all_commands_ && all_keys_ && all_channels_; }

  /// "~* &* +@all": rules that make this one out of a new one.
  std::string rules_text() const;
  std::string keys_text() const;
  std::string channels_text() const;
  std::string commands_text() const;

  bool operator==(const Selector&) const = default;

 private:
  static constexpr uint8_t kRead = 1;
  static constexpr uint8_t kWrite = 2;
  struct KeyPattern {
    uint8_t access = kRead | kWrite;
    std::string glob;
    bool operator==(const KeyPattern&) const = default;
  };

  RuleFlaw add_key_pattern(std::string_view rule);
  RuleFlaw add_channel_pattern(std::string_view rule);
  RuleFlaw change_category(std::string_view name, bool allow);
  RuleFlaw change_command(std::string_view name, bool allow);
  RuleFlaw allow_first_arg(std::string_view rule);
  void change(const CommandSpec& spec, bool allow);
  void set_all_commands(bool allow);
  void note_rule(std::string_view rule, bool allow);
  bool allows_command(const CommandSpec& spec, std::span<const std::string_view> args) const;
  bool allows_key(std::string_view key, KeyFlags flags) const;
  bool allows_channel(std::string_view channel, bool is_pattern) const;

  bool all_keys_ = false;
  bool all_channels_ = false;
  bool all_commands_ = false;  // those to come, too
  bool base_allows_ = false;   // +@all was the last of +@all and -@all
  std::bitset<static_cast<size_t>(CommandId::kCount)> commands_;
  std::map<CommandId, std::vector<std::string>> first_args_;  // +select|0
  std::vector<std::string> command_rules_;                    // since the last of +@all and -@all
  std::vector<KeyPattern> keys_;
  std::vector<std::string> channels_;
};

}  // namespace kindred
