#include "server/access/selector.h"

#include <algorithm>

#include "protocol/command/command_table.h"
#include "protocol/command/key_access.h"
#include "protocol/command/missing_commands.h"
#include "protocol/resp/ascii.h"
#include "protocol/resp/glob.h"

namespace kindred {

namespace {

bool has_blanks(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return is_ascii_space(c) || c == '\0'; });
}

void append(std::string& text, std::string_view word) {
  if (!text.empty()) {
    text += ' ';
  }
  text += word;
}

/// Whether the rule `earlier` says nothing more once `name` is ruled on anew: the same, or a
/// subcommand of it.
bool is_replaced_by(std::string_view earlier, std::string_view name) {
  earlier.remove_prefix(1);  // + or -
  return earlier.starts_with(name) &&
         (earlier.size() == name.size() || earlier[name.size()] == '|');
}

}  // namespace

std::string_view text_of(RuleFlaw flaw) {
  switch (flaw) {
    case RuleFlaw::kNone:
      return "";
    case RuleFlaw::kSyntax:
      return "Syntax error";
    case RuleFlaw::kUnknownCommand:
      return "Unknown command or category name in ACL";
    case RuleFlaw::kPatternAfterAllKeys:
      return "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does "
             "not have any effect. Try 'resetkeys' to start with an empty list of patterns";
    case RuleFlaw::kPatternAfterAllChannels:
      return "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and "
             "does not have any effect. Try 'resetchannels' to start with an empty list of "
             "channels";
    case RuleFlaw::kBadPasswordHash:
      return "The password hash must be exactly 64 characters and contain only lowercase "
             "hexadecimal characters";
    case RuleFlaw::kNoSuchPassword:
      return "The password you are trying to remove from the user does not exist";
    case RuleFlaw::kFirstArgOfSubcommand:
      return "Allowing first-arg of a subcommand is not supported";
    case RuleFlaw::kBadLimit:
      return "A limit must be a number of 0 to 1000000000000";
  }
  return "";
}

// --- rules ---

RuleFlaw Selector::apply(std::string_view rule) {
  if (equals_ignoring_case(rule, "allkeys") || rule == "~*") {
    all_keys_ = true;
    keys_.clear();
  } else if (equals_ignoring_case(rule, "resetkeys")) {
    all_keys_ = false;
    keys_.clear();
  } else if (equals_ignoring_case(rule, "allchannels") || rule == "&*") {
    all_channels_ = true;
    channels_.clear();
  } else if (equals_ignoring_case(rule, "resetchannels")) {
    all_channels_ = false;
    channels_.clear();
  } else if (equals_ignoring_case(rule, "allcommands") || equals_ignoring_case(rule, "+@all")) {
    set_all_commands(true);
  } else if (equals_ignoring_case(rule, "nocommands") || equals_ignoring_case(rule, "-@all")) {
    set_all_commands(false);
  } else if (rule.starts_with('~') || rule.starts_with('%')) {
    return add_key_pattern(rule);
  } else if (rule.starts_with('&')) {
    return add_channel_pattern(rule);
  } else if (rule.starts_with("+@") || rule.starts_with("-@")) {
    return change_category(rule.substr(2), rule[0] == '+');
  } else if (rule.starts_with('+') || rule.starts_with('-')) {
    return change_command(rule.substr(1), rule[0] == '+');
  } else {
    return RuleFlaw::kSyntax;
  }
  return RuleFlaw::kNone;
}

