// A key's state to the bytes that engines and peers keep, and back.

#include <benchmark/benchmark.h>

#include <string>

#include "protocol/record/key.h"
#include "protocol/record/record.h"
#include "replication/causal/write.h"

namespace kindred {
namespace {

constexpr uint32_t kPartitions = 256;

State written_state(const std::string& value) {
  State state;
  for (ActorId actor = 1; actor <= 3; ++actor) {
    const Dot dot{stamp_at_ms(1'700'000'000'000) + actor, actor};
    const NewVersion next{.dot = dot, .value = Value::borrowed(value)};
    apply_register(state, dot, &next);
  }
  return state;
}

void make_key_of_name(benchmark::State& state) {
  const std::string name = "key:000000012345";
  for (auto _ : state) {
    benchmark::DoNotOptimize(make_key(name, kPartitions));
  }
}
BENCHMARK(make_key_of_name);

void encode(benchmark::State& state) {
  const std::string value(static_cast<size_t>(state.range(0)), 'v');
  const State written = written_state(value);
  const KeyRef key = make_key("key:000000012345", kPartitions);
  std::string record;
  for (auto _ : state) {
    encode_record(key, written, &record);
    benchmark::DoNotOptimize(record.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(record.size()));
}
BENCHMARK(encode)->Arg(100)->Arg(1024)->Arg(10240);

void decode(benchmark::State& state) {
  const std::string value(static_cast<size_t>(state.range(0)), 'v');
  const KeyRef key = make_key("key:000000012345", kPartitions);
  std::string record;
  encode_record(key, written_state(value), &record);
  for (auto _ : state) {
    State read;
    if (!decode_record(key, record, &read)) {
      state.SkipWithError("the record was not read");
    }
    benchmark::DoNotOptimize(read);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(record.size()));
}
BENCHMARK(decode)->Arg(100)->Arg(1024)->Arg(10240);

}  // namespace
}  // namespace kindred
