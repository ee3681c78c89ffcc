// The node's users: from its configuration, changed by ACL, kept in the ACL file.
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "server/node/node.h"

namespace kindred {

std::string Node::make_users() {
  auto users = std::make_shared<Users>();
  if (!config_->requirepass.empty()) {
    User user = users->default_user();
    user.set_only_password(config_->requirepass);
    users->put(std::move(user));
  }
  for (const auto& words : config_->users) {
    const std::string wrong = add_configured_user(*users, words);
    if (!wrong.empty()) {
      return "directive 'user': " + wrong;
    }
  }
  if (!config_->aclfile.empty()) {
    const std::string wrong = load_acl_file(users.get());
    if (!wrong.empty()) {
      return "directive 'aclfile': " + wrong;
    }
  }
  users_ = std::move(users);
  return "";
}

std::string Node::load_acl_file(Users* users) {
  const std::string& path = config_->aclfile;
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf())) {
    return "Error loading ACLs, opening file '" + path + "': " + std::strerror(errno);
  }
  return load_users(text.str(), path, users);
}

// `done` runs once every worker goes by them, so that who hears of a change finds it everywhere.
void Node::set_users(std::shared_ptr<const Users> users, bool end_changed,
                     const std::function<void()>& done) {
  users_ = std::move(users);
  auto missing = std::make_shared<size_t>(workers_.size());
  post_to_all([this, set = users_, end_changed, missing, done](Worker& worker) {
    worker.set_users(set, end_changed);
    workers_.front()->post_errand([missing, done] {
      if (--*missing == 0) {
        done();
      }
    });
  });
}

void Node::change_users(Asker asker, const UserChange& change) {
  const auto answer = [this, asker](const std::string& error, uint64_t count) {
    Worker& worker = *workers_[asker.worker];
    worker.post_errand([&worker, token = asker.token, error, count] {
      if (error.empty()) {
        worker.hub().number_done(token, count);
      } else {
        worker.hub().status_done(token, std::string(error));
      }
    });
  };
  const bool is_about_file =
      change.kind == UserChange::Kind::kLoad || change.kind == UserChange::Kind::kSave;
  if (is_about_file && config_->aclfile.empty()) {
    answer(std::string(kNoAclFile), 0);
    return;
  }
  if (change.kind == UserChange::Kind::kSave) {
    save_acl_file(answer);
    return;
  }
  auto users = std::make_shared<Users>(*users_);
  uint64_t count = 0;
  std::string error;
  if (change.kind == UserChange::Kind::kLoad) {
    error = load_acl_file(users.get());
    error.insert(0, error.empty() ? "" : "ERR ");
  } else {
    error = apply_change(change, *users, &count);
  }
  if (!error.empty()) {
    answer(error, 0);
    return;
  }
  set_users(std::move(users), change.kind == UserChange::Kind::kLoad,
            [answer, count] { answer("", count); });
}

void Node::save_acl_file(const std::function<void(const std::string& error, uint64_t)>& answer) {
  background_->post([this, answer, path = config_->aclfile, text = file_text(*users_)] {
    const std::string error = replace_file(path, text);
    workers_.front()->post_errand([this, answer, error] {
      if (error.empty()) {
        answer("", 0);
        return;
      }
      log_.warning("Saving the ACL file: " + error);
      answer(
          "ERR There was an error trying to save the ACLs. Please check the server logs for "
          "more information",
          0);
    });
  });
}

}  // namespace kindred
