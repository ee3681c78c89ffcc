// Who a session speaks for, and what that user may do.
#include <algorithm>

#include "server/session/client_list.h"
#include "server/session/hub.h"
#include "server/session/session.h"

namespace kindred {

namespace {

constexpr uint32_t kLongestDelay = 10;  // times the delay of the first wrong password

std::string denied_text(Denial denial, const CommandSpec& spec) {
  switch (denial) {
    case Denial::kNone:
      return "";
    case Denial::kCommand:
      return "NOPERM this user has no permissions to run the '" + std::string(spec.name) +
             "' command";
    case Denial::kKey:
      return "NOPERM this user has no permissions to access one of the keys used as arguments";
    case Denial::kChannel:
      return "NOPERM this user has no permissions to access one of the channels used as arguments";
  }
  return "";
}

bool is_acl_change(const CommandSpec* spec) {
  return spec != nullptr && (spec->id == CommandId::kAclDeluser ||
                             spec->id == CommandId::kAclLoad || spec->id == CommandId::kAclSetuser);
}

std::string_view denied_at_exec(Denial denial) {
  switch (denial) {
    case Denial::kNone:
      return "";
    case Denial::kCommand:
      return "no permission to execute the command or subcommand";
    case Denial::kKey:
      return "no permission to touch the specified keys";
    case Denial::kChannel:
      return "no permission to access one of the channels used as arguments to the command";
  }
  return "";
}

}  // namespace

void Session::set_user(std::shared_ptr<const User> user, bool authenticated) {
  user_ = std::move(user);
  info_.user = user_->name();
  authenticated_ = authenticated;
  may_do_everything_ = user_->may_do_everything();
  is_limited_ = !user_->limits().none();
  parser_.set_authenticated(!login_needed());
}

bool Session::login_needed() const {
  return !authenticated_ && hub_.users().login_needed();
}

void Session::log_in(std::shared_ptr<const User> user) {
  wrong_passwords_ = 0;
  set_user(std::move(user), true);
}

void Session::update_user(const Users& users, bool end_changed) {
  std::shared_ptr<const User> now = users.find(user_->name());
  const bool is_default = user_->name() == kDefaultUser;
  if (now == nullptr || (end_changed && !is_default && *now != *user_)) {
    end_for_user("its user was deleted or loaded anew");
    return;
  }
  for (const ListenKind kind :
       {ListenKind::kChannel, ListenKind::kPattern, ListenKind::kShardChannel}) {
    for (const std::string& name : listened().of(kind)) {
      if (!now->may_listen(name, kind == ListenKind::kPattern)) {
        end_for_user("its user may no longer listen to what it listens to");
        return;
      }
    }
  }
  set_user(std::move(now), authenticated_);
}

/// Who asked for the change itself hears the answer first.
void Session::end_for_user(std::string_view reason) {
  const bool asked = slots_.size() == 1 && is_acl_change(slots_.at(slots_.head()).spec);
  return asked ? start_close(reason) : kill(reason);
}

Denial Session::check_access(const CommandSpec& spec, std::span<const std::string_view> args) {
  const Refusal refusal = user_->check(spec, args);
  switch (refusal.denial) {
    case Denial::kNone:
      break;
    case Denial::kCommand:
      log_refusal("command", spec.name, user_->name());
      break;
    case Denial::kKey:
      log_refusal("key", args[refusal.argument], user_->name());
      break;
    case Denial::kChannel:
      log_refusal("channel", args[refusal.argument], user_->name());
      break;
  }
  return refusal.denial;
}

/// Answers a request that the user may not make and returns true.
bool Session::refuse_access(const CommandSpec& spec, std::span<const std::string_view> args) {
  const Denial denial = check_access(spec, args);
  if (denial == Denial::kNone) {
    return false;
  }
  reject(&spec, denied_text(denial, spec));
  return true;
}

/// The same where the user has asked for too much of late. What ends a session or a transaction is
/// always taken.
bool Session::refuse_over_limit(const CommandSpec& spec, std::span<const std::string_view> args) {
  if (spec.has(CommandFlag::kNoAuth) || spec.id == CommandId::kExec ||
      spec.id == CommandId::kDiscard) {
    return false;
  }
  size_t bytes = 0;
  for (const std::string_view arg : args) {
    bytes += arg.size();
  }
  const RateLimits& limits = user_->limits();
  const RateMeter::Over over = user_->meter().take(limits, bytes, hub_.service().mono_us());
  if (over == RateMeter::Over::kNothing) {
    return false;
  }
  const bool of_requests = over == RateMeter::Over::kRequests;
  reject(&spec, "TRYAGAIN user '" + user_->name() + "' is over its limit of " +
                    std::to_string(of_requests ? limits.requests : limits.bytes) +
                    (of_requests ? " requests" : " bytes") +
                    " a second at this node; nothing was done");
  return true;
}

/// The same for one that was queued when the user still might.
bool Session::refuse_in_transaction(const CommandSpec& spec,
                                    std::span<const std::string_view> args) {
  const Denial denial = check_access(spec, args);
  if (denial == Denial::kNone) {
    return false;
  }
  reject(&spec,
         "NOPERM ACLs rules changed between the moment the transaction was accumulated and "
         "the EXEC call. This command is no longer allowed for the following reason: " +
             std::string(denied_at_exec(denial)));
  return true;
}

void Session::log_refusal(std::string_view reason, std::string_view object, std::string_view user) {
  AccessLog::Entry entry;
  entry.reason = reason;
  entry.context = transaction_.queueing() || transaction_.running() ? "multi" : "toplevel";
  entry.object = object;
  entry.user = user;
  entry.client = client_line(*this, hub_.now_ms());
  hub_.access_log().add(std::move(entry), hub_.now_ms());
}

void Session::note_wrong_password() {
  if (hub_.settings().login_delay_ms == 0) {
    return;
  }
  wrong_passwords_ = static_cast<uint8_t>(std::min<uint32_t>(wrong_passwords_ + 1U, kLongestDelay));
  is_held_ = true;
  hub_.note_held(*this, uint64_t{hub_.settings().login_delay_ms} * wrong_passwords_);
}

void Session::release_hold() {
  is_held_ = false;
  hub_.note_stall_ended(*this);
  changed();
}

}  // namespace kindred
