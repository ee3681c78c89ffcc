#include "server/session/ok_service.h"

#include <algorithm>

#include "protocol/resp/glob.h"
#include "replication/mutation/transaction.h"
#include "server/session/hub.h"

namespace kindred {

namespace {

constexpr NodeId kSelf = 0x6b696e6472656401;
constexpr ActorId kActor = 0xac70;
constexpr uint32_t kPartitions = 16;

std::shared_ptr<ClusterDocument> make_cluster() {
  auto cluster = std::make_shared<ClusterDocument>();
  cluster->cluster_id = 1;
  cluster->epoch = 1;
  cluster->replicas = 1;
  Member member;
  member.id = kSelf;
  member.name = "ok";
  member.client_address = {"127.0.0.1", 6379};
  member.peer_address = {"127.0.0.1", 16379};
  cluster->members.push_back(std::move(member));
  cluster->ring = *Ring::make(kPartitions, 1, 1, std::vector<NodeId>(kPartitions, kSelf));
  TagKey tag_key;
  tag_key.secret.fill(7);
  cluster->tag_keys.push_back(tag_key);
  return cluster;
}

/// Position in the order in which scans go.
uint64_t cursor_of(uint16_t slot, uint64_t hash) {
  return uint64_t{slot} << ScanRequest::kHashBits | hash >> (64 - ScanRequest::kHashBits);
}

}  // namespace

OkService::OkService(SessionHub& hub) : hub_(hub), client_(hub), cluster_(make_cluster()) {}
OkService::~OkService() = default;

void OkService::set_address(std::string host, uint16_t port) {
  auto cluster = std::make_shared<ClusterDocument>(*cluster_);
  cluster->members[0].client_address = {std::move(host), port};
  cluster_ = std::move(cluster);
}

void OkService::submit(ClientToken token, const Operation& operation) {
  client_.operation_done(token, carry_out(operation));
}

Dot OkService::next_dot(const State& state) {
  return {clock_.next(now_ms_, state.highest_stamp()), kActor};
}

Outcome OkService::carry_out(const Operation& operation) {
  Outcome outcome;
  outcome.epoch = cluster_->epoch;
  if (operation.kind == OpKind::kSpread) {
    return outcome;  // no copies beyond this one
  }
  const bool reads = operation.kind == OpKind::kRead || operation.kind == OpKind::kReadLocal ||
                     operation.kind == OpKind::kExplain;
  if (reads) {
    const auto found = records_.find(std::string(operation.key.key));
    if (found != records_.end()) {
      outcome.state = found->second.state;
    }
    if (operation.kind == OpKind::kExplain) {
      outcome.replicas.push_back({kSelf, true, true, true, outcome.state});
    }
    return outcome;
  }
  if (operation.modification == Modification::kTransaction) {
    return run_together(operation);
  }
  Record& record = record_of(operation.key);
  if (operation.kind == OpKind::kModify) {
    return modify(record, operation);
  }
  NewVersion version;
  version.dot = next_dot(record.state);
  version.expire_at_ms = operation.expire_at_ms;
  version.value = operation.value;
  version.value.own();
  outcome.dot = version.dot;
  outcome.applied = true;
  if (operation.kind == OpKind::kSet) {
    apply_register(record.state, version.dot, &version);
  } else {
    apply_put(record.state, operation.context, version.dot,
              operation.kind == OpKind::kPut ? &version : nullptr);
    outcome.context = context_of_put(operation.context, record.state, version.dot);
  }
  return outcome;
}

OkService::Record& OkService::record_of(const KeyRef& key) {
  Record& record = records_[std::string(key.key)];
  record.slot = key.slot;
  record.hash = key.hash;
  return record;
}

Outcome OkService::run_together(const Operation& operation) {
  TransactionProgram program;
  Outcome failed;
  failed.code = OutcomeCode::kStorageFailed;
  if (!decode_program(operation.value.bytes(), &program)) {
    return failed;
  }
  std::vector<TransactionInput> inputs;
  for (const TransactionProgram::Key& key : program.keys) {
    const State& state = record_of(key.ref).state;
    inputs.push_back({&state, winner(state, now_ms_)});
  }
  TransactionResult result = run_program(program, inputs, now_ms_, MutationLimits{});
  for (size_t i = 0; i < program.keys.size(); ++i) {
    apply(record_of(program.keys[i].ref), result.writes[i]);
  }
  result.outcome.dot = result.writes.front().outcome.dot;
  return std::move(result.outcome);
}

Outcome OkService::modify(Record& record, const Operation& operation) {
  Mutation mutation =
      mutate(operation, record.state, winner(record.state, now_ms_), now_ms_, MutationLimits{});
  apply(record, mutation);
  mutation.outcome.value.own();
  return std::move(mutation.outcome);
}

/// Its outcome gets the dot.
void OkService::apply(Record& record, Mutation& mutation) {
  const Dot dot = next_dot(record.state);
  NewVersion version;
  version.dot = dot;
  version.expire_at_ms = mutation.expire_at_ms;
  switch (mutation.effect) {
    case Mutation::Effect::kNothing:
      break;
    case Mutation::Effect::kRegister:
      version.value = std::move(mutation.value);
      version.value.own();
      apply_register(record.state, dot, &version);
      break;
    case Mutation::Effect::kDelete:
      apply_register(record.state, dot, nullptr);
      break;
    case Mutation::Effect::kKeepSiblings:
      // Here where nothing is concurrent, the resolver's sibling stands for all.
      version.value = winner(record.state, now_ms_)->value;
      apply_register(record.state, dot, &version);
      break;
  }
  if (mutation.effect != Mutation::Effect::kNothing) {
    mutation.outcome.dot = dot;
  }
}

void OkService::submit_scan(ClientToken token, const ScanRequest& request) {
  struct Place {
    uint64_t cursor;
    const std::string* key;
    uint8_t type;
  };
  std::vector<Place> places;
  for (const auto& [key, record] : records_) {
    const Sibling* found = winner(record.state, now_ms_);
    const uint64_t cursor = cursor_of(record.slot, record.hash);
    if (found != nullptr && cursor >= request.cursor) {
      places.push_back({cursor, &key, found->type});
    }
  }
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.cursor < b.cursor; });
  ScanPage page;
  page.ok = true;
  size_t i = 0;
  for (; i < places.size(); ++i) {
    if (i >= request.count && places[i].cursor != places[i - 1].cursor) {
      page.cursor = places[i].cursor;
      break;
    }
    page.keys.push_back({*places[i].key, places[i].type});
  }
  client_.scan_done(token, std::move(page));
}

