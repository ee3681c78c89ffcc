// KEYSPACE: what holds for keys by their names.
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "replication/keyspace/keyspace_words.h"
#include "server/session/handlers.h"
#include "server/session/keyspace_request.h"
#include "server/session/ring_view.h"
#include "server/session/task.h"

namespace kindred {

namespace {

class ChangeKeyspaces final : public Task {
 public:
  explicit ChangeKeyspaces(KeyspaceRequest request) : request_(std::move(request)) {}

  void start(Call& call) override {
    tells_count_ = request_.kind == KeyspaceRequest::kDelete;
    call.ask_service([&](NodeService& service, ClientToken token) {
      service.change_keyspaces(token, std::move(request_));
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
  KeyspaceRequest request_;
  bool tells_count_ = false;
};

/// 0 of n, r and w is what the directives say; of the lifetime, none.
void write_keyspace(ReplyWriter& reply, const Keyspace& keyspace) {
  reply.map(7);
  write_text_field(reply, "pattern", keyspace.pattern);
  write_number_field(reply, "n", keyspace.copies);
  write_number_field(reply, "r", keyspace.read);
  write_number_field(reply, "w", keyspace.write);
  write_text_field(reply, "registers", keyspace.has_registers ? "on" : "off");
  write_text_field(reply, "resolver", keyspace.resolver);
  write_number_field(reply, "ttl", keyspace.ttl_ms);
}

/// The N of a pattern's keys where its row names none.
uint32_t copies_around(const ClusterDocument& cluster, std::string_view pattern) {
  Keyspaces others = cluster.keyspaces;
  remove_keyspace(others, pattern);
  return copies_wanted(others, pattern, cluster.replicas);
}

}  // namespace

void run_keyspace_set(Call& call) {
  KeyspaceRequest request;
  const std::string wrong =
      parse_keyspace(call.args().subspan(2), copies_around(*call.service().cluster(), call.arg(2)),
                     &request.keyspace);
  if (!wrong.empty()) {
    return call.error("ERR " + wrong);
  }
  call.start(std::make_unique<ChangeKeyspaces>(std::move(request)));
}

void run_keyspace_del(Call& call) {
  KeyspaceRequest request;
  request.kind = KeyspaceRequest::kDelete;
  const auto patterns = call.args().subspan(2);
  request.patterns.assign(patterns.begin(), patterns.end());
  call.start(std::make_unique<ChangeKeyspaces>(std::move(request)));
}

void run_keyspace_get(Call& call) {
  const auto cluster = call.service().cluster();
  const Keyspace* keyspace = find_pattern(cluster->keyspaces, call.arg(2));
  if (keyspace == nullptr) {
    call.reply().null();
  } else {
    write_keyspace(call.reply(), *keyspace);
  }
}

void run_keyspace_list(Call& call) {
  const auto cluster = call.service().cluster();
  ReplyWriter& reply = call.reply();
  reply.array(cluster->keyspaces.size());
  for (const Keyspace& keyspace : cluster->keyspaces) {
    write_keyspace(reply, keyspace);
  }
}

}  // namespace kindred
