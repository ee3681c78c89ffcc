#include "server/access/users.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "protocol/resp/ascii.h"

namespace kindred {

namespace {

constexpr std::string_view kBlanks = " \t\r";  // between the words of a line

/// The rule, but for the password that it may hold: for logs and error texts.
std::string without_secret(const std::string& rule) {
  if (!rule.empty() && (rule.front() == '>' || rule.front() == '<')) {
    return rule.substr(0, 1) + "(redacted)";
  }
  return rule;
}

bool is_user_name(std::string_view name) {
  return !name.empty() && std::none_of(name.begin(), name.end(),
                                       [](char c) { return is_ascii_space(c) || c == '\0'; });
}

struct FailedRule {
  std::string rule;
  RuleFlaw flaw = RuleFlaw::kNone;
};

std::optional<FailedRule> apply_all(User& user, std::span<const std::string> rules) {
  for (const std::string& rule : rules) {
    const RuleFlaw flaw = user.apply(rule);
    if (flaw != RuleFlaw::kNone) {
      return FailedRule{rule, flaw};
    }
  }
  return std::nullopt;
}

std::string unmatched_text(const std::string& begin) {
  return "Unmatched parenthesis in acl selector starting at '" + begin + "'.";
}

/// A user out of its rules and nothing else.
std::string made_user(std::string_view name, std::span<const std::string_view> words,
                      std::optional<User>* made) {
  std::vector<std::string> rules;
  std::string unmatched;
  if (!join_selectors(words, &rules, &unmatched)) {
    return unmatched_text(unmatched);
  }
  User user{std::string(name)};
  if (const auto failed = apply_all(user, rules)) {
    return "Error in applying operation '" + without_secret(failed->rule) +
           "': " + std::string(text_of(failed->flaw));
  }
  *made = std::move(user);
  return "";
}

/// As a line of a configuration or a file makes one: what is not said of it is as after `reset`.
std::string configured_user(std::string_view name, std::span<const std::string_view> words,
                            std::optional<User>* made) {
  std::vector<std::string_view> rules = {"reset"};
  rules.insert(rules.end(), words.begin(), words.end());
  return made_user(name, rules, made);
}

}  // namespace

Users::Users() {
  User open{std::string(kDefaultUser)};
  for (const std::string_view rule : {"on", "nopass", "~*", "&*", "+@all"}) {
    static_cast<void>(open.apply(rule));
  }
  put(std::move(open));
}

std::shared_ptr<const User> Users::find(std::string_view name) const {
  const auto found = users_.find(name);
  return found != users_.end() ? found->second : nullptr;
}

void Users::put(User user) {
  auto shared = std::make_shared<const User>(std::move(user));
  users_[shared->name()] = shared;
  if (shared->name() == kDefaultUser) {
    default_ = std::move(shared);
  }
}

bool Users::remove(std::string_view name) {
  const auto found = users_.find(name);
  if (found == users_.end() || name == kDefaultUser) {
    return false;
  }
  users_.erase(found);
  return true;
}

std::vector<std::string> Users::names() const {
  std::vector<std::string> names;
  for (const auto& [name, user] : users_) {
    names.push_back(name);
  }
  return names;
}

std::vector<std::string> Users::lines() const {
  std::vector<std::string> lines;
  for (const auto& [name, user] : users_) {
    lines.push_back("user " + name + " " + user->rules_text());
  }
  return lines;
}

std::string set_user(Users& users, std::string_view name, std::span<const std::string_view> words) {
  if (!is_user_name(name)) {
    return "ERR Usernames can't contain spaces or null characters";
  }
  std::vector<std::string> rules;
  std::string unmatched;
  if (!join_selectors(words, &rules, &unmatched)) {
    return "ERR " + unmatched_text(unmatched);
  }
  const auto known = users.find(name);
  User user = known != nullptr ? *known : User{std::string(name)};
  if (const auto failed = apply_all(user, rules)) {
    return "ERR Error in ACL SETUSER modifier '" + failed->rule +
           "': " + std::string(text_of(failed->flaw));
  }
  users.put(std::move(user));
  return "";
}

std::string apply_change(const UserChange& change, Users& users, uint64_t* count) {
  *count = 0;
  if (change.kind == UserChange::Kind::kSet) {
    *count = 1;
    const std::vector<std::string_view> words(change.words.begin(), change.words.end());
    return set_user(users, change.name, words);
  }
  for (const std::string& name : change.words) {
    if (name == kDefaultUser) {
      return "ERR The 'default' user cannot be removed";
    }
  }
  for (const std::string& name : change.words) {
    *count += users.remove(name) ? 1 : 0;
  }
  return "";
}

void keep_meters(const Users& before, Users* users) {
  for (const std::string& name : users->names()) {
    const auto user = users->find(name);
    const auto old = before.find(name);
    if (old != nullptr && !user->limits().none()) {
      User same = *user;
      same.share_meter(*old);
      users->put(std::move(same));
    }
  }
}

Users with_committed(Users users, const std::vector<CommittedUser>& committed) {
  for (const CommittedUser& user : committed) {
    if (user.rules.empty()) {
      users.remove(user.name);
      continue;
    }
    std::optional<User> made;
    const std::string wrong = made_user(user.name, words_of(user.rules, kBlanks), &made);
    users.put(wrong.empty() ? std::move(*made) : User(user.name));
  }
  return users;
}

bool commit_users(const Users& users, std::span<const std::string> names,
                  std::vector<CommittedUser>* committed) {
  std::vector<CommittedUser> changed = *committed;
  for (const std::string& name : names) {
    const auto user = users.find(name);
    CommittedUser entry{name, user != nullptr ? user->rules_text() : std::string()};
    if (entry.name.size() > kNameBytesMax || entry.rules.size() > kUserRulesBytesMax) {
      return false;
    }
    const auto place = std::ranges::lower_bound(changed, name, {}, &CommittedUser::name);
    if (place != changed.end() && place->name == name) {
      *place = std::move(entry);
    } else {
      changed.insert(place, std::move(entry));
    }
  }
  if (changed.size() > kUsersMax) {
    return false;
  }
  *committed = std::move(changed);
  return true;
}

std::string add_configured_user(Users& users, std::span<const std::string> words) {
  if (words.empty() || !is_user_name(words[0])) {
    return "needs a user's name and rules";
  }
  const std::vector<std::string_view> rules(words.begin() + 1, words.end());
  std::optional<User> user;
  std::string wrong = configured_user(words[0], rules, &user);
  if (wrong.empty()) {
    users.put(std::move(*user));
  }
  return wrong;
}

std::string load_users(std::string_view text, const std::string& path, Users* users) {
  Users loaded;
  std::string errors;
  size_t number = 0;
  std::vector<std::string_view> seen;
  while (!text.empty()) {
    ++number;
    const size_t end = std::min(text.find('\n'), text.size());
    const std::vector<std::string_view> words = words_of(text.substr(0, end), kBlanks);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (words.empty() || words[0].starts_with('#')) {
      continue;
    }
    const std::string where = path + ":" + std::to_string(number);
    std::string wrong;
    if (words.size() < 2 || words[0] != "user") {
      errors += where + " should start with user keyword followed by the username. ";
      continue;
    }
    std::optional<User> user;
    if (!is_user_name(words[1])) {
      wrong = "Syntax error";
    } else if (std::find(seen.begin(), seen.end(), words[1]) != seen.end()) {
      wrong = "Duplicate user '" + std::string(words[1]) + "'";
    } else {
      wrong = configured_user(words[1], std::span(words).subspan(2), &user);
    }
    seen.push_back(words[1]);
    if (!wrong.empty()) {
      errors.append(where).append(": ").append(wrong).append(". ");
    } else {
      loaded.put(std::move(*user));
    }
  }
  if (!errors.empty()) {
    return errors +
           "WARNING: ACL errors detected, no change to the previously active ACL rules was "
           "performed";
  }
  *users = std::move(loaded);
  return "";
}

std::string file_text(const Users& users) {
  std::string text;
  for (const std::string& line : users.lines()) {
    text += line + "\n";
  }
  return text;
}

}  // namespace kindred