RuleFlaw Selector::add_key_pattern(std::string_view rule) {
  if (all_keys_) {
    return RuleFlaw::kPatternAfterAllKeys;
  }
  uint8_t access = kRead | kWrite;
  if (rule[0] == '%') {
    access = 0;
    rule.remove_prefix(1);
    for (; !rule.empty() && rule[0] != '~'; rule.remove_prefix(1)) {
      const char letter = ascii_upper(rule[0]);
      const uint8_t bit = letter == 'R' ? kRead : letter == 'W' ? kWrite : 0;
      if (bit == 0 || (access & bit) != 0) {
        return RuleFlaw::kSyntax;
      }
      access |= bit;
    }
    if (rule.empty() || access == 0) {
      return RuleFlaw::kSyntax;
    }
  }
  const std::string_view glob = rule.substr(1);
  if (has_blanks(glob)) {
    return RuleFlaw::kSyntax;
  }
  const auto known = std::find_if(keys_.begin(), keys_.end(),
                                  [glob](const KeyPattern& key) { return key.glob == glob; });
  if (known != keys_.end()) {
    known->access |= access;
  } else {
    keys_.push_back({access, std::string(glob)});
  }
  return RuleFlaw::kNone;
}

RuleFlaw Selector::add_channel_pattern(std::string_view rule) {
  const std::string_view glob = rule.substr(1);
  if (all_channels_) {
    return RuleFlaw::kPatternAfterAllChannels;
  }
  if (has_blanks(glob)) {
    return RuleFlaw::kSyntax;
  }
  if (std::find(channels_.begin(), channels_.end(), glob) == channels_.end()) {
    channels_.emplace_back(glob);
  }
  return RuleFlaw::kNone;
}

RuleFlaw Selector::change_category(std::string_view name, bool allow) {
  const auto category = find_category(name);
  if (!category) {
    return RuleFlaw::kUnknownCommand;
  }
  for (const CommandSpec* command : all_commands()) {
    if (acl_categories(*command).has(*category)) {
      change(*command, allow);
    }
    for (const CommandSpec& subcommand : command->subcommands) {
      if (acl_categories(subcommand).has(*category)) {
        change(subcommand, allow);
      }
    }
  }
  note_rule("@" + lower_case(name), allow);
  return RuleFlaw::kNone;
}

RuleFlaw Selector::change_command(std::string_view name, bool allow) {
  const CommandSpec* spec = find_command_by_full_name(name);
  if (spec == nullptr && is_missing_command(name.substr(0, name.find('|')))) {
    // A rule that comes from a Redis: kept, though there is nothing to allow or deny.
    all_commands_ = all_commands_ && allow;
    note_rule(lower_case(name), allow);
    return RuleFlaw::kNone;
  }
  if (spec == nullptr) {
    return allow && name.find('|') != std::string_view::npos ? allow_first_arg(name)
                                                             : RuleFlaw::kUnknownCommand;
  }
  change(*spec, allow);
  for (const CommandSpec& subcommand : spec->subcommands) {
    change(subcommand, allow);
  }
  note_rule(spec->name, allow);
  return RuleFlaw::kNone;
}

/// +select|0: not a subcommand, but the command with that first argument.
RuleFlaw Selector::allow_first_arg(std::string_view rule) {
  const size_t bar = rule.rfind('|');
  const CommandSpec* spec = find_command_by_full_name(rule.substr(0, bar));
  const std::string_view argument = rule.substr(bar + 1);
  if (spec == nullptr) {
    return RuleFlaw::kUnknownCommand;
  }
  if (short_name(*spec).size() != spec->name.size()) {
    return RuleFlaw::kFirstArgOfSubcommand;
  }
  if (spec->is_container()) {
    return RuleFlaw::kUnknownCommand;
  }
  if (argument.empty() || has_blanks(argument)) {
    return RuleFlaw::kSyntax;
  }
  std::vector<std::string>& known = first_args_[spec->id];
  if (std::find(known.begin(), known.end(), argument) == known.end()) {
    known.emplace_back(argument);
  }
  note_rule(std::string(spec->name) + "|" + std::string(argument), true);
  return RuleFlaw::kNone;
}

void Selector::change(const CommandSpec& spec, bool allow) {
  commands_.set(static_cast<size_t>(spec.id), allow);
  first_args_.erase(spec.id);
  if (!allow) {
    all_commands_ = false;
  }
}

