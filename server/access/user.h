#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/access/password.h"
#include "server/access/rate_meter.h"
#include "server/access/selector.h"

namespace kindred {

/// Somebody who may log in, and what they may do then: the rules of Redis 7.0's ACL, and
/// `ratelimit:N` and `bytelimit:N`, what they may ask of a node in a second.
/// A plain value; a new one may not log in and may do nothing.
class User {
 public:
  explicit User(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  bool is_enabled() const { return is_enabled_; }
  /// Logs in with any password. As the default user: without logging in.
  bool needs_no_password() const { return needs_no_password_; }
  std::span<const PasswordDigest> passwords() const { return passwords_; }
  /// The root selector first; "(...)" add others.
  std::span<const Selector> selectors() const { return selectors_; }

  /// Takes one rule; a rule with a flaw changes nothing.
  [[nodiscard]] RuleFlaw apply(std::string_view rule);
  /// requirepass: the one password, or, where it is empty, none.
  void set_only_password(std::string_view password);

  /// Whether the password is one of this user's and the user is enabled. Takes as long for a wrong
  /// as for a right one.
  [[nodiscard]] bool admits(std::string_view password) const;
  /// Whether the request may be run; of several selectors' refusals that of the one that came
  /// nearest.
  [[nodiscard]] Refusal check(const CommandSpec& spec,
                              std::span<const std::string_view> args) const;
  bool may_listen(std::string_view channel, bool is_pattern) const;
  const RateLimits& limits() const { return limits_; }
  /// What is taken of them here; the same one while the user's rules change.
  RateMeter& meter() const { return *meter_.meter; }
  void share_meter(const User& other) { meter_ = other.meter_; }
  bool may_do_everything() const { return selectors_.front().allows_everything(); }

  /// "on nopass": as rules make them, passwords apart.
  std::vector<std::string_view> flags() const;
  /// The rules that make this user out of a new one; passwords as digests.
  std::string rules_text() const;

  bool operator==(const User&) const = default;

 private:
  enum class Payloads : uint8_t { kUnsaid, kSanitize, kSkipSanitize };

  RuleFlaw add_selector(std::string_view rules);
  RuleFlaw add_password(const PasswordDigest& digest);
  RuleFlaw remove_password(const PasswordDigest& digest);
  RuleFlaw set_limit(std::string_view number, uint64_t* limit);
  void reset();

  std::string name_;
  bool is_enabled_ = false;
  bool needs_no_password_ = false;
  Payloads payloads_ = Payloads::kUnsaid;  // RESTORE checks payloads in any case
  std::vector<PasswordDigest> passwords_;
  std::vector<Selector> selectors_ = std::vector<Selector>(1);
  RateLimits limits_;
  SharedMeter meter_;
};

/// The words of `text` that stand between any of `blanks`; they point into it.
std::vector<std::string_view> words_of(std::string_view text, std::string_view blanks);

/// The rules of a request or a line, in which a selector's parentheses may hold blanks: each
/// becomes one rule. False where a parenthesis is not closed; `*unmatched` is where it begins.
[[nodiscard]] bool join_selectors(std::span<const std::string_view> words,
                                  std::vector<std::string>* rules, std::string* unmatched);

}  // namespace kindred
