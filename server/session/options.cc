#include "server/session/options.h"

#include <limits>

#include "protocol/command/errors.h"
#include "protocol/record/key.h"
#include "protocol/resp/number.h"

namespace kindred {

namespace {

constexpr int64_t kIntegerMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kIntegerMin = std::numeric_limits<int64_t>::min();

char to_lower(char byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + ('a' - 'A')) : byte;
}

}  // namespace

bool is_word(std::string_view text, std::string_view word) {
  if (text.size() != word.size()) {
    return false;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    if (to_lower(text[i]) != word[i]) {
      return false;
    }
  }
  return true;
}

std::optional<int64_t> absolute_ms(int64_t value, TimeArgument kind, uint64_t now_ms) {
  if (kind.in_seconds) {
    if (value > kIntegerMax / 1000 || value < kIntegerMin / 1000) {
      return std::nullopt;
    }
    value *= 1000;
  }
  if (!kind.is_absolute) {
    const auto now = static_cast<int64_t>(now_ms);
    if (value > kIntegerMax - now) {
      return std::nullopt;
    }
    value += now;
  }
  return value;
}

std::optional<int64_t> integer_argument(Call& call, size_t index) {
  const std::optional<int64_t> value = parse_int64(call.arg(index));
  if (!value) {
    call.error(error_text::kNotAnInteger);
  }
  return value;
}

std::optional<uint64_t> expiry_argument(Call& call, size_t index, TimeArgument kind) {
  const std::optional<int64_t> value = integer_argument(call, index);
  if (!value) {
    return std::nullopt;
  }
  const std::optional<int64_t> at_ms =
      *value > 0 ? absolute_ms(*value, kind, call.now_ms()) : std::nullopt;
  if (!at_ms) {
    call.error(invalid_expire_error(call.spec()));
    return std::nullopt;
  }
  return static_cast<uint64_t>(*at_ms);
}

std::optional<TimeArgument> expiry_word(std::string_view text) {
  if (is_word(text, "ex")) {
    return TimeArgument{.in_seconds = true, .is_absolute = false};
  }
  if (is_word(text, "px")) {
    return TimeArgument{.in_seconds = false, .is_absolute = false};
  }
  if (is_word(text, "exat")) {
    return TimeArgument{.in_seconds = true, .is_absolute = true};
  }
  if (is_word(text, "pxat")) {
    return TimeArgument{.in_seconds = false, .is_absolute = true};
  }
  return std::nullopt;
}

namespace {

/// Collects the words of SET and GETEX. The rules are Redis's: a word may come again, words that
/// exclude each other may not meet.
class StringWords {
 public:
  explicit StringWords(StringCommand command) : command_(command) {}

  /// How many arguments the word at `index` takes with it; 0: a syntax error.
  size_t take(Call& call, size_t index) {
    const std::string_view word = call.arg(index);
    if (command_ == StringCommand::kSet) {
      if (is_word(word, "nx") && !has(op_flag::kIfPresent)) {
        return flag(op_flag::kIfAbsent);
      }
      if (is_word(word, "xx") && !has(op_flag::kIfAbsent)) {
        return flag(op_flag::kIfPresent);
      }
      if (is_word(word, "get")) {
        return flag(op_flag::kReturnOld);
      }
      if (is_word(word, "keepttl") && expiry_index_ == 0) {
        return flag(op_flag::kKeepExpiry);
      }
    } else if (is_word(word, "persist") && expiry_index_ == 0) {
      options_.persist = true;
      return 1;
    }
    return take_expiry(call, index);
  }

  std::optional<StringOptions> finish(Call& call) {
    if (expiry_index_ != 0) {
      const std::optional<uint64_t> at_ms = expiry_argument(call, expiry_index_, expiry_kind_);
      if (!at_ms) {
        return std::nullopt;
      }
      options_.expire_at_ms = *at_ms;
    }
    return options_;
  }

 private:
  bool has(uint16_t bit) const { return (options_.flags & bit) != 0; }
  size_t flag(uint16_t bit) {
    options_.flags |= bit;
    return 1;
  }

  size_t take_expiry(Call& call, size_t index) {
    const std::optional<TimeArgument> kind = expiry_word(call.arg(index));
    const bool same_again = kind && expiry_index_ != 0 &&
                            kind->in_seconds == expiry_kind_.in_seconds &&
                            kind->is_absolute == expiry_kind_.is_absolute;
    if (!kind || index + 1 >= call.arg_count() || options_.persist || has(op_flag::kKeepExpiry) ||
        (expiry_index_ != 0 && !same_again)) {
      return 0;
    }
    expiry_kind_ = *kind;
    expiry_index_ = index + 1;
    return 2;
  }

  StringCommand command_;
  StringOptions options_;
  TimeArgument expiry_kind_;
  size_t expiry_index_ = 0;
};

}  // namespace

std::optional<StringOptions> string_options(Call& call, size_t first, StringCommand command) {
  StringWords words(command);
  for (size_t i = first; i < call.arg_count();) {
    const size_t taken = words.take(call, i);
    if (taken == 0) {
      call.error(error_text::kSyntax);
      return std::nullopt;
    }
    i += taken;
  }
  return words.finish(call);
}

