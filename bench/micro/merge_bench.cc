// Joining two copies' states of one key.

#include <benchmark/benchmark.h>

#include <string>

#include "replication/causal/state.h"
#include "replication/causal/write.h"

namespace kindred {
namespace {

constexpr Stamp kStart = stamp_at_ms(1'700'000'000'000);

NewVersion version(const Dot& dot, std::string_view value) {
  return {.dot = dot, .value = Value::borrowed(value)};
}

// A key that `writes` SETs by three actors in turn have overwritten.
State register_state(int64_t writes, std::string_view value) {
  State state;
  for (int64_t write = 1; write <= writes; ++write) {
    const Dot dot{kStart + static_cast<Stamp>(write), static_cast<ActorId>(write % 3 + 1)};
    const NewVersion next = version(dot, value);
    apply_register(state, dot, &next);
  }
  return state;
}

// A key with this many concurrent versions, each by an actor of its own.
State sibling_state(int64_t siblings, ActorId first_actor, std::string_view value) {
  State state;
  for (int64_t sibling = 0; sibling < siblings; ++sibling) {
    const Dot dot{kStart + static_cast<Stamp>(sibling) + 1,
                  first_actor + static_cast<ActorId>(sibling)};
    const NewVersion next = version(dot, value);
    apply_put(state, {}, dot, &next);
  }
  return state;
}

void merge_newer_register(benchmark::State& state) {
  const std::string value(100, 'v');
  const State held = register_state(9, value);
  const State incoming = register_state(10, value);
  for (auto _ : state) {
    benchmark::DoNotOptimize(merge(held, incoming));
  }
}
BENCHMARK(merge_newer_register);

void merge_equal(benchmark::State& state) {
  const std::string value(100, 'v');
  const State held = register_state(10, value);
  for (auto _ : state) {
    benchmark::DoNotOptimize(includes(held, held));
  }
}
BENCHMARK(merge_equal);

void merge_disjoint_siblings(benchmark::State& state) {
  const std::string value(100, 'v');
  const State left = sibling_state(state.range(0), 1, value);
  const State right = sibling_state(state.range(0), 1000, value);
  for (auto _ : state) {
    benchmark::DoNotOptimize(merge(left, right));
  }
}
BENCHMARK(merge_disjoint_siblings)->Arg(1)->Arg(10)->Arg(50);

void digest_of_register(benchmark::State& state) {
  const std::string value(100, 'v');
  const State held = register_state(10, value);
  for (auto _ : state) {
    benchmark::DoNotOptimize(digest(held));
  }
}
BENCHMARK(digest_of_register);

}  // namespace
}  // namespace kindred
