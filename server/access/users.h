#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/membership/cluster.h"
#include "server/access/user.h"

namespace kindred {

inline constexpr std::string_view kDefaultUser = "default";

/// All users of a node. A value; what sessions see are snapshots that nobody changes any more.
class Users {
 public:
  /// The default user alone, who may do everything without a password.
  Users();

  /// Null where there is none.
  std::shared_ptr<const User> find(std::string_view name) const;
  const User& default_user() const { return *default_; }
  /// Whether clients have to log in before they may do anything.
  bool login_needed() const { return !default_->needs_no_password() || !default_->is_enabled(); }

  /// Adds the user or replaces the one of its name.
  void put(User user);
  /// False where there is none; the default user stays.
  bool remove(std::string_view name);
  size_t size() const { return users_.size(); }
  std::vector<std::string> names() const;
  /// "user alice on #... ~* &* +@all", by name.
  std::vector<std::string> lines() const;

 private:
  std::map<std::string, std::shared_ptr<const User>, std::less<>> users_;
  std::shared_ptr<const User> default_;
};

/// Applies the rules of ACL SETUSER to the user of that name, or to a new one: all or, with a reply
/// line without '-' returned, none.
[[nodiscard]] std::string set_user(Users& users, std::string_view name,
                                   std::span<const std::string_view> words);

/// What ACL LOAD and ACL SAVE say where there is no ACL file.
inline constexpr std::string_view kNoAclFile =
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users "
    "via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis "
    "configuration file set) in order to store users in the Redis configuration.";

/// A change of the users as a command asks for it.
struct UserChange {
  enum class Kind : uint8_t { kSet, kDelete, kLoad, kSave };
  Kind kind = Kind::kSet;
  std::string name;                // kSet
  std::vector<std::string> words;  // kSet: rules; kDelete: names
};
/// Carries out a kSet or kDelete. Returns the error line without '-', and then `users` is
/// untouched; else `count` is how many it concerned.
[[nodiscard]] std::string apply_change(const UserChange& change, Users& users, uint64_t* count);

/// Users who have limits keep what they have taken of them, where `before` had them.
void keep_meters(const Users& before, Users* users);

/// `users` with what the cluster says of theirs: that comes first. Who has rules that this program
/// does not know may do nothing.
[[nodiscard]] Users with_committed(Users users, const std::vector<CommittedUser>& committed);
/// The other way: makes `committed` say of the users named what `users` has of them. False where
/// they are too many or too long, and then it is untouched.
[[nodiscard]] bool commit_users(const Users& users, std::span<const std::string> names,
                                std::vector<CommittedUser>* committed);

/// One `user` line of a configuration, its first word apart; such a user begins anew. Returns what
/// is wrong, without secrets.
[[nodiscard]] std::string add_configured_user(Users& users, std::span<const std::string> words);

/// The text of an ACL file, users that it does not name are gone (but for the default user, who is
/// as at first). Returns all that is wrong, and then `users` is untouched.
[[nodiscard]] std::string load_users(std::string_view text, const std::string& path, Users* users);
std::string file_text(const Users& users);

}  // namespace kindred