void Selector::set_all_commands(bool allow) {
  all_commands_ = allow;
  if (allow) {
    commands_.set();
  } else {
    commands_.reset();
  }
  first_args_.clear();
  command_rules_.clear();
  base_allows_ = allow;
}

void Selector::note_rule(std::string_view rule, bool allow) {
  std::erase_if(command_rules_,
                [rule](const std::string& earlier) { return is_replaced_by(earlier, rule); });
  command_rules_.push_back((allow ? "+" : "-") + std::string(rule));
}

// --- checks ---

Refusal Selector::check(const CommandSpec& spec, std::span<const std::string_view> args) const {
  if (!all_commands_ && !allows_command(spec, args)) {
    return {Denial::kCommand, 0};
  }
  Refusal refusal;
  if (!all_keys_) {
    for_each_key_access(spec, args, [&](size_t index, KeyFlags flags) {
      if (refusal.denial == Denial::kNone && !allows_key(args[index], flags)) {
        refusal = {Denial::kKey, index};
      }
    });
  }
  if (refusal.denial == Denial::kNone && !all_channels_) {
    for_each_channel(spec, args, [&](size_t index, bool is_pattern) {
      if (refusal.denial == Denial::kNone && !allows_channel(args[index], is_pattern)) {
        refusal = {Denial::kChannel, index};
      }
    });
  }
  return refusal;
}

bool Selector::allows_command(const CommandSpec& spec,
                              std::span<const std::string_view> args) const {
  // Whoever may not log in could never become somebody who may.
  if (commands_.test(static_cast<size_t>(spec.id)) || spec.has(CommandFlag::kNoAuth)) {
    return true;
  }
  const auto known = first_args_.find(spec.id);
  return known != first_args_.end() && args.size() > 1 &&
         std::any_of(known->second.begin(), known->second.end(), [&](const std::string& argument) {
           return equals_ignoring_case(argument, args[1]);
         });
}

bool Selector::allows_key(std::string_view key, KeyFlags flags) const {
  uint8_t needed = 0;
  if (flags.has(KeyFlag::kAccess)) {
    needed |= kRead;
  }
  if (flags.has(KeyFlag::kInsert) || flags.has(KeyFlag::kDelete) || flags.has(KeyFlag::kUpdate)) {
    needed |= kWrite;
  }
  return std::any_of(keys_.begin(), keys_.end(), [&](const KeyPattern& pattern) {
    return (pattern.access & needed) == needed && glob_match(pattern.glob, key);
  });
}

// A pattern that is subscribed to must be one of the rules, to the letter: it could match more than
// what they allow.
bool Selector::allows_channel(std::string_view channel, bool is_pattern) const {
  return std::any_of(channels_.begin(), channels_.end(), [&](const std::string& glob) {
    return is_pattern ? glob == channel : glob_match(glob, channel);
  });
}

// --- texts ---

std::string Selector::rules_text() const {
  std::string text = keys_text();
  if (!all_channels_) {
    append(text, "resetchannels");
  }
  if (all_channels_ || !channels_.empty()) {
    append(text, channels_text());
  }
  append(text, commands_text());
  return text;
}

std::string Selector::keys_text() const {
  if (all_keys_) {
    return "~*";
  }
  std::string text;
  for (const KeyPattern& pattern : keys_) {
    append(text, pattern.access == kRead ? "%R~" : pattern.access == kWrite ? "%W~" : "~");
    text += pattern.glob;
  }
  return text;
}

std::string Selector::channels_text() const {
  if (all_channels_) {
    return "&*";
  }
  std::string text;
  for (const std::string& glob : channels_) {
    append(text, "&" + glob);
  }
  return text;
}

std::string Selector::commands_text() const {
  std::string text = base_allows_ ? "+@all" : "-@all";
  for (const std::string& rule : command_rules_) {
    append(text, rule);
  }
  return text;
}

}  // namespace kindred
