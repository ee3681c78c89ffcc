#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/command/command_table.h"
#include "protocol/command/errors.h"
#include "protocol/command/key_access.h"
#include "protocol/resp/number.h"
#include "server/session/handlers.h"
#include "server/session/options.h"

namespace kindred {

namespace {

constexpr int64_t kPasswordBitsMax = 4096;
constexpr int64_t kPasswordBits = 256;

class ChangeUsers final : public Task {
 public:
  ChangeUsers(UserChange change, bool tells_count)
      : change_(std::move(change)), tells_count_(tells_count) {}

  void start(Call& call) override {
    call.ask_service([&](NodeService& service, ClientToken token) {
      service.change_users(token, std::move(change_));
    });
  }
  void number_done(Call& call, uint64_t count) override {
    if (tells_count_) {
      call.reply().integer(static_cast<int64_t>(count));
    } else {
      call.reply().ok();
    }
  }
  void status_done(Call& call, std::string& error) override { call.error(error); }

 private:
  UserChange change_;
  bool tells_count_;
};

std::vector<std::string> words_from(Call& call, size_t first) {
  return {call.args().begin() + static_cast<std::ptrdiff_t>(first), call.args().end()};
}

void write_bulks(ReplyWriter& reply, const std::vector<std::string>& texts) {
  reply.array(texts.size());
  for (const std::string& text : texts) {
    reply.bulk(text);
  }
}

/// The part of ACL GETUSER that each selector has.
void write_selector(ReplyWriter& reply, const Selector& selector) {
  reply.bulk("commands");
  reply.bulk(selector.commands_text());
  reply.bulk("keys");
  reply.bulk(selector.keys_text());
  reply.bulk("channels");
  reply.bulk(selector.channels_text());
}

std::string dry_run_text(const Refusal& refusal, const CommandSpec& spec, std::string_view object) {
  switch (refusal.denial) {
    case Denial::kNone:
      break;
    case Denial::kCommand:
      return "This user has no permissions to run the '" + std::string(spec.name) + "' command";
    case Denial::kKey:
      return "This user has no permissions to access the '" + std::string(object) + "' key";
    case Denial::kChannel:
      return "This user has no permissions to access the '" + std::string(object) + "' channel";
  }
  return "OK";
}

/// The (sub)command that a request names; null where there is none.
const CommandSpec* requested(std::span<const std::string_view> request) {
  const CommandSpec* spec = find_command(request[0]);
  if (spec != nullptr && spec->is_container() && request.size() > 1) {
    return find_subcommand(*spec, request[1]);
  }
  return spec;
}

void write_log_entry(ReplyWriter& reply, const AccessLog::Entry& entry, uint64_t now_ms) {
  reply.map(7);
  reply.bulk("count");
  reply.integer(static_cast<int64_t>(entry.count));
  const std::pair<std::string_view, std::string_view> texts[] = {{"reason", entry.reason},
                                                                 {"context", entry.context},
                                                                 {"object", entry.object},
                                                                 {"username", entry.user}};
  for (const auto& [field, value] : texts) {
    reply.bulk(field);
    reply.bulk(value);
  }
  reply.bulk("age-seconds");
  reply.number(static_cast<double>(std::max(now_ms, entry.made_ms) - entry.made_ms) / 1000);
  reply.bulk("client-info");
  reply.bulk(entry.client);
}

}  // namespace

void run_acl_whoami(Call& call) {
  call.reply().bulk(call.session().user().name());
}

void run_acl_users(Call& call) {
  write_bulks(call.reply(), call.hub().users().names());
}

void run_acl_list(Call& call) {
  write_bulks(call.reply(), call.hub().users().lines());
}

void run_acl_getuser(Call& call) {
  const std::shared_ptr<const User> user = call.hub().users().find(call.arg(2));
  ReplyWriter& reply = call.reply();
  if (user == nullptr) {
    reply.null();
    return;
  }
  const RateLimits& limits = user->limits();
  reply.map(limits.none() ? 6 : 7);
  reply.bulk("flags");
  const auto flags = user->flags();
  reply.set(flags.size());
  for (const std::string_view flag : flags) {
    reply.bulk(flag);
  }
  reply.bulk("passwords");
  reply.array(user->passwords().size());
  for (const PasswordDigest& digest : user->passwords()) {
    reply.bulk(to_hex(digest));
  }
  const std::span<const Selector> selectors = user->selectors();
  write_selector(reply, selectors.front());
  reply.bulk("selectors");
  reply.array(selectors.size() - 1);
  for (const Selector& selector : selectors.subspan(1)) {
    reply.map(3);
    write_selector(reply, selector);
  }
  if (!limits.none()) {
    reply.bulk("limits");
    reply.bulk("ratelimit:" + std::to_string(limits.requests) +
               " bytelimit:" + std::to_string(limits.bytes));
  }
}

void run_acl_setuser(Call& call) {
  UserChange change;
  change.kind = UserChange::Kind::kSet;
  change.name = call.arg(2);
  change.words = words_from(call, 3);
  call.start(std::make_unique<ChangeUsers>(std::move(change), false));
}

void run_acl_deluser(Call& call) {
  UserChange change;
  change.kind = UserChange::Kind::kDelete;
  change.words = words_from(call, 2);
  call.start(std::make_unique<ChangeUsers>(std::move(change), true));
}

void run_acl_load(Call& call) {
  UserChange change;
  change.kind = UserChange::Kind::kLoad;
  call.start(std::make_unique<ChangeUsers>(std::move(change), false));
}

void run_acl_save(Call& call) {
  UserChange change;
  change.kind = UserChange::Kind::kSave;
  call.start(std::make_unique<ChangeUsers>(std::move(change), false));
}

void run_acl_cat(Call& call) {
  if (call.arg_count() > 3) {
    call.error(subcommand_arity_error(*find_command("acl"), call.arg(1)));
    return;
  }
  std::vector<std::string> names;
  if (call.arg_count() == 2) {
    for (size_t i = 0; i < static_cast<size_t>(AclCategory::kCount); ++i) {
      names.emplace_back(name_of(static_cast<AclCategory>(i)));
    }
    write_bulks(call.reply(), names);
    return;
  }
  const auto category = find_category(call.arg(2));
  if (!category) {
    call.error("ERR Unknown category '" + std::string(call.arg(2)) + "'");
    return;
  }
  for (const CommandSpec* command : all_commands()) {
    if (acl_categories(*command).has(*category)) {
      names.emplace_back(command->name);
    }
    for (const CommandSpec& subcommand : command->subcommands) {
      if (acl_categories(subcommand).has(*category)) {
        names.emplace_back(subcommand.name);
      }
    }
  }
  write_bulks(call.reply(), names);
}

void run_acl_dryrun(Call& call) {
  const std::shared_ptr<const User> user = call.hub().users().find(call.arg(2));
  if (user == nullptr) {
    call.error("ERR User '" + std::string(call.arg(2)) + "' not found");
    return;
  }
  const std::span<const std::string_view> request = call.args().subspan(3);
  const CommandSpec* spec = requested(request);
  if (spec == nullptr) {
    call.error("ERR Command '" + std::string(request[0]) + "' not found");
    return;
  }
  if (!spec->accepts_arg_count(request.size())) {
    call.error(arity_error(*spec));
    return;
  }
  const Refusal refusal = user->check(*spec, request);
  if (refusal.denial == Denial::kNone) {
    call.reply().ok();
  } else {
    call.reply().bulk(dry_run_text(refusal, *spec, request[refusal.argument]));
  }
}

void run_acl_genpass(Call& call) {
  int64_t bits = kPasswordBits;
  if (call.arg_count() > 3) {
    call.error(subcommand_arity_error(*find_command("acl"), call.arg(1)));
    return;
  }
  if (call.arg_count() == 3) {
    const auto asked = integer_argument(call, 2);
    if (!asked) {
      return;
    }
    bits = *asked;
  }
  if (bits <= 0 || bits > kPasswordBitsMax) {
    call.error(
        "ERR ACL GENPASS argument must be the number of bits for the output password, a positive "
        "number up to 4096");
    return;
  }
  call.reply().bulk(random_password(static_cast<unsigned>(bits)));
}

void run_acl_log(Call& call) {
  AccessLog& log = call.hub().access_log();
  if (call.arg_count() > 3) {
    call.error(subcommand_arity_error(*find_command("acl"), call.arg(1)));
    return;
  }
  size_t limit = 10;
  if (call.arg_count() == 3) {
    if (is_word(call.arg(2), "reset")) {
      log.clear();
      call.reply().ok();
      return;
    }
    const auto asked = integer_argument(call, 2);
    if (!asked) {
      return;
    }
    limit = static_cast<size_t>(std::max<int64_t>(*asked, 0));
  }
  const std::vector<AccessLog::Entry> entries = log.entries(limit);
  ReplyWriter& reply = call.reply();
  reply.array(entries.size());
  const uint64_t now_ms = call.now_ms();
  for (const AccessLog::Entry& entry : entries) {
    write_log_entry(reply, entry, now_ms);
  }
}

}  // namespace kindred
