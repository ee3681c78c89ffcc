// CONFIG SET and CONFIG REWRITE.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "server/config/directives.h"
#include "server/config/rewrite.h"
#include "server/config/value_text.h"
#include "server/node/boot.h"
#include "server/node/node.h"

namespace kindred {

namespace {

/// On any thread. What is wrong, as a whole reply line; empty: done.
std::string rewrite_file(const Config& config) {
  constexpr std::string_view kFailed = "ERR Rewriting config file: ";
  const std::string& path = config.config_file;
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  // An empty file sets failbit: nothing was read.
  if (!stream || (!(text << stream.rdbuf()) && stream.bad())) {
    return std::string(kFailed) + std::strerror(errno);
  }
  std::string rewritten;
  const std::string wrong = rewrite_config(path, text.str(), config, &rewritten);
  const std::string error = wrong.empty() ? replace_file(path, rewritten) : wrong;
  return error.empty() ? "" : std::string(kFailed) + error;
}

}  // namespace

void Node::set_config(Asker asker, std::vector<std::pair<std::string, std::string>> settings) {
  Config changed = *config_;
  std::string error = set_at_runtime(changed, settings);
  const bool sets_password = std::any_of(settings.begin(), settings.end(), [](const auto& set) {
    return lower_case(set.first) == "requirepass";
  });
  if (error.empty() && sets_password && document_ != nullptr &&
      std::ranges::find(document_->users, kDefaultUser, &CommittedUser::name) !=
          document_->users.end()) {
    error =
        "ERR CONFIG SET failed (possibly related to argument 'requirepass') - the default user is "
        "set for the whole cluster, by ACL SETUSER or ACL LOAD";
  }
  const DurabilityDirective durability =
      effective_durability(changed.durability, engine_capabilities_);
  if (error.empty() && durability < least_durability_) {
    note_durability(asker, std::move(settings), durability);
    return;
  }
  const auto touched_tls = std::find_if(settings.begin(), settings.end(), [](const auto& set) {
    return lower_case(set.first).starts_with("tls-");
  });
  if (error.empty() && touched_tls != settings.end()) {
    const std::string wrong = load_tls(changed);
    if (!wrong.empty()) {
      error = "ERR CONFIG SET failed (possibly related to argument '" + touched_tls->first +
              "') - Unable to update TLS configuration: " + wrong;
    }
  }
  if (error.empty()) {
    config_ = std::make_shared<const Config>(std::move(changed));
    log_.set_level(config_->loglevel);
    access_log_->set_entries_max(config_->acllog_max_len);
    membership_->set_read_quorum(config_->read_quorum, local_time());
    after_membership_step();
    post_to_all([config = config_](Worker& worker) { worker.set_config(config); });
    if (sets_password) {
      User changed_user = own_users_->default_user();
      changed_user.set_only_password(config_->requirepass);
      auto users = std::make_shared<Users>(*own_users_);
      users->put(std::move(changed_user));
      own_users_ = std::move(users);
      take_users();
    }
  }
  answer_status(asker, error);
}

// Before anything is acknowledged by it: after a crash the next start goes by the least that there
// was in this run. Once it is known, the settings are looked at again.
void Node::note_durability(Asker asker, std::vector<std::pair<std::string, std::string>> settings,
                           DurabilityDirective durability) {
  boot_durability_ = std::min(boot_durability_, durability);
  background_->post([this, asker, wanted = std::move(settings), durability,
                     record = encode_boot_record(boot_record(boot_durability_))] {
    const std::string error = directory_->write(kBootFile, record);
    workers_.front()->post_errand([this, asker, wanted, durability, error] {
      if (error.empty()) {
        least_durability_ = std::min(least_durability_, durability);
        reopen_where_it_may_forget();
        set_config(asker, wanted);
        return;
      }
      answer_status(asker,
                    "ERR CONFIG SET failed (possibly related to argument 'durability') - " + error);
    });
  });
}

void Node::rewrite_config(Asker asker) {
  if (config_->config_file.empty()) {
    return answer_status(asker, "ERR The server is running without a config file");
  }
  background_->post([this, asker, config = config_] {
    const std::string error = rewrite_file(*config);
    workers_.front()->post_errand([this, asker, error] {
      if (error.empty()) {
        log_.notice("CONFIG REWRITE executed with success.");
      } else {
        log_.warning("CONFIG REWRITE failed: " + error);
      }
      answer_status(asker, error);
    });
  });
}

}  // namespace kindred
