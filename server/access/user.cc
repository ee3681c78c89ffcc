#include "server/access/user.h"

#include <algorithm>
#include <utility>

#include "protocol/resp/ascii.h"
#include "protocol/resp/number.h"

namespace kindred {

namespace {

constexpr std::string_view kRequestLimit = "ratelimit:";
constexpr std::string_view kByteLimit = "bytelimit:";
constexpr int64_t kLimitMax = 1'000'000'000'000;

}  // namespace

std::vector<std::string_view> words_of(std::string_view text, std::string_view blanks) {
  std::vector<std::string_view> words;
  for (size_t begin = text.find_first_not_of(blanks); begin != std::string_view::npos;) {
    const size_t end = std::min(text.find_first_of(blanks, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(blanks, end);
  }
  return words;
}

RuleFlaw User::apply(std::string_view rule) {
  if (rule.empty()) {
    return RuleFlaw::kNone;
  }
  if (rule.front() == '(') {
    return rule.back() == ')' ? add_selector(rule.substr(1, rule.size() - 2)) : RuleFlaw::kSyntax;
  }
  if (rule.front() == '>' || rule.front() == '<') {
    const PasswordDigest digest = digest_of(rule.substr(1));
    return rule.front() == '>' ? add_password(digest) : remove_password(digest);
  }
  if (rule.front() == '#' || rule.front() == '!') {
    const auto digest = digest_from_hex(rule.substr(1));
    if (!digest) {
      return RuleFlaw::kBadPasswordHash;
    }
    return rule.front() == '#' ? add_password(*digest) : remove_password(*digest);
  }
  for (const auto& [name, limit] :
       {std::pair(kRequestLimit, &limits_.requests), std::pair(kByteLimit, &limits_.bytes)}) {
    if (equals_ignoring_case(rule.substr(0, name.size()), name)) {
      return set_limit(rule.substr(name.size()), limit);
    }
  }
  if (equals_ignoring_case(rule, "on")) {
    is_enabled_ = true;
  } else if (equals_ignoring_case(rule, "off")) {
    is_enabled_ = false;
  } else if (equals_ignoring_case(rule, "nopass")) {
    needs_no_password_ = true;
    passwords_.clear();
  } else if (equals_ignoring_case(rule, "resetpass")) {
    needs_no_password_ = false;
    passwords_.clear();
  } else if (equals_ignoring_case(rule, "sanitize-payload")) {
    payloads_ = Payloads::kSanitize;
  } else if (equals_ignoring_case(rule, "skip-sanitize-payload")) {
    payloads_ = Payloads::kSkipSanitize;
  } else if (equals_ignoring_case(rule, "clearselectors")) {
    selectors_.resize(1);
  } else if (equals_ignoring_case(rule, "reset")) {
    reset();
  } else {
    return selectors_.front().apply(rule);
  }
  return RuleFlaw::kNone;
}

RuleFlaw User::set_limit(std::string_view number, uint64_t* limit) {
  const auto given = parse_int64(number);
  if (!given || *given < 0 || *given > kLimitMax) {
    return RuleFlaw::kBadLimit;
  }
  *limit = static_cast<uint64_t>(*given);
  return RuleFlaw::kNone;
}

void User::reset() {
  const SharedMeter meter = meter_;
  *this = User(std::move(name_));
  meter_ = meter;
  payloads_ = Payloads::kSanitize;
}

RuleFlaw User::add_selector(std::string_view rules) {
  Selector selector;
  for (const std::string_view rule : words_of(rules, " ")) {
    // A pattern with such an end would close the selector where the user is told, or saved.
    const RuleFlaw flaw = rule.ends_with(')') ? RuleFlaw::kSyntax : selector.apply(rule);
    if (flaw != RuleFlaw::kNone) {
      return flaw;
    }
  }
  selectors_.push_back(std::move(selector));
  return RuleFlaw::kNone;
}

RuleFlaw User::add_password(const PasswordDigest& digest) {
  needs_no_password_ = false;
  if (std::find(passwords_.begin(), passwords_.end(), digest) == passwords_.end()) {
    passwords_.push_back(digest);
  }
  return RuleFlaw::kNone;
}

RuleFlaw User::remove_password(const PasswordDigest& digest) {
  return std::erase(passwords_, digest) > 0 ? RuleFlaw::kNone : RuleFlaw::kNoSuchPassword;
}

void User::set_only_password(std::string_view password) {
  passwords_.clear();
  needs_no_password_ = password.empty();
  if (!password.empty()) {
    passwords_.push_back(digest_of(password));
  }
}

bool User::admits(std::string_view password) const {
  const PasswordDigest given = digest_of(password);
  bool is_known = false;
  for (const PasswordDigest& digest : passwords_) {
    is_known |= same_digest(given, digest);
  }
  return is_enabled_ && (needs_no_password_ || is_known);
}

Refusal User::check(const CommandSpec& spec, std::span<const std::string_view> args) const {
  Refusal nearest;
  for (const Selector& selector : selectors_) {
    const Refusal refusal = selector.check(spec, args);
    if (refusal.denial == Denial::kNone) {
      return {};
    }
    if (refusal.denial > nearest.denial ||
        (refusal.denial == nearest.denial && refusal.argument > nearest.argument)) {
      nearest = refusal;
    }
  }
  return nearest;
}

bool User::may_listen(std::string_view channel, bool is_pattern) const {
  return std::any_of(selectors_.begin(), selectors_.end(), [&](const Selector& selector) {
    return selector.may_listen(channel, is_pattern);
  });
}

std::vector<std::string_view> User::flags() const {
  std::vector<std::string_view> flags = {is_enabled_ ? "on" : "off"};
  if (needs_no_password_) {
    flags.emplace_back("nopass");
  }
  if (payloads_ != Payloads::kUnsaid) {
    flags.emplace_back(payloads_ == Payloads::kSanitize ? "sanitize-payload"
                                                        : "skip-sanitize-payload");
  }
  return flags;
}

std::string User::rules_text() const {
  std::string text;
  for (const std::string_view flag : flags()) {
    text += std::string(text.empty() ? "" : " ").append(flag);
  }
  for (const PasswordDigest& digest : passwords_) {
    text += " #" + to_hex(digest);
  }
  for (const auto& [name, limit] :
       {std::pair(kRequestLimit, limits_.requests), std::pair(kByteLimit, limits_.bytes)}) {
    text += limit != 0 ? std::string(" ").append(name) + std::to_string(limit) : "";
  }
  text += " " + selectors_.front().rules_text();
  for (size_t i = 1; i < selectors_.size(); ++i) {
    text += " (" + selectors_[i].rules_text() + ")";
  }
  return text;
}

bool join_selectors(std::span<const std::string_view> words, std::vector<std::string>* rules,
                    std::string* unmatched) {
  bool is_open = false;
  std::string first;
  for (const std::string_view word : words) {
    if (is_open) {
      rules->back().append(" ").append(word);
    } else {
      rules->emplace_back(word);
      first = word;
    }
    is_open = !rules->back().empty() && rules->back().front() == '(' && !word.ends_with(')');
    if (!is_open) {
      first.clear();
    }
  }
  *unmatched = first;
  return !is_open;
}

}  // namespace kindred
