#include "tests/sim/operator.h"

#include <algorithm>

#include "protocol/record/record.h"
#include "replication/keyspace/keyspace_words.h"
#include "tests/sim/cluster.h"

namespace kindred::sim {

namespace {

constexpr uint64_t kLookUs = 300'000;
/// Fewer members than N would make W and R of fewer copies.
constexpr size_t kMembersMin = 3;

std::string name_of(Number number) {
  return address_text(SimNode::address_of(number));
}

}  // namespace

void Operator::schedule() {
  roles_.assign(cluster_.node_count() + 1, NodeRole{});
  for (Number number = 1; number <= cluster_.plan().nodes; ++number) {
    roles_[number].role = Role::kIn;
  }
  if (cluster_.plan().ring_change_every_ms != 0) {
    cluster_.queue().after(kLookUs, [this] { look(); });
  }
  if (cluster_.plan().copies_change_every_ms != 0) {
    cluster_.queue().after(kLookUs, [this] { look_at_keyspaces(); });
  }
}

void Operator::look_at_keyspaces() {
  cluster_.queue().after(kLookUs, [this] { look_at_keyspaces(); });
  const uint64_t now_us = cluster_.queue().now_us();
  if (now_us >= next_copies_us_ && !cluster_.is_healing() && !is_changing_copies_) {
    next_copies_us_ = now_us + cluster_.prng(Chance::kKeyspaces).between(200, 1'800) *
                                   cluster_.plan().copies_change_every_ms;
    change_copies();
  }
}

/// A key's keyspace, or one around several keys, gets an n of its own, another one, or none.
void Operator::change_copies() {
  Prng& prng = cluster_.prng(Chance::kKeyspaces);
  std::vector<Number> ready;
  for (const Number number : of_role(Role::kIn)) {
    if (cluster_.node(number).is_ready()) {
      ready.push_back(number);
    }
  }
  const auto key = static_cast<uint32_t>(prng.below(cluster_.keys().size()));
  constexpr uint8_t kCopies[] = {0, 2, 2, 3, 4, 5};
  const uint8_t copies = kCopies[prng.below(std::size(kCopies))];
  const bool is_around = prng.one_in(3);
  const bool has_fewest_quorums = prng.one_in(2);
  const uint64_t which = prng.next();
  if (ready.empty()) {
    return;
  }
  Keyspace row = cluster_.plan().rules[key];
  row.pattern = is_around ? "key:*" : std::string(cluster_.keys()[key].key);
  if (is_around) {
    row.has_registers = true;
    row.resolver = kResolverLww;
  }
  row.copies = copies;
  if (has_fewest_quorums && copies != 0) {  // else they may be fewer than meet by a wider row's n
    row.read = row.write = static_cast<uint8_t>(copies / 2 + 1);
  }
  is_changing_copies_ = true;
  if (cluster_.trace().on()) {
    cluster_.trace().add(cluster_.queue().now_us(), "the operator wants " + keyspace_text(row));
  }
  cluster_.node(ready[which % ready.size()])
      .ask_edit(
          [row](ClusterDocument* next) -> std::string {
            return put_keyspace(next->keyspaces, row) ? "" : "ERR too many keyspaces";
          },
          [this](const std::string& error, uint64_t) {
            is_changing_copies_ = false;
            cluster_.probes().add(error.empty() ? "copies_changed" : "copies_change_refused");
          });
}

/// Of the documents that nodes held, the latest.
std::shared_ptr<const ClusterDocument> Operator::newest() {
  std::shared_ptr<const ClusterDocument>& latest = newest_;
  for (Number number = 1; number <= cluster_.node_count(); ++number) {
    const auto held = cluster_.node(number).document();
    if (held != nullptr && (latest == nullptr || std::pair(latest->generation, latest->epoch) <
                                                     std::pair(held->generation, held->epoch))) {
      latest = held;
    }
  }
  return latest;
}

bool Operator::is_member(Number number) {
  const auto document = newest();
  return document != nullptr && document->find_peer_address(SimNode::address_of(number)) != nullptr;
}

bool Operator::spares_an_owner(uint32_t key) {
  const auto document = newest();
  if (document == nullptr) {
    return true;
  }
  const KeyRef& ref = cluster_.keys()[key];
  const PartitionIndex partition = document->partitions().of(ref.key, ref.slot);
  const Move* move = document->find_move(partition);
  const size_t least = std::min(document->ring.owners(partition).size(),
                                move == nullptr ? SIZE_MAX : move->new_owners.size());
  return least > cluster_.plan().write_quorum(key);
}

std::vector<Number> Operator::of_role(Role role) const {
  std::vector<Number> numbers;
  for (Number number = 1; number < roles_.size(); ++number) {
    if (roles_[number].role == role) {
      numbers.push_back(number);
    }
  }
  return numbers;
}

SimNode* Operator::any_member() {
  std::vector<SimNode*> ready;
  for (const Number number : of_role(Role::kIn)) {
    if (cluster_.node(number).is_ready()) {
      ready.push_back(&cluster_.node(number));
    }
  }
  return ready.empty() ? nullptr : ready[cluster_.prng(Chance::kOperator).below(ready.size())];
}

/// Nothing changes: the members are those wanted, and no partition moves.
bool Operator::is_steady() {
  const auto document = newest();
  const std::vector<Number> wanted = of_role(Role::kIn);
  return document != nullptr && document->moves.empty() && document->staged.empty() &&
         document->members.size() == wanted.size() && of_role(Role::kGoing).empty() &&
         of_role(Role::kDead).empty() &&
         std::all_of(wanted.begin(), wanted.end(), [&](Number number) {
           const Member* member = document->find_peer_address(SimNode::address_of(number));
           return member != nullptr && !member->is_leaving;
         });
}

bool Operator::has_settled() {
  if (cluster_.plan().ring_change_every_ms == 0) {
    const auto document = newest();  // where n of keyspaces changes, partitions may move
    return document == nullptr || document->moves.empty();
  }
  return is_steady();
}

std::string Operator::what_is_open() const {
  std::string open;
  for (const Number number : of_role(Role::kGoing)) {
    open += roles_[number].is_asked ? ", asked" : "";
    open += ", node " + std::to_string(number) + " is to go";
    for (ShardHost* host : cluster_.node(number).shards()) {
      open += host->shard().may_go() ? " and may" : "";
      open += ", " + std::to_string(host->shard().transfers().size()) + " transfers, " +
              std::to_string(host->shard().hints().pending_count()) + " hints";
    }
  }
  for (const Number number : of_role(Role::kDead)) {
    open += ", node " + std::to_string(number) + " is dead";
  }
  return open;
}

/// All founders are members: nodes that start from now on find a cluster.
void Operator::begin() {
  for (const Number number : of_role(Role::kIn)) {
    if (!cluster_.node(number).is_ready()) {
      return;
    }
  }
  has_begun_ = true;
  std::vector<Address> seeds;
  for (Number number = 1; number <= cluster_.node_count(); ++number) {
    seeds.push_back(SimNode::address_of(number));
  }
  for (Number number = 1; number <= cluster_.node_count(); ++number) {
    cluster_.node(number).set_seeds(seeds);
  }
}

void Operator::look() {
  cluster_.queue().after(kLookUs, [this] { look(); });
  if (!has_begun_) {
    return begin();
  }
  const bool is_asked =
      std::any_of(roles_.begin(), roles_.end(), [](const NodeRole& role) { return role.is_asked; });
  if (!is_asked && !newest()->staged.empty()) {
    return clear_staged();
  }
  for (Number number = 1; number < roles_.size(); ++number) {
    go_on(number);
  }
  const uint64_t now_us = cluster_.queue().now_us();
  if (now_us >= next_change_us_ && !cluster_.is_healing()) {
    next_change_us_ = now_us + cluster_.prng(Chance::kOperator).between(200, 1'800) *
                                   cluster_.plan().ring_change_every_ms;
    begin_change();
  }
}

void Operator::begin_change() {
  Prng& prng = cluster_.prng(Chance::kOperator);
  const std::vector<Number> in = of_role(Role::kIn);
  const std::vector<Number> out = of_role(Role::kOut);
  const uint64_t what = prng.below(10);
  if (what < 5 && !out.empty()) {
    cluster_.probes().add("join_asked");
    if (cluster_.network().any_cut()) {
      cluster_.probes().add("join_asked_in_cut");
    }
    if (cluster_.plan().is_peaceful() && prng.one_in(2)) {
      const bool by_themselves = !prng.one_in(3);
      for (const Number number : out) {
        add(number, by_themselves);
      }
      return;
    }
    return add(out[prng.below(out.size())], !prng.one_in(3));
  }
  const auto members =
      std::count_if(in.begin(), in.end(), [this](Number number) { return is_member(number); });
  if (static_cast<size_t>(members) <= kMembersMin) {
    return;  // others wait to be members
  }
  const Number chosen = in[prng.below(in.size())];
  if (!is_member(chosen)) {
    return;  // still waits to be one
  }
  if (what < 8 || cluster_.plan().is_peaceful()) {
    cluster_.probes().add("leave_asked");
    if (cluster_.network().any_cut()) {
      cluster_.probes().add("leave_asked_in_cut");
    }
    roles_[chosen].role = Role::kGoing;
    cluster_.membership_judge().fault_of(chosen);
  } else if (cluster_.faults().loss_allowed() && cluster_.node(chosen).is_ready()) {
    let_die(chosen);
    if (!out.empty() && prng.one_in(2)) {
      cluster_.probes().add("replace_asked");
      roles_[chosen].replacement = out[prng.below(out.size())];
      add(roles_[chosen].replacement, false);
    } else {
      cluster_.probes().add("remove_asked");
    }
  }
}

/// A node starts with an empty directory, every other one its seed.
void Operator::add(Number number, bool joins_by_itself) {
  SimNode& node = cluster_.node(number);
  roles_[number] = NodeRole{Role::kIn, joins_by_itself, 0, false, roles_[number].came_back};
  node.disk().wipe();
  node.is_lossy = false;
  node.losses.clear();
  node.joins_by_itself = joins_by_itself;
  node.start();
}

void Operator::let_die(Number number) {
  SimNode& node = cluster_.node(number);
  roles_[number].role = Role::kDead;
  roles_[number].replacement = 0;
  cluster_.note_loss(node);
  node.is_lossy = true;
  node.stop(cluster_.prng(Chance::kOperator).one_in(2));
}

/// Asks for what is still to come about, unless it was asked for and not answered yet.
void Operator::go_on(Number number) {
  NodeRole& role = roles_[number];
  const auto document = newest();
  const Member* member = document->find_peer_address(SimNode::address_of(number));
  SimNode* at = any_member();
  if (role.is_asked || at == nullptr) {
    return;
  }
  RingChange change;
  change.now = !cluster_.prng(Chance::kOperator).one_in(4);
  change.node = name_of(number);
  if (role.role == Role::kIn && member == nullptr && !role.joins_by_itself) {
    change.kind = ChangeKind::kJoin;
    SimNode& waiting = cluster_.node(number);
    if (waiting.is_up() && cluster_.prng(Chance::kOperator).one_in(2)) {
      change.node = name_of(at->number());
      return ask(waiting, change, number);
    }
    return ask(*at, change, number);
  }
  if (role.role == Role::kGoing && member != nullptr && !member->is_leaving) {
    change.kind = ChangeKind::kLeave;
    return ask(*at, change, number);
  }
  if (role.role == Role::kGoing && member == nullptr) {
    return has_gone(cluster_.node(number));
  }
  if (role.role == Role::kOut && member != nullptr && !member->is_leaving) {
    change.kind = ChangeKind::kRemove;  // it went while the others were about to take it in
    return ask(*at, change, number);
  }
  if (role.role != Role::kDead) {
    return;
  }
  if (member == nullptr) {
    if (document->moves.empty()) {
      role.came_back = true;
      role.role = Role::kOut;  // its copies are made again elsewhere
      cluster_.node(number).is_lossy = false;
    }
    return;
  }
  if (member->is_leaving) {
    return;
  }
  const Number replacement = role.replacement;
  const bool may_replace =
      replacement != 0 && document->find_peer_address(SimNode::address_of(replacement)) == nullptr;
  change.kind = may_replace ? ChangeKind::kReplace : ChangeKind::kRemove;
  change.replacement = may_replace ? name_of(replacement) : "";
  ask(*at, change, number);
}

void Operator::ask(SimNode& at, const RingChange& change, Number about) {
  roles_[about].is_asked = true;
  const bool is_staged = !change.now;
  at.ask_change(change, [this, about, is_staged](const std::string& error, uint64_t) {
    if (error.empty() && is_staged) {
      return commit_staged(about);
    }
    roles_[about].is_asked = false;
    cluster_.probes().add(error.empty() ? "change_made" : "change_refused");
  });
}

void Operator::commit_staged(Number about) {
  SimNode* at = any_member();
  if (at == nullptr) {
    roles_[about].is_asked = false;
    return;
  }
  at->ask_commit([this, about](const std::string& error, uint64_t) {
    roles_[about].is_asked = false;
    cluster_.probes().add(error.empty() ? "staged_committed" : "change_refused");
  });
}

/// What was staged and could not be committed must not be so by a later commit.
void Operator::clear_staged() {
  SimNode* at = any_member();
  if (at == nullptr || is_clearing_) {
    return;
  }
  is_clearing_ = true;
  at->ask_clear([this](const std::string&, uint64_t) { is_clearing_ = false; });
}

/// Who leaves in order takes nothing along that others have not met.
void Operator::check_handed_over(SimNode& node) {
  const auto document = newest();
  for (uint32_t place = 0; place < node.disk().size(); ++place) {
    const uint32_t key = node.disk().key_of(place);
    const KeptRecord& left = node.disk().at(place).visible;
    if (node.disk().is_mark(place)) {
      continue;
    }
    State state;
    (void)decode_record(cluster_.keys()[key], left.bytes, &state);
    apply_flush(state, document->flush_stamp);
    if (!state.never_written() && !has_been_met(node, key, left.met)) {
      const bool is_hint = node.disk().target_of(place) != 0;
      return cluster_.oracle().fail("node " + std::to_string(node.number()) + " left with " +
                                    (is_hint ? "a hint" : "its copy") + " of key " +
                                    std::to_string(key));
    }
  }
}

bool Operator::has_been_met(const SimNode& leaver, uint32_t key, const Knowledge& met) {
  Knowledge others;
  for (Number number = 1; number <= cluster_.node_count(); ++number) {
    Disk& disk = cluster_.node(number).disk();
    for (uint32_t place = 0; place < disk.size() && number != leaver.number(); ++place) {
      others = disk.key_of(place) == key ? join(others, disk.at(place).visible.met) : others;
    }
  }
  return met == nullptr || (others != nullptr && others->includes(*met));
}

/// It died as it was about to end, and when it was started again there was nothing left of it.
void Operator::has_gone(SimNode& node) {
  if (node.is_up() && node.document() == nullptr) {
    node.stop(false);
    has_left(node, false);
  }
}

void Operator::has_left(SimNode& node, bool starts_anew) {
  NodeRole& role = roles_[node.number()];
  cluster_.probes().add("left");
  if (role.role == Role::kIn && !starts_anew && !role.came_back) {
    return cluster_.oracle().fail("node " + std::to_string(node.number()) +
                                  " left, and nobody asked for it");
  }
  if (role.role == Role::kGoing) {
    check_handed_over(node);
    role.role = Role::kOut;
    role.came_back = true;
    node.is_lossy = false;
  } else if (role.role == Role::kIn) {
    // A member that is behind took it for the one it was before.
    cluster_.probes().add("started_anew");
    role.joins_by_itself = node.joins_by_itself = true;
    node.start();
  }
}

}  // namespace kindred::sim