void OkService::count_keys(ClientToken token) {
  const auto living = std::count_if(records_.begin(), records_.end(), [&](const auto& entry) {
    return entry.second.state.has_live_sibling(now_ms_);
  });
  client_.number_done(token, static_cast<uint64_t>(living));
}

void OkService::keys_in_slot(ClientToken token, uint16_t slot, uint32_t limit) {
  std::vector<std::string> keys;
  for (const auto& [key, record] : records_) {
    if (record.slot == slot && keys.size() < limit && record.state.has_live_sibling(now_ms_)) {
      keys.push_back(key);
    }
  }
  client_.keys_done(token, std::move(keys));
}

void OkService::flush_all(ClientToken token) {
  records_.clear();
  client_.status_done(token, {});
}

void OkService::info(ClientToken token, std::vector<std::string> sections) {
  std::string text;
  for (const std::string& section : sections) {
    text += "# " + section + "\r\nredis_version:7.0.15\r\nloading:" + (ready_ ? "0" : "1") + "\r\n";
  }
  client_.text_done(token, std::move(text));
}

void OkService::change_users(ClientToken token, UserChange change) {
  auto users = std::make_shared<Users>(hub_.users());
  uint64_t count = 0;
  const bool has_file =
      change.kind == UserChange::Kind::kLoad || change.kind == UserChange::Kind::kSave;
  const std::string error =
      has_file ? std::string(kNoAclFile) : apply_change(change, *users, &count);
  if (!error.empty()) {
    client_.status_done(token, std::string(error));
    return;
  }
  hub_.set_users(std::move(users));
  client_.number_done(token, count);
}

void OkService::config_set(ClientToken token,
                           std::vector<std::pair<std::string, std::string>> settings) {
  for (const auto& setting : settings) {
    const auto found = std::find_if(directives_.begin(), directives_.end(), [&](const auto& known) {
      return known.first == setting.first;
    });
    if (found == directives_.end()) {
      client_.status_done(token, "ERR Unknown option or number of arguments for CONFIG SET - '" +
                                     setting.first + "'");
      return;
    }
    found->second = setting.second;
  }
  client_.status_done(token, {});
}

std::vector<std::pair<std::string, std::string>> OkService::config_get(
    const std::vector<std::string>& patterns) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& directive : directives_) {
    const bool matches =
        std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
          return glob_match(pattern, directive.first, GlobCase::kInsensitive);
        });
    if (matches) {
      found.push_back(directive);
    }
  }
  return found;
}

void OkService::visit_hubs(ClientToken token, HubVisit visit) {
  client_.keys_done(token, {visit(hub_)});
}

NodeId OkService::self() {
  return kSelf;
}

std::vector<MemberStatus> OkService::member_statuses() {
  return {{.id = kSelf, .up = true, .word = SwimState::kAlive, .incarnation = 1}};
}

std::vector<NodeId> OkService::first_live_holders() {
  return std::vector<NodeId>(kPartitions, kSelf);
}

}  // namespace kindred
