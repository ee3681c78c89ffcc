#include "tests/sim/client.h"

#include "tests/sim/trace.h"

namespace kindred::sim {

namespace {

constexpr size_t kContextsKept = 4;
constexpr uint64_t kAnswerSlackUs = 250'000;

Fate fate_of(const Reply& reply) {
  if (reply.is_lost) {
    return Fate::kUnknown;
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
}

Number Client::any_node() {
  return static_cast<Number>(1 + prng_.below(cluster_.node_count()));
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

/// In calm seeds, once all nodes see each other: read-modify-writes of a key then meet at one node.
bool Client::may_begin() {
  has_begun_ = has_begun_ || !cluster_.plan().is_calm() || cluster_.all_see_each_other();
  return has_begun_;
}

void Client::act() {
  if (!may_begin()) {
    return think();
  }
  ++requests_;
  const auto key = static_cast<uint32_t>(prng_.below(cluster_.plan().keys.size()));
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

void Client::read(uint32_t key, bool is_get) {
  ++reads_;
  Operation operation;
  operation.kind = OpKind::kRead;
  operation.key = cluster_.keys()[key];
  ReadCheck check;
  if (!is_get && prng_.one_in(4)) {
    operation.quorum.r = 1;
  }
  check.is_quorum = operation.quorum.r == QuorumSpec::kAsConfigured;
  const uint64_t asked_us = cluster_.queue().now_us();
  cluster_.oracle().begin_read(check, key, asked_us);
  const uint64_t turn = turn_;
  const Number node = any_node();
  cluster_.ask(node, operation, kNone, [this, key, check, asked_us, turn, node](Reply&& reply) {
    check_time(reply, asked_us, cluster_.plan().request_timeout_ms);
    if (turn != turn_) {
      return;
    }
    if (!reply.is_lost && reply.outcome.code == OutcomeCode::kOk) {
      const State& state = reply.outcome.state;
      if (cluster_.trace().on()) {
        std::string line = "client " + std::to_string(number_) + " reads key " +
                           std::to_string(key) + " at node " + std::to_string(node) + ":";
        for (const Sibling& sibling : state.siblings) {
          line += " " + text(sibling.dot) + " '" + shortened(sibling.value.bytes()) + "'";
        }
        cluster_.trace().add(cluster_.queue().now_us(), line);
      }
      cluster_.oracle().check_read(check, state, cluster_.queue().now_us());
      KeptContext kept;
      kept.context = context_of_read(state);
      kept.met = reply.met;
      kept.shown = cluster_.oracle().shown(key, state);
      cluster_.oracle().check_claims(key, kept.context.covered, kept.met, "a reader's context");
      keep(key, std::move(kept));
    }
    think();
  });
}

void Client::write_versions(uint32_t key) {
  const bool removes = prng_.one_in(6);
  write(key, removes ? OpKind::kRemove : OpKind::kPut, Modification::kNone);
}

void Client::write(uint32_t key, OpKind kind, Modification modification) {
  Operation operation;
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
    operation.value = Value::borrowed(event.value);
  }
  if (modification == Modification::kIncrement) {
    operation.integer = 1;
  } else if (modification == Modification::kSet) {
    operation.flags = op_flag::kIfAbsent;
  } else if (modification == Modification::kExpire) {
    operation.expire_at_ms = 4'000'000'000'000 + prng_.below(1000);
  }
  KeptContext given;
  if (event.is_put()) {
    given = choose_context(key);
    operation.context = given.context;
    event.past = given.met;
    event.direct = given.shown;
  }
  if (prng_.one_in(20)) {
    operation.quorum.timeout_ms = static_cast<uint32_t>(prng_.between(20, 100));
  }
  ask(operation, std::move(event), &given);
}

void Client::ask(Operation operation, Write event, const KeptContext* given) {
  event.invoked_us = cluster_.queue().now_us();
  const std::string value = event.value;
  const uint32_t number = cluster_.oracle().begin_write(std::move(event));
  operation.value = Value::copied(value);
  const Number node = any_node();
  if (cluster_.trace().on()) {
    const Write& write = cluster_.oracle().write(number);
    cluster_.trace().add(write.invoked_us,
                         "client " + std::to_string(number_) + " asks node " +
                             std::to_string(node) + ": write #" + std::to_string(number) +
                             " kind " + std::to_string(static_cast<int>(write.kind)) + "/" +
                             std::to_string(static_cast<int>(write.modification)) + " key " +
                             std::to_string(write.key) + " '" + value + "'");
  }
  const uint64_t asked_us = cluster_.queue().now_us();
  const uint32_t timeout_ms = operation.quorum.timeout_ms != 0 ? operation.quorum.timeout_ms
                                                               : cluster_.plan().request_timeout_ms;
  cluster_.ask(node, operation, number,
               [this, number, given = *given, asked_us, timeout_ms](Reply&& reply) {
                 took(number, given, std::move(reply), asked_us, timeout_ms);
               });
}

void Client::took(uint32_t number, const KeptContext& given, Reply&& reply, uint64_t asked_us,
                  uint32_t timeout_ms) {
  check_time(reply, asked_us, timeout_ms);
  const Write& write = cluster_.oracle().write(number);
  const Fate fate = fate_of(reply);
  if (cluster_.trace().on()) {
    cluster_.trace().add(
        cluster_.queue().now_us(),
        "write #" + std::to_string(number) + " ends: " +
            (reply.is_lost ? "lost"
                           : "code " + std::to_string(static_cast<int>(reply.outcome.code))) +
            " " + text(reply.outcome.dot));
  }
  acked_ += fate == Fate::kAcked ? 1 : 0;
  refused_ += fate == Fate::kRefused ? 1 : 0;
  unknown_ += fate == Fate::kUnknown ? 1 : 0;
  cluster_.oracle().end_write(number, fate, reply.is_lost ? nullptr : &reply.outcome,
                              cluster_.queue().now_us());
  if (fate == Fate::kAcked && write.is_put() && !reply.outcome.dot.is_zero()) {
    KeptContext kept;
    kept.context = reply.outcome.context;
    const uint32_t dot = cluster_.oracle().number_of(write.key, reply.outcome.dot);
    if (dot != kNone) {
      kept.met = with(given.met, dot);
      kept.shown = with(given.shown, dot);
      cluster_.oracle().check_claims(write.key, kept.context.covered, kept.met,
                                     "a writer's context");
      keep(write.key, std::move(kept));
    }
  }
  think();
}

void Client::check_time(const Reply& reply, uint64_t asked_us, uint32_t timeout_ms) {
  const uint64_t took_us = cluster_.queue().now_us() - asked_us;
  if (!reply.is_lost && took_us > timeout_ms * 1000ULL + kAnswerSlackUs + cluster_.paused_us()) {
    cluster_.oracle().fail("answered after " + std::to_string(took_us / 1000) +
                           " ms, the timeout being " + std::to_string(timeout_ms) + " ms");
  }
}

}  // namespace kindred::sim
