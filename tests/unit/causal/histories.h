#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "replication/causal/state.h"
#include "replication/causal/write.h"

namespace kindred::causal_test {

/// States of one key as random histories reach them: writes of every kind at a few copies whose
/// clocks disagree, contexts that wander between copies, merges in any order, copies that come back
/// empty under a new actor. Stamps of different actors are often equal.
class Histories {
 public:
  explicit Histories(uint64_t prng_seed) : prng_(prng_seed) {}

  uint64_t below(uint64_t bound) { return prng_() % bound; }

  /// The states that the copies went through in one new history; all of one key.
  std::vector<State> next() {
    copies_.assign(3, State{});
    actors_ = {1, 2, 3};
    contexts_.assign(2, ClientContext{});
    time_ = 1;
    std::vector<State> states{State{}};
    for (uint64_t left = 4 + below(16); left > 0; --left) {
      const size_t at = below(copies_.size());
      step(at);
      states.push_back(copies_[at]);
    }
    return states;
  }

 private:
  void step(size_t at) {
    time_ += below(2);
    State& state = copies_[at];
    ClientContext& context = contexts_[below(contexts_.size())];
    switch (below(10)) {
      case 0:
      case 1:
      case 2:
        state = merge(state, copies_[below(copies_.size())]);
        return;
      case 3:
        context = context_of_read(state);
        return;
      case 4:
        put(state, at, ClientContext{}, true);
        return;
      case 5:
        context = put(state, at, context, true);
        return;
      case 6:
        context = put(state, at, context, false);
        return;
      case 7:
        restamp_or_lose(state, at);
        return;
      default: {
        const Dot dot = new_dot(state, at, 0);
        const NewVersion version = new_version(dot);
        apply_register(state, dot, below(3) == 0 ? nullptr : &version);
      }
    }
  }

  ClientContext put(State& state, size_t at, const ClientContext& context, bool has_value) {
    const Dot dot = new_dot(state, at, context.highest_stamp());
    const NewVersion version = new_version(dot);
    apply_put(state, context, dot, has_value ? &version : nullptr);
    return context_of_put(context, state, dot);
  }

  void restamp_or_lose(State& state, size_t at) {
    if (below(3) == 0) {
      state = State{};
      actors_[at] = 10 * (at + 1) + time_;  // what the old actor issued is never issued again
      return;
    }
    const Dot first = new_dot(state, at, 0);
    const NewVersion version = new_version(first);
    apply_register(state, first, &version);
    const CausalContext first_round = state.context;
    state = merge(state, copies_[below(copies_.size())]);
    const Dot second = new_dot(state, at, 0);
    const NewVersion again = new_version(second);
    apply_restamp(state, first_round, second, &again);
  }

  Dot new_dot(const State& state, size_t at, Stamp above) const {
    const Stamp clock = time_ + (at == 0 ? 5 : 0);  // the first copy's clock is ahead
    return {std::max({state.highest_stamp() + 1, above + 1, clock}), actors_[at]};
  }

  static NewVersion new_version(const Dot& dot) {
    NewVersion version;
    version.dot = dot;
    version.value = Value::copied(std::to_string(dot.stamp) + "@" + std::to_string(dot.actor));
    return version;
  }

  std::mt19937_64 prng_;
  std::vector<State> copies_;
  std::vector<ActorId> actors_;
  std::vector<ClientContext> contexts_;
  Stamp time_ = 1;
};

}  // namespace kindred::causal_test
