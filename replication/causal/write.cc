#include "replication/causal/write.h"

#include <algorithm>
#include <vector>

#include "replication/causal/bug_bank.h"

namespace kindred {

namespace {

template <typename Predicate>
void erase_siblings(State& state, Predicate predicate) {
  state.siblings.erase(std::remove_if(state.siblings.begin(), state.siblings.end(), predicate),
                       state.siblings.end());
}

void drop_registers_under_floor(State& state) {
  erase_siblings(state, [&state](const Sibling& sibling) {
    return sibling.is_register && sibling.dot < state.floor;
  });
}

void insert_sibling(State& state, const NewVersion& version, bool is_register) {
  Sibling sibling;
  sibling.dot = version.dot;
  sibling.expire_at_ms = version.expire_at_ms;
  sibling.value = version.value;
  sibling.type = version.type;
  sibling.is_register = is_register;
  auto place =
      std::lower_bound(state.siblings.begin(), state.siblings.end(), version.dot,
                       [](const Sibling& other, const Dot& dot) { return other.dot < dot; });
  state.siblings.insert(place, std::move(sibling));
}

}  // namespace

Stamp ClientContext::highest_stamp() const {
  return std::max(covered.highest_stamp(), floor.stamp);
}

ClientContext context_of_read(const State& state) {
  ClientContext result;
  result.floor = state.floor;
  if (state.siblings.empty()) {
    for (const CausalContext::Entry& entry : state.context.vector()) {
      if (result.covered.vector().size() < kClientContextEntriesMax) {
        result.covered.raise(entry.actor, entry.stamp);
      }
    }
    return result;
  }
  for (const Sibling& sibling : state.siblings) {
    if (result.covered.covers(sibling.dot)) {
      continue;
    }
    if (result.covered.vector().size() + result.covered.dots().size() >= kClientContextEntriesMax) {
      break;
    }
    if (state.context.vector_covers(sibling.dot)) {
      result.covered.raise(sibling.dot.actor, state.context.stamp_of(sibling.dot.actor));
    } else {
      result.covered.add_dot(sibling.dot);
    }
  }
  return result;
}

ClientContext context_of_put(const ClientContext& given, const State& written, const Dot& dot) {
  ClientContext result;
  result.floor = given.floor;
  size_t room = kClientContextEntriesMax - 1;  // one is for the write's own dot
  // Single dots first: they are what a client wrote in a row without reading, and still there. Left
  // out, its next write would not replace its last one.
  std::vector<Dot> singles;
  const auto& dots = given.covered.dots();
  for (auto single = dots.rbegin(); single != dots.rend() && room > 0; ++single) {
    if (!written.context.vector_covers(*single) && !KINDRED_BUG(vector_only_put_context)) {
      singles.push_back(*single);
      --room;
    }
  }
  for (const CausalContext::Entry& entry : given.covered.vector()) {
    if (room > 0) {
      result.covered.raise(entry.actor, entry.stamp);
      --room;
    }
  }
  if (KINDRED_BUG(vector_only_put_context)) {
    result.covered.raise(dot.actor, dot.stamp);
    return result;
  }
  for (const Dot& single : singles) {
    result.covered.add_dot(single);
  }
  result.covered.add_dot(dot);
  return result;
}

void apply_put(State& state, const ClientContext& context, const Dot& dot,
               const NewVersion* version) {
  erase_siblings(
      state, [&context](const Sibling& sibling) { return context.covered.covers(sibling.dot); });
  if (!KINDRED_BUG(put_context_not_stored)) {
    state.context.join(context.covered);
  }
  state.context.raise(dot.actor, dot.stamp);
  state.floor = std::max(state.floor, context.floor);
  if (version != nullptr) {
    insert_sibling(state, *version, /*is_register=*/false);
  }
  drop_registers_under_floor(state);
}

void apply_register(State& state, const Dot& dot, const NewVersion* version) {
  if (!KINDRED_BUG(set_covers_nothing)) {
    state.siblings.clear();
  }
  state.context.raise(dot.actor, dot.stamp);
  state.floor = std::max(state.floor, dot);
  if (version != nullptr) {
    insert_sibling(state, *version, /*is_register=*/true);
  }
  drop_registers_under_floor(state);
}

void apply_restamp(State& state, const CausalContext& first_round, const Dot& dot,
                   const NewVersion* version) {
  erase_siblings(
      state, [&first_round](const Sibling& sibling) { return first_round.covers(sibling.dot); });
  state.context.raise(dot.actor, dot.stamp);
  state.floor = std::max(state.floor, dot);
  if (version != nullptr) {
    insert_sibling(state, *version, /*is_register=*/true);
  }
  drop_registers_under_floor(state);
}

Dot apply_expiry(State& state, ActorId actor, Stamp first, uint64_t expire_at_ms, uint64_t now_ms) {
  if (!state.has_live_sibling(now_ms)) {
    return Dot{};
  }
  // The new dots are the highest, so those that keep theirs come first.
  std::stable_partition(state.siblings.begin(), state.siblings.end(),
                        [now_ms](const Sibling& sibling) { return sibling.expired(now_ms); });
  Dot dot{first, actor};
  for (Sibling& sibling : state.siblings) {
    if (sibling.expired(now_ms)) {
      continue;
    }
    sibling.dot = dot;
    sibling.expire_at_ms = expire_at_ms;
    if (sibling.is_register) {
      state.floor = std::max(state.floor, dot);
    }
    ++dot.stamp;
  }
  --dot.stamp;
  state.context.raise(actor, dot.stamp);
  drop_registers_under_floor(state);
  return dot;
}

}  // namespace kindred
