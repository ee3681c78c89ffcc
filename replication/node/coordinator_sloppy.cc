#include <algorithm>
#include <string>

#include "replication/causal/bug_bank.h"
#include "replication/node/coordinator.h"

namespace kindred {

namespace {

/// Answered requests that still wait for a primary; beyond, the oldest one's hints are kept here.
constexpr size_t kSettlingMax = 16'384;

template <typename Op>
auto* hint_place(Op& op, NodeId holder) {
  for (auto& place : op.hints) {
    if (place.holder == holder && !place.is_over) {
      return &place;
    }
  }
  return static_cast<decltype(op.hints.data())>(nullptr);
}

}  // namespace

/// What nothing is known of shows nothing that was reaped, by no round that this node has heard of.
void Coordinator::begin_from_hints(const Op& op, State& state) const {
  if (state.never_written()) {
    const RoundMark& mark = core_.copies.at(op.key.partition()).mark;
    state.round = std::max(mark.bar, mark.begins);
  }
}

/// The hint that a fallback coordinates from, stored: its part in the quorum.
void Coordinator::on_hint_stored(uint64_t id, const KeyRef& hint, bool ok, Now now) {
  Op* op = table_.find(id);
  if (!ok) {
    ++core_.metrics.storage_failures;
    core_.hints.end_actor(hint);
  }
  if (op != nullptr && op->phase == Op::Phase::kWriting) {
    ReplicateAck ack;
    ack.id = id;
    ack.status = ok ? AckStatus::kStored : AckStatus::kFailed;
    ack.durability = durability_of(*op);
    on_ack(core_.self, ack, now);
  }
}

/// Whether a fallback may run the request where no whole primary is in reach. What tells of the
/// copies themselves needs one.
bool Coordinator::may_stand_in(const Op& op) const {
  const bool needs_copies = op.kind == OpKind::kReadLocal || op.kind == OpKind::kExplain ||
                            op.kind == OpKind::kSpread || op.is_together;
  return core_.config.quorum.is_sloppy && !needs_copies &&
         !core_.owners(op.key.partition()).empty();
}

/// The first healthy fallback that has not refused; 0: none.
NodeId Coordinator::next_stand_in(const Op& op) {
  for (const NodeId node : core_.fallbacks(op.key.partition())) {
    const bool has_refused = std::find(op.tried.begin(), op.tried.end(), node) != op.tried.end();
    // Who does not know what has been reaped has hints that nobody would take.
    const bool is_able =
        node != core_.self || (!cannot_keep(op) && core_.copies.at(op.key.partition()).knows_round);
    if (core_.is_up(node) && is_able && !has_refused) {
      return node;
    }
  }
  return 0;
}

void Coordinator::stand_in(Op& op, const Operation& operation, Now now) {
  const auto owners = core_.owners(op.key.partition());
  const auto absent = std::find_if(owners.begin(), owners.end(),
                                   [this](NodeId node) { return !core_.is_up(node); });
  op.home = absent != owners.end() ? *absent : owners.front();
  ++core_.metrics.fallback_coordinated;
  run(op, operation, now);
}

/// Too few are up, as this node sees it. Who passed the request on may see more, and a node that
/// has just joined, or was cut off, has not met all that others have; but read-modify-writes of a
/// key stay at its first primary.
void Coordinator::lack_replicas(Op& op, size_t needed, size_t nodes, Now now) {
  const bool may_move = op.origin.passed_on() && !op.written && op.kind != OpKind::kModify;
  if (!may_move) {
    return fail(op, OutcomeCode::kNoReplicas, needed, nodes, now);
  }
  ++core_.metrics.quorum_failures;
  const Origin origin = op.origin;
  table_.free(op);
  refuse(origin);
}

/// False where those who are up can't meet the rule: the request has ended then. `primaries` of
/// `owners` are up, and each of the others may be stood in for.
bool Coordinator::are_up(Op& op, const QuorumRule& rule, size_t primaries, size_t owners, Now now) {
  const uint8_t needed = std::max(rule.needed, rule.durable);
  size_t nodes = primaries;
  if (nodes < needed && !rule.is_strict) {
    nodes = std::min<size_t>(owners, primaries + core_.fallbacks_up(op.key.partition()));
  }
  if (nodes < needed) {
    lack_replicas(op, needed, nodes, now);
    return false;
  }
  if (primaries < rule.primary) {
    lack_replicas(op, rule.primary, nodes, now);
    return false;
  }
  return true;
}

bool Coordinator::readers_are_up(Op& op, Now now) {
  const uint16_t partition = op.key.partition();
  return are_up(op, read_rule(op), core_.owners_up(partition), core_.copies_of(partition), now);
}

bool Coordinator::writers_are_up(Op& op, Now now) {
  const uint16_t partition = op.key.partition();
  if (!core_.is_moving(partition)) [[likely]] {
    return are_up(op, op.quorum.write, core_.owners_up(partition), core_.copies_of(partition), now);
  }
  const Move& move = *core_.cluster().find_move(partition);
  return are_up(op, op.quorum.write, core_.old_owners_up(partition),
                core_.cluster().ring.owners(partition).size(), now) &&
         are_up(op, op.quorum.write_new, core_.new_owners_up(partition), move.new_owners.size(),
                now);
}

/// The word of a fallback that holds the hint for `target`, in whose place it counts.
Ack Coordinator::hint_ack(const Op& op, NodeId holder, NodeId target, Durability durability) const {
  Ack ack = core_.ack_of(target, op.key.partition(), durability);
  ack.node = holder;
  ack.is_primary = false;
  return ack;
}

/// The word of this node, which stands in.
Ack Coordinator::own_fallback_ack(const Op& op, Durability durability, bool is_empty) const {
  Ack ack = hint_ack(op, core_.self, op.home, durability);
  ack.is_empty = is_empty;
  return ack;
}

// Reads

/// Asks the next fallback for its hints; each stands in for one primary.
bool Coordinator::ask_fallback(Op& op) {
  for (const NodeId node : core_.fallbacks(op.key.partition())) {
    if (node != core_.self && core_.is_up(node) && ask_once(op, node, /*is_fallback=*/true)) {
      return true;
    }
  }
  return false;
}

Outstanding Coordinator::may_still_answer(const Op& op) const {
  Outstanding outstanding;
  for (const Op::Asked& one : op.asked) {
    if (one.status == Op::Asked::Status::kWaiting || one.status == Op::Asked::Status::kRefused) {
      ++(one.is_fallback ? outstanding.fallbacks : outstanding.primaries);
    }
  }
  return outstanding;
}

/// Nodes whose answer counts, or may when it comes.
size_t Coordinator::may_count(const Op& op) const {
  const Outstanding outstanding = may_still_answer(op);
  size_t primaries = outstanding.primaries;
  size_t knowing = outstanding.fallbacks;
  size_t empty = 0;
  for (const Ack& ack : op.acks.all()) {
    ++(ack.is_primary ? primaries : ack.is_empty ? empty : knowing);
  }
  return primaries + knowing + (primaries > 0 ? empty : 0);
}

// Writes

/// Who may still ack this round and count, by the list that they, or whom they stand in for, belong
/// to.
OutstandingOfLists Coordinator::may_still_ack(const Op& op) const {
  OutstandingOfLists outstanding;
  const bool is_moving = core_.is_moving(op.key.partition());
  if (!is_moving && op.hints.empty() && op.home == 0) [[likely]] {
    outstanding.of_old = {op.waiting.size() + op.refused.size(), op.unhinted.size()};
    return outstanding;
  }
  const auto count = [&](NodeId place, bool is_fallback) {
    if (!is_moving) [[likely]] {
      ++(is_fallback ? outstanding.of_old.fallbacks : outstanding.of_old.primaries);
      return;
    }
    const Ack word = core_.ack_of(place, op.key.partition(), Durability::kMemory);
    if (word.is_old_owner) {
      ++(is_fallback ? outstanding.of_old.fallbacks : outstanding.of_old.primaries);
    }
    if (word.is_new_owner) {
      ++(is_fallback ? outstanding.of_new.fallbacks : outstanding.of_new.primaries);
    }
  };
  for (const NodeId node : op.waiting) {
    const auto* place = hint_place(op, node);
    if (place != nullptr) {
      count(place->target, true);
    } else if (node == core_.self && op.home != 0) {
      count(op.home, true);
    } else {
      count(node, false);
    }
  }
  for (const NodeId node : op.refused) {
    count(node, false);
  }
  for (const NodeId target : op.unhinted) {
    count(target, true);
  }
  return outstanding;
}

/// Takes in who holds the write and who doesn't. Those who can't store it get a hint elsewhere.
void Coordinator::note_answer(Op& op, NodeId from, const ReplicateAck& ack, Now now) {
  Op::HintPlace* place = hint_place(op, from);
  const bool is_held = ack.status == AckStatus::kStored ||
                       (ack.status == AckStatus::kFilling && KINDRED_BUG(filling_copy_acks));
  // This node's hint for its home is no second copy beside the home's own, whichever is first.
  const bool is_own_hint = from == core_.self && op.home != 0;
  if (is_held && from == op.home) {
    op.acks.remove(core_.self);
  }
  if (is_held &&
      !(is_own_hint && op.acks.contains(op.home) && !KINDRED_BUG(late_own_hint_counts))) {
    op.acks.add(place != nullptr ? hint_ack(op, from, place->target, ack.durability)
                : is_own_hint    ? own_fallback_ack(op, ack.durability, /*is_empty=*/false)
                                 : core_.ack_of(from, op.key.partition(), ack.durability));
  }
  const NodeId target = place != nullptr ? place->target : from;
  if (place != nullptr) {
    place->is_over = true;
  }
  const bool is_refused =
      ack.status != AckStatus::kStored && ack.status != AckStatus::kFilling &&
      ack.status != AckStatus::kRefused;  // what is damaged or dead is so everywhere
  if (is_refused && from != core_.self && op.kind != OpKind::kSpread) {
    request_hint(op, target, now);
  }
}

/// Hints for the primaries that are down as the write begins.
void Coordinator::hint_absent(Op& op, std::string_view record, Now now) {
  const uint16_t partition = op.key.partition();
  const bool all_up = core_.owners_up(partition) == core_.copies_of(partition);
  if (all_up && !core_.is_moving(partition)) [[likely]] {
    return;
  }
  for (const NodeId owner : core_.holders(partition)) {
    if (!core_.is_up(owner) && owner != op.home) {
      op.unhinted.push_back(owner);
    }
  }
  send_hints(op, record, now);
}

void Coordinator::request_hint(Op& op, NodeId target, Now now) {
  if (target == op.home && op.home != 0) {
    return;  // this node's own
  }
  op.unhinted.push_back(target);
  load_for_hints(op, now);
}

/// A hint is this node's state of the key, which holds the write: read again, it was not kept.
void Coordinator::load_for_hints(Op& op, Now now) {
  if (op.loads_for_hints || op.unhinted.empty()) {
    return;
  }
  if (op.home != 0) {
    return send_hints(op, op.home_record, now);
  }
  State state;
  const LoadStatus status = core_.load(op.key.ref(), &state);
  if (status == LoadStatus::kPending) {
    op.loads_for_hints = true;
    return core_.ports.load(op.key.ref(), op.id);
  }
  if (status == LoadStatus::kLoaded) {
    return send_hints(op, core_.ports.encode(op.key.ref(), state), now);
  }
  if (status == LoadStatus::kCorrupt) {
    core_.quarantine(op.key.ref());
  }
  core_.metrics.hints_refused += op.unhinted.size();
  op.unhinted.clear();
}

void Coordinator::hints_loaded(Op& op, LoadStatus status, const State& state, Now now) {
  op.loads_for_hints = false;
  if (status == LoadStatus::kCorrupt) {
    core_.quarantine(op.key.ref());
  }
  if (status == LoadStatus::kLoaded) {
    State current = state;
    core_.filter(current);
    send_hints(op, core_.ports.encode(op.key.ref(), current), now);
  } else {
    core_.metrics.hints_refused += op.unhinted.size();
    op.unhinted.clear();
  }
  if (op.phase == Op::Phase::kWriting) {
    judge_write(op, now);
  } else if (is_settled(op)) {
    table_.free(op);
  }
}

/// Each hint goes to a fallback that has no part in the write yet; where there is none, this node
/// keeps it.
void Coordinator::send_hints(Op& op, std::string_view record, Now now) {
  if (record.empty()) {
    op.unhinted.clear();  // a flush made it dead
    return;
  }
  Replicate message;
  message.step = op.step;
  message.rounds = rounds_of(op);
  message.key = op.key.ref();
  message.durability = durability_of(op);
  message.record = record;
  boost::container::small_vector<NodeId, 1> own;
  for (const NodeId target : op.unhinted) {
    const NodeId holder = next_holder(op);
    if (holder == 0) {
      own.push_back(target);
      continue;
    }
    op.hints.push_back({target, holder, false});
    op.waiting.push_back(holder);
    message.id = op.id;
    message.key.hint_for = target;
    core_.ports.send(holder, message);
  }
  op.unhinted.clear();
  if (own.empty()) {
    return;
  }
  const std::string kept(record);  // storing a hint encodes
  message.record = kept;
  message.id = 0;
  for (const NodeId target : own) {
    message.key.hint_for = target;
    replica_.on_replicate(core_.self, message, now);
    if (KINDRED_BUG(own_hint_counts)) {
      op.acks.add(hint_ack(op, target, target, message.durability));
    }
  }
}

NodeId Coordinator::next_holder(const Op& op) {
  if (op.keeps_hints_itself) {
    return 0;
  }
  for (const NodeId node : core_.fallbacks(op.key.partition())) {
    const bool has_part =
        std::any_of(op.hints.begin(), op.hints.end(),
                    [node](const Op::HintPlace& place) { return place.holder == node; });
    if (node != core_.self && core_.is_up(node) && !has_part) {
      return node;
    }
  }
  return 0;
}

/// The request is answered. It stays until every primary has acked or has a hint.
void Coordinator::settle(Op& op, Now now) {
  const auto self = std::find(op.waiting.begin(), op.waiting.end(), core_.self);
  if (self != op.waiting.end()) {
    op.waiting.erase(self);
  }
  op.waiting.insert(op.waiting.end(), op.refused.begin(), op.refused.end());
  op.refused.clear();
  const bool holds_write = op.home != 0 || (op.dot.actor == actor_of(op) && !copy_lost(op));
  if (is_settled(op) || !holds_write) {
    return table_.free(op);
  }
  op.phase = Op::Phase::kSettling;
  settling_.push_back(op.id);
  for (; !settling_.empty(); settling_.pop_front()) {
    Op* oldest = table_.find(settling_.front());
    const bool waits = oldest != nullptr && oldest->phase == Op::Phase::kSettling;
    if (waits && settling_.size() <= kSettlingMax) {
      return;
    }
    if (waits) {
      oldest->keeps_hints_itself = true;
      hint_silent(*oldest, now);
    }
  }
}

/// The time is over for those who have not answered: they get hints, from fallbacks first, and from
/// this node where those don't answer either.
void Coordinator::hint_silent(Op& op, Now now) {
  if (op.keeps_hints_itself && op.loads_for_hints) {
    ++core_.metrics.hints_refused;  // the engine does not answer
    return table_.free(op);
  }
  boost::container::small_vector<NodeId, 3> silent;
  silent.swap(op.waiting);
  for (const NodeId node : silent) {
    Op::HintPlace* place = hint_place(op, node);
    const NodeId target = place != nullptr ? place->target : node;
    if (place != nullptr) {
      place->is_over = true;
      op.keeps_hints_itself = true;
    }
    if (target != op.home || op.home == 0) {
      op.unhinted.push_back(target);
    }
  }
  load_for_hints(op, now);
  if (is_settled(op)) {
    return table_.free(op);
  }
  op.keeps_hints_itself = op.keeps_hints_itself || op.loads_for_hints;
  op.deadline_us = now.mono_us + core_.config.request_timeout_ms * kUsPerMs;
  deadlines_.add(op.id, op.deadline_us);
}

}  // namespace kindred
