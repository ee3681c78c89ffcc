// Keyspaces: what a client asks for goes into the cluster's document, and what that says is looked
// at here for what this node can't do.
#include <memory>
#include <string>
#include <utility>

#include "replication/keyspace/keyspace_words.h"
#include "server/node/node.h"

namespace kindred {

namespace {

std::string known_names(const plugins::ResolverRegistry& resolvers) {
  std::string names;
  for (const std::string& name : resolvers.names()) {
    names += " " + name;
  }
  return names;
}

/// How many it concerned into `count`; as Membership::DocumentEdit.
std::string apply_request(const KeyspaceRequest& request, ClusterDocument* next, uint64_t* count) {
  *count = 0;
  if (request.kind == KeyspaceRequest::kSet) {
    *count = 1;
    return put_keyspace(next->keyspaces, request.keyspace)
               ? ""
               : "ERR there are " + std::to_string(kKeyspacesMax) + " keyspaces already";
  }
  for (const std::string& pattern : request.patterns) {
    *count += remove_keyspace(next->keyspaces, pattern) ? 1 : 0;
  }
  return "";
}

}  // namespace

void Node::edit_document(Membership::DocumentEdit edit,
                         std::function<void(std::string_view error, uint64_t epoch)> done) {
  const ChangeToken token = ++last_question_;
  ring_changes_[token] = std::move(done);
  membership_->request_edit(token, std::move(edit), local_time());
  after_membership_step();
}

// Answered once every worker goes by the new document.
void Node::change_keyspaces(Asker asker, const KeyspaceRequest& request) {
  const std::string& resolver = request.keyspace.resolver;
  if (request.kind == KeyspaceRequest::kSet && !resolvers_.knows(resolver)) {
    return answer_count(
        asker,
        "ERR this node knows no resolver '" + resolver + "'; known:" + known_names(resolvers_), 0);
  }
  const auto count = std::make_shared<uint64_t>(0);
  edit_document(
      [request, count](ClusterDocument* next) { return apply_request(request, next, count.get()); },
      [this, asker, count](std::string_view error, uint64_t /*epoch*/) {
        after_all_workers(
            [this, asker, count, text = std::string(error)] { answer_count(asker, text, *count); });
      });
}

// Once the mailboxes of all workers have been emptied of what is in them now.
void Node::after_all_workers(const std::function<void()>& done) {
  const auto missing = std::make_shared<size_t>(workers_.size());
  post_to_all([this, missing, done](Worker&) {
    workers_.front()->post_errand([missing, done] {
      if (--*missing == 0) {
        done();
      }
    });
  });
}

void Node::answer_count(Asker asker, const std::string& error, uint64_t count) {
  Worker& worker = *workers_[asker.worker];
  worker.post_errand([&worker, token = asker.token, error, count] {
    if (error.empty()) {
      worker.hub().number_done(token, count);
    } else {
      worker.hub().status_done(token, std::string(error));
    }
  });
}

void Node::look_at_keyspaces(const Keyspaces& before, bool is_first) {
  for (const Keyspace& keyspace : document_->keyspaces) {
    const Keyspace* earlier = find_pattern(before, keyspace.pattern);
    const bool is_new = earlier == nullptr || earlier->resolver != keyspace.resolver;
    if ((is_new || is_first) && !resolvers_.knows(keyspace.resolver)) {
      log_.warning("Keyspace '" + keyspace.pattern + "' names the resolver '" + keyspace.resolver +
                   "', which this node does not know: siblings of its keys stay unresolved here; "
                   "known:" +
                   known_names(resolvers_));
    }
  }
  if (!is_first) {
    return;
  }
  for (const Keyspace& keyspace : config_->keyspaces) {
    const Keyspace* committed = find_pattern(document_->keyspaces, keyspace.pattern);
    if (committed == nullptr || *committed != keyspace) {
      log_.warning("The cluster says something else of keyspace '" + keyspace.pattern +
                   "' than this node's directive, which counts only where it founds a cluster; "
                   "KEYSPACE SET changes it");
    }
  }
}

}  // namespace kindred
