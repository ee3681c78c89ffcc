// Requests in, replies out: a pipeline as one read brings it.

#include <benchmark/benchmark.h>

#include <cstring>
#include <string>

#include "protocol/resp/parser.h"
#include "protocol/resp/writer.h"

namespace kindred {
namespace {

std::string pipeline_of_sets(int64_t requests, int64_t value_bytes) {
  const std::string value(static_cast<size_t>(value_bytes), 'v');
  std::string out;
  for (int64_t request = 0; request < requests; ++request) {
    out += "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000012345\r\n$" + std::to_string(value_bytes) +
           "\r\n" + value + "\r\n";
  }
  return out;
}

void parse_pipeline(benchmark::State& state) {
  const std::string bytes = pipeline_of_sets(state.range(0), state.range(1));
  const RequestLimits limits;
  RequestParser parser(limits);
  Request request;
  for (auto _ : state) {
    const auto room = parser.writable(bytes.size());
    std::memcpy(room.data(), bytes.data(), bytes.size());
    parser.commit(bytes.size());
    int64_t parsed = 0;
    while (parser.next(request) == ParseStatus::kRequest) {
      benchmark::DoNotOptimize(request.args.data());
      ++parsed;
    }
    if (parsed != state.range(0)) {
      state.SkipWithError("the pipeline was not parsed whole");
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(parse_pipeline)->Args({1, 100})->Args({16, 100})->Args({16, 10240});

void write_replies(benchmark::State& state) {
  const std::string value(static_cast<size_t>(state.range(1)), 'v');
  ReplyWriter writer;
  for (auto _ : state) {
    writer.buffer().clear();
    for (int64_t reply = 0; reply < state.range(0); ++reply) {
      writer.bulk(value);
    }
    benchmark::DoNotOptimize(writer.view().data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(write_replies)->Args({1, 100})->Args({16, 100})->Args({16, 10240});

}  // namespace
}  // namespace kindred
