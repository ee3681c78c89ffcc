#include "tests/sim/client.h"

#include <algorithm>

#include "tests/sim/trace.h"

namespace kindred::sim {

namespace {

constexpr size_t kContextsKept = 4;
constexpr uint64_t kAnswerSlackUs = 250'000;

Fate fate_of(const Reply& reply) {
  if (reply.is_lost) {
    return Fate::kUnknown;
  }
  if (reply.is_refused) {
    return Fate::kRefused;
  }
  switch (reply.outcome.code) {
    case OutcomeCode::kOk:
      return Fate::kAcked;
    case OutcomeCode::kNoQuorumWrite:
      return Fate::kUnknown;
    default:
      return Fate::kRefused;
  }
}

}  // namespace

Client::Client(SimCluster& cluster, uint32_t number)
    : cluster_(cluster),
      number_(number),
      prng_(cluster.plan().seed * 1000003 + number * 7919 + 11),
      contexts_(cluster.plan().keys.size()) {
  think();
}

void Client::count(Probes& probes) const {
  probes.add("requests", requests_);
  probes.add("acked", acked_);
  probes.add("refused", refused_);
  probes.add("unknown", unknown_);
  probes.add("reads", reads_);
  probes.add("scans", scans_);
  probes.add("scans_whole", scans_whole_);
}

Number Client::any_node() {
  std::vector<SimNode*> members = cluster_.members();
  // One that is going, or never was there, is asked at times.
  return members.empty() || prng_.one_in(20)
             ? static_cast<Number>(1 + prng_.below(cluster_.node_count()))
             : members[prng_.below(members.size())]->number();
}

void Client::think() {
  const uint64_t turn = ++turn_;
  const uint64_t pause_us =
      prng_.one_in(4) ? prng_.below(2'000) : prng_.below(cluster_.plan().think_us_max);
  cluster_.queue().after(pause_us, [this, turn] {
    if (turn == turn_ && !cluster_.is_healing()) {
      act();
    }
  });
}

/// Where nothing fails, once all nodes see each other: read-modify-writes of a key then meet at one
/// node.
bool Client::may_begin() {
  has_begun_ = has_begun_ || !cluster_.plan().is_peaceful() || cluster_.all_see_each_other();
  return has_begun_;
}

void Client::act() {
  if (!may_begin()) {
    return think();
  }
  ++requests_;
  const auto key = static_cast<uint32_t>(prng_.below(cluster_.plan().keys.size()));
  if (prng_.one_in(80)) {
    return scan();
  }
  const uint64_t choice = prng_.below(100);
  switch (cluster_.plan().keys[key]) {
    case KeyClass::kVersions:
      return choice < 35 ? read(key, false) : write_versions(key);
    case KeyClass::kRegister:
      return choice < 40   ? read(key, true)
             : choice < 85 ? write(key, OpKind::kSet, Modification::kNone)
                           : write(key, OpKind::kModify, Modification::kDelete);
    case KeyClass::kMixed:
      return choice < 30   ? read(key, choice < 10)
             : choice < 55 ? write(key, OpKind::kSet, Modification::kNone)
             : choice < 65 ? write(key, OpKind::kModify, Modification::kDelete)
             : choice < 70 ? write(key, OpKind::kModify, Modification::kSet)
                           : write_versions(key);
    case KeyClass::kCounter:
      return choice < 30 ? read(key, true) : write(key, OpKind::kModify, Modification::kIncrement);
    case KeyClass::kLog:
      return choice < 60 ? read(key, true) : write(key, OpKind::kModify, Modification::kAppend);
    case KeyClass::kExpiry:
      return choice < 30   ? read(key, false)
             : choice < 50 ? write(key, OpKind::kSet, Modification::kNone)
             : choice < 60 ? write_versions(key)
             : choice < 85 ? write(key, OpKind::kModify, Modification::kExpire)
                           : write(key, OpKind::kModify, Modification::kPersist);
    case KeyClass::kShortLived:
      return choice < 60   ? read(key, true)
             : choice < 90 ? write(key, OpKind::kSet, Modification::kNone)
                           : write(key, OpKind::kModify, Modification::kSet);
  }
}

void Client::keep(uint32_t key, KeptContext context) {
  contexts_[key].push_back(std::move(context));
  if (contexts_[key].size() > kContextsKept) {
    contexts_[key].pop_front();
  }
}

/// The newest context mostly, an old one or none at times.
Client::KeptContext Client::choose_context(uint32_t key) {
  const auto& kept = contexts_[key];
  if (kept.empty() || prng_.below(100) < 20) {
    return KeptContext{};
  }
  return prng_.below(100) < 75 ? kept.back() : kept[prng_.below(kept.size())];
}

void Client::write_versions(uint32_t key) {
  const bool removes = prng_.one_in(6);
  write(key, removes ? OpKind::kRemove : OpKind::kPut, Modification::kNone);
}

void Client::write(uint32_t key, OpKind kind, Modification modification) {
  Request request;
  Operation& operation = request.operation;
  operation.kind = kind;
  operation.modification = modification;
  operation.key = cluster_.keys()[key];
  Write event;
  event.key = key;
  event.kind = kind;
  event.modification = modification;
  const bool has_value = kind == OpKind::kPut || kind == OpKind::kSet ||
                         modification == Modification::kSet ||
                         modification == Modification::kAppend;
  if (has_value) {
    event.value = "c" + std::to_string(number_) + "." + std::to_string(++values_) +
                  (modification == Modification::kAppend ? ";" : "");
    operation.value = Value::copied(event.value);
  }
  if (modification == Modification::kIncrement) {
    operation.integer = 1;
  } else if (modification == Modification::kSet) {
    operation.flags = op_flag::kIfAbsent;
  } else if (modification == Modification::kExpire) {
    operation.expire_at_ms = 4'000'000'000'000 + prng_.below(1000);
  }
  if (cluster_.plan().keys[key] == KeyClass::kShortLived && !prng_.one_in(5)) {
    request.lives_ms = static_cast<uint32_t>(prng_.between(200, 4'000));
  }
  KeptContext given;
  if (event.is_put()) {
    given = choose_context(key);
    request.context = given.text;
    if (prng_.one_in(100)) {
      request.is_forged = true;
      request.context = forge(key, given.text);
    }
    event.past = given.met;
    event.direct = given.shown;
  }
  if (prng_.one_in(20)) {
    operation.quorum.timeout_ms = static_cast<uint32_t>(prng_.between(20, 100));
  }
  ask(std::move(request), std::move(event), given);
}

/// A context that must be refused: another key's, or one of which a character was changed.
std::string Client::forge(uint32_t key, const std::string& text) {
  for (uint32_t other = 0; other < contexts_.size(); ++other) {
    if (other != key && !contexts_[other].empty() && !contexts_[other].back().text.empty() &&
        (text.empty() || prng_.one_in(3))) {
      return contexts_[other].back().text;
    }
  }
  std::string forged = text.empty() ? "AAAA" : text;
  char& changed = forged[prng_.below(forged.size())];
  changed = changed == 'B' ? 'C' : 'B';
  return forged;
}

/// At times more than is configured: all copies, synced ones, primaries.
QuorumSpec Client::choose_quorum(const Operation& operation) {
  const Plan& plan = cluster_.plan();
  QuorumSpec quorum = operation.quorum;
  if (!prng_.one_in(10)) {
    return quorum;
  }
  const auto number = static_cast<uint8_t>(prng_.between(1, plan.replicas));
  switch (prng_.below(3)) {
    case 0:
      quorum.w = static_cast<uint8_t>(plan.replicas);
      break;
    case 1:
      quorum.pw = number;
      break;
    default:
      quorum.dw = plan.durability == Durability::kSynced ? number : quorum.dw;
  }
  return quorum;
}

void Client::ask(Request request, Write event, const KeptContext& given) {
  Asked asked;
  asked.given = given;
  asked.is_forged = request.is_forged;
  asked.at_us = cluster_.queue().now_us();
  request.operation.quorum = choose_quorum(request.operation);
  asked.quorum = request.operation.quorum;
  asked.timeout_ms =
      asked.quorum.timeout_ms != 0 ? asked.quorum.timeout_ms : cluster_.plan().request_timeout_ms;
  event.invoked_us = asked.at_us;
  asked.write = cluster_.oracle().begin_write(std::move(event));
  request.write = asked.write;
  const Number node = any_node();
  if (cluster_.trace().on()) {
    const Write& write = cluster_.oracle().write(asked.write);
    cluster_.trace().add(write.invoked_us,
                         "client " + std::to_string(number_) + " asks node " +
                             std::to_string(node) + ": write #" + std::to_string(write.number) +
                             " kind " + std::to_string(static_cast<int>(write.kind)) + "/" +
                             std::to_string(static_cast<int>(write.modification)) + " key " +
                             std::to_string(write.key) + " '" + write.value + "'");
  }
  cluster_.ask(node, std::move(request),
               [this, asked = std::move(asked)](Reply&& reply) { took(asked, std::move(reply)); });
}

void Client::took(const Asked& asked, Reply&& reply) {
  check_time(reply, asked.at_us, asked.timeout_ms);
  const OpKind kind = cluster_.oracle().write(asked.write).kind;
  const bool may_stop =
      kind == OpKind::kModify ||
      (reply.outcome.code == OutcomeCode::kNoQuorumWrite && cluster_.has_gone(reply.outcome.dot));
  if (!may_stop) {
    check_served(cluster_.oracle().write(asked.write).key, reply, asked.quorum, asked.at_us,
                 asked.timeout_ms);
  }
  const Write& write = cluster_.oracle().write(asked.write);
  const Fate fate = fate_of(reply);
  if (cluster_.trace().on()) {
    cluster_.trace().add(
        cluster_.queue().now_us(),
        "write #" + std::to_string(write.number) + " ends: " +
            (reply.is_lost ? "lost"
                           : "code " + std::to_string(static_cast<int>(reply.outcome.code))) +
            " " + text(reply.outcome.dot));
  }
  acked_ += fate == Fate::kAcked ? 1 : 0;
  refused_ += fate == Fate::kRefused ? 1 : 0;
  unknown_ += fate == Fate::kUnknown ? 1 : 0;
  cluster_.oracle().end_write(write.number, fate, reply.is_lost ? nullptr : &reply.outcome,
                              cluster_.queue().now_us());
  if (fate == Fate::kAcked && !reply.outcome.dot.is_zero()) {
    check_copies(asked, reply);
  }
  if (fate == Fate::kAcked && write.is_put() && !reply.outcome.dot.is_zero()) {
    const uint32_t dot = cluster_.oracle().number_of(write.key, reply.outcome.dot);
    if (dot != kNone) {
      KeptContext kept;
      kept.text = std::move(reply.context);
      kept.covered = std::move(reply.covered);
      kept.met = with(asked.given.met, dot);
      kept.shown = with(asked.given.shown, dot);
      cluster_.oracle().check_claims(write.key, kept.covered.covered, kept.met,
                                     "a writer's context");
      keep(write.key, std::move(kept));
    }
  }
  think();
}

/// An acknowledged write is where its quorum says, now.
void Client::check_copies(const Asked& asked, const Reply& reply) {
  const Plan& plan = cluster_.plan();
  const uint32_t key = cluster_.oracle().write(asked.write).key;
  const uint32_t dot = cluster_.oracle().number_of(key, reply.outcome.dot);
  if (dot == kNone) {
    return;
  }
  CopiesSeen copies;
  // The configured W is capped at the length of the list, which is one less while the place of a
  // member that was removed is open, and as long as a cluster that is growing. Keys may have two
  // copies where n of keyspaces changes.
  const bool grows = plan.nodes < plan.replicas;
  const auto length = static_cast<uint8_t>(
      grows ? plan.nodes : plan.replicas - (plan.ring_change_every_ms == 0 ? 0 : 1));
  const auto cap = std::max<uint8_t>(1, length - (plan.copies_change_every_ms == 0 ? 0 : 1));
  const auto configured = [cap](uint8_t number, uint8_t otherwise) {
    return number == QuorumSpec::kAsConfigured ? std::min(otherwise, cap) : number;
  };
  copies.needed = std::max(configured(asked.quorum.w, plan.write_quorum(key)), asked.quorum.pw);
  // A hint goes once the configured W of primaries hold what it holds, whatever the write asked
  // for: where its age passes the limit, which it may as it is made where clocks differ by as much,
  // and where its holder leaves.
  const bool are_born_old = plan.hint_ttl_ms <= 2 * static_cast<uint64_t>(plan.clock_skew_ms_max) +
                                                    plan.request_timeout_ms;
  if (plan.quorum.is_sloppy && (are_born_old || plan.ring_change_every_ms != 0)) {
    copies.needed = std::min<uint32_t>(copies.needed, plan.quorum.write);
  }
  copies.durable_needed = configured(asked.quorum.dw, plan.quorum.durable);
  if (plan.quorum.is_sloppy && (are_born_old || plan.ring_change_every_ms != 0)) {
    copies.durable_needed = std::min<uint32_t>(copies.durable_needed, plan.quorum.write);
  }
  cluster_.count_copies(key, dot, asked.at_us, &copies);
  cluster_.oracle().check_copies(asked.write, copies);
}

void Client::check_time(const Reply& reply, uint64_t asked_us, uint32_t timeout_ms) {
  const uint64_t took_us = cluster_.queue().now_us() - asked_us;
  const uint64_t bound_us = timeout_ms * 1000ULL + kAnswerSlackUs;
  if (!reply.is_lost && took_us > bound_us + cluster_.paused_since(asked_us)) {
    cluster_.oracle().fail("answered after " + std::to_string(took_us / 1000) +
                           " ms, the timeout being " + std::to_string(timeout_ms) + " ms");
  }
}

/// Where nothing fails, nothing that goes by the configured quorums is refused or given up: not
/// while nodes join and leave either. Read-modify-writes may end unknown as their primary changes,
/// a write whose copy goes, and may come again as another (took() sees to both), and what slow
/// messages delay: there and back, and in each epoch its document and word of it first. Where a
/// node gets a copy again that it has not erased yet, and a round has been since, it empties that
/// first: W that are all may take a while.
void Client::check_served(uint32_t key, const Reply& reply, const QuorumSpec& quorum,
                          uint64_t asked_us, uint32_t timeout_ms) {
  const OutcomeCode code = reply.outcome.code;
  const bool is_failure = code == OutcomeCode::kNoReplicas || code == OutcomeCode::kNoQuorumRead ||
                          code == OutcomeCode::kNoQuorumWrite;
  constexpr uint64_t kSlowUs = 100'000;
  const uint64_t took_us = cluster_.queue().now_us() - asked_us;
  const uint64_t timeout_us = timeout_ms * 1000ULL;
  const bool is_hasty = took_us < std::min(kSlowUs, timeout_us);
  const Plan& plan = cluster_.plan();
  const uint64_t late_us = plan.slow_us_max + plan.delay_spread_us + plan.sync_us_max;
  const MembershipJudge& judge = cluster_.membership_judge();
  const uint64_t messages = 2 + 4 * judge.epochs_since(asked_us);
  // A newcomer that asks members before they know it asks them again only a while later, and is
  // waited for meanwhile.
  constexpr uint64_t kMeetsAllUs = 500'000;
  const bool may_meet = judge.epochs_since(asked_us - std::min(asked_us, kMeetsAllUs)) != 0;
  const bool is_hung = took_us >= timeout_us &&
                       timeout_us >= messages * late_us + kSlowUs + (may_meet ? kMeetsAllUs : 0);
  const bool may_come_back = plan.copies_change_every_ms != 0 ||
                             (plan.ring_change_every_ms != 0 && plan.reap_every_ms != 0);
  if (is_failure && quorum.as_configured() && (is_hasty || is_hung) && !reply.is_lost &&
      !reply.is_refused && !reply.is_early && plan.must_serve() &&
      (!may_come_back || cluster_.ring_operator().spares_an_owner(key))) {
    cluster_.oracle().fail(
        "an error though nothing failed: code " + std::to_string(static_cast<int>(code)) + ", " +
        std::to_string(reply.outcome.seen) + " of " + std::to_string(reply.outcome.needed) +
        ", key " + std::to_string(key) + ", after " + std::to_string(took_us / 1000) + " ms");
  }
}

}  // namespace kindred::sim
