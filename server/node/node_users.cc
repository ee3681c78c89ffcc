// The node's users: from its configuration and the ACL file, and before these what the cluster's
// document says, which ACL changes.
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "server/node/node.h"

namespace kindred {

namespace {
constexpr std::string_view kTooManyUsers =
    "ERR the cluster keeps 4096 users, of 255 bytes of name and 65536 of rules each";
}

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
  own_users_ = std::move(users);
  return "";
}

std::shared_ptr<const Users> Node::effective_users(const ClusterDocument* document) const {
  if (document == nullptr || document->users.empty()) {
    return own_users_;
  }
  Users users = with_committed(*own_users_, document->users);
  if (users_ != nullptr) {
    keep_meters(*users_, &users);
  }
  return std::make_shared<const Users>(std::move(users));
}

// Who logged in keeps its connection under new rules; after ACL LOAD it has to log in again.
void Node::take_users() {
  set_users(effective_users(document_.get()), acl_loads_ > 0, [] {});
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
  post_to_all([set = users_, end_changed](Worker& worker) { worker.set_users(set, end_changed); });
  after_all_workers(done);
}

void Node::change_users(Asker asker, const UserChange& change) {
  const bool is_about_file =
      change.kind == UserChange::Kind::kLoad || change.kind == UserChange::Kind::kSave;
  if (is_about_file && config_->aclfile.empty()) {
    return answer_count(asker, std::string(kNoAclFile), 0);
  }
  if (change.kind == UserChange::Kind::kSave) {
    return save_acl_file([this, asker](const std::string& error, uint64_t count) {
      answer_count(asker, error, count);
    });
  }
  if (change.kind == UserChange::Kind::kLoad) {
    return load_users_for_all(asker);
  }
  const auto count = std::make_shared<uint64_t>(0);
  edit_document(
      [own = own_users_, change, count](ClusterDocument* next) -> std::string {
        Users users = with_committed(*own, next->users);
        std::string error = apply_change(change, users, count.get());
        if (!error.empty()) {
          return error;
        }
        const std::vector<std::string> names =
            change.kind == UserChange::Kind::kSet ? std::vector{change.name} : change.words;
        return commit_users(users, names, &next->users) ? "" : std::string(kTooManyUsers);
      },
      [this, asker, count](std::string_view error, uint64_t /*epoch*/) {
        after_all_workers(
            [this, asker, count, text = std::string(error)] { answer_count(asker, text, *count); });
      });
}

// ACL LOAD: the file's users become the cluster's, and those that it does not name are gone.
void Node::load_users_for_all(Asker asker) {
  auto loaded = std::make_shared<Users>();
  const std::string error = load_acl_file(loaded.get());
  if (!error.empty()) {
    return answer_count(asker, "ERR " + error, 0);
  }
  own_users_ = loaded;
  ++acl_loads_;
  edit_document(
      [loaded](ClusterDocument* next) -> std::string {
        std::vector<std::string> names = loaded->names();
        for (const CommittedUser& user : next->users) {
          if (loaded->find(user.name) == nullptr) {
            names.push_back(user.name);
          }
        }
        return commit_users(*loaded, names, &next->users) ? "" : std::string(kTooManyUsers);
      },
      [this, asker](std::string_view failure, uint64_t /*epoch*/) {
        set_users(effective_users(document_.get()), true,
                  [this, asker, text = std::string(failure)] { answer_count(asker, text, 0); });
        --acl_loads_;
      });
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