namespace {

enum class VersionWord : uint8_t { kUnknown, kQuorum, kTimeout, kExpiry, kWithMeta, kLocal };

/// A word with a number of copies: where it goes and which commands know it.
struct QuorumWord {
  std::string_view word;
  uint8_t QuorumSpec::*field;
  bool dget, dput, ddel;
};
constexpr QuorumWord kQuorumWords[] = {
    {"r", &QuorumSpec::r, true, false, false},   {"pr", &QuorumSpec::pr, true, false, false},
    {"w", &QuorumSpec::w, false, true, true},    {"dw", &QuorumSpec::dw, false, true, false},
    {"pw", &QuorumSpec::pw, false, true, false},
};

const QuorumWord* find_quorum_word(CommandId id, std::string_view text) {
  for (const QuorumWord& entry : kQuorumWords) {
    const bool known = id == CommandId::kDget   ? entry.dget
                       : id == CommandId::kDput ? entry.dput
                                                : entry.ddel;
    if (known && is_word(text, entry.word)) {
      return &entry;
    }
  }
  return nullptr;
}

VersionWord version_word(CommandId id, std::string_view text) {
  if (find_quorum_word(id, text) != nullptr) {
    return VersionWord::kQuorum;
  }
  if (is_word(text, "timeout")) {
    return VersionWord::kTimeout;
  }
  if (id == CommandId::kDput && expiry_word(text)) {
    return VersionWord::kExpiry;
  }
  if (id == CommandId::kDget && is_word(text, "withmeta")) {
    return VersionWord::kWithMeta;
  }
  if (id == CommandId::kDget && is_word(text, "local")) {
    return VersionWord::kLocal;
  }
  return VersionWord::kUnknown;
}

/// A quorum above N is refused with both numbers, by the ring where it is known.
bool take_quorum(Call& call, size_t index, QuorumSpec* quorum) {
  const QuorumWord& entry = *find_quorum_word(call.spec().id, call.arg(index));
  const std::optional<int64_t> copies = integer_argument(call, index + 1);
  if (!copies) {
    return false;
  }
  std::string name(call.arg(index));
  for (char& letter : name) {
    letter = static_cast<char>(to_lower(letter) - ('a' - 'A'));
  }
  const bool may_be_zero = entry.field != &QuorumSpec::r && entry.field != &QuorumSpec::w;
  if (*copies < (may_be_zero ? 0 : 1)) {
    call.error("ERR " + name + " must be " + (may_be_zero ? "at least 0" : "at least 1"));
    return false;
  }
  const ClusterDocument* cluster = call.hub().cluster();
  constexpr size_t kKey = 1;  // of all commands that take quorums
  const int64_t replicas =
      cluster == nullptr
          ? 1
          : cluster->replicas_of(make_key(call.arg(kKey), call.hub().partitions()).partition);
  if (*copies > replicas) {
    call.error("ERR " + name + "=" + std::to_string(*copies) +
               " is more than the number of replicas N=" + std::to_string(replicas));
    return false;
  }
  quorum->*entry.field = static_cast<uint8_t>(*copies);
  return true;
}

bool take_timeout(Call& call, size_t index, QuorumSpec* quorum) {
  const std::optional<int64_t> timeout_ms = parse_int64(call.arg(index));
  if (!timeout_ms || *timeout_ms > std::numeric_limits<uint32_t>::max()) {
    call.error(error_text::kTimeoutNotAnInteger);
    return false;
  }
  if (*timeout_ms <= 0) {
    call.error(*timeout_ms < 0 ? error_text::kTimeoutNegative
                               : std::string_view("ERR timeout must be at least 1"));
    return false;
  }
  quorum->timeout_ms = static_cast<uint32_t>(*timeout_ms);
  return true;
}

}  // namespace

std::optional<VersionOptions> version_options(Call& call, size_t first) {
  VersionOptions options;
  for (size_t i = first; i < call.arg_count();) {
    const VersionWord word = version_word(call.spec().id, call.arg(i));
    const bool has_value = word == VersionWord::kQuorum || word == VersionWord::kTimeout ||
                           word == VersionWord::kExpiry;
    const bool twice = word == VersionWord::kExpiry && options.expire_at_ms != 0;
    if (word == VersionWord::kUnknown || twice || (has_value && i + 1 >= call.arg_count())) {
      call.error(error_text::kSyntax);
      return std::nullopt;
    }
    if ((word == VersionWord::kQuorum && !take_quorum(call, i, &options.quorum)) ||
        (word == VersionWord::kTimeout && !take_timeout(call, i + 1, &options.quorum))) {
      return std::nullopt;
    }
    if (word == VersionWord::kExpiry) {
      const auto at_ms = expiry_argument(call, i + 1, *expiry_word(call.arg(i)));
      if (!at_ms) {
        return std::nullopt;
      }
      options.expire_at_ms = *at_ms;
    }
    options.with_meta |= word == VersionWord::kWithMeta;
    options.local |= word == VersionWord::kLocal;
    i += has_value ? 2 : 1;
  }
  return options;
}

}  // namespace kindred
