// Prints what the memory engine costs: time of random put and get pairs, bytes over key and value.
#include <malloc.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "plugins/memory/memory_engine.h"

namespace {

using kindred::plugins::Durability;
using kindred::plugins::Engine;
using kindred::plugins::PinnedValue;
using kindred::plugins::TryGet;
using kindred::plugins::WriteBatch;

// kind, slot, hash, key length, key: 29 bytes, as the store writes them.
std::vector<std::string> make_keys(std::size_t count) {
  std::mt19937_64 random(1);
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t hash = random();
    const std::uint64_t slot = random() % 16384;
    std::string key(1, '\1');
    key += static_cast<char>(slot >> 8);
    key += static_cast<char>(slot);
    for (int shift = 56; shift >= 0; shift -= 8) {
      key += static_cast<char>(hash >> shift);
    }
    char name[32];
    std::snprintf(name, sizeof(name), "\x10key:%012zu", i);
    keys.push_back(key + name);
  }
  return keys;
}

void check(bool condition, const char* what) {
  if (!condition) {
    std::fprintf(stderr, "measure_memory_engine: %s\n", what);
    std::exit(1);
  }
}

double nanoseconds_since(std::chrono::steady_clock::time_point start, std::size_t count) {
  const std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - start;
  return elapsed.count() / static_cast<double>(count);
}

void measure(std::size_t key_count) {
  const std::vector<std::string> keys = make_keys(key_count);
  const std::string value(84, 'v');
  std::size_t payload = 0;
  const std::size_t heap_before = ::mallinfo2().uordblks;
  auto opened = kindred::plugins::memory::open_memory_engine({});
  check(opened.status.ok(), "open failed");
  Engine& engine = *opened.engine;
  WriteBatch batch;
  auto start = std::chrono::steady_clock::now();
  for (const std::string& key : keys) {
    batch.clear();
    batch.put(key, value);
    check(engine.apply(batch, Durability::kNone).ok(), "apply failed");
    payload += key.size() + value.size();
  }
  const double fill_ns = nanoseconds_since(start, key_count);
  const std::size_t heap_bytes = ::mallinfo2().uordblks - heap_before;

  // The keys asked for lie one after the other: only the engine's own cache misses count.
  constexpr std::size_t kAsked = std::size_t{2} * 1000 * 1000;
  const std::size_t key_bytes = keys[0].size();
  std::string sequence;
  std::mt19937 random(2);
  for (std::size_t i = 0; i < kAsked; ++i) {
    sequence += keys[random() % key_count];
  }
  const auto asked = [&](std::size_t i) {
    return std::string_view(sequence).substr(i * key_bytes, key_bytes);
  };
  PinnedValue found;
  std::size_t sum = 0;
  start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i + 1 < kAsked; i += 2) {
    batch.clear();
    batch.put(asked(i), value);
    check(engine.apply(batch, Durability::kNone).ok(), "apply failed");
    check(engine.try_get(asked(i + 1), &found) == TryGet::kFound, "a key is missing");
    sum += static_cast<unsigned char>(found.view().back());
  }
  const double pair_ns = nanoseconds_since(start, kAsked / 2);

  start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < kAsked; i += 16) {
    std::array<std::string_view, 16> ahead;
    for (std::size_t j = 0; j < ahead.size(); ++j) {
      ahead[j] = asked(i + j);
    }
    engine.prefetch_all(ahead);
    for (std::size_t j = i; j < i + 16; ++j) {
      check(engine.try_get(asked(j), &found) == TryGet::kFound, "a key is missing");
      sum += static_cast<unsigned char>(found.view().back());
    }
  }
  const double prefetched_ns = nanoseconds_since(start, kAsked);

  start = std::chrono::steady_clock::now();
  std::size_t scanned = 0;
  check(engine.scan({}, {}, [&](std::string_view, std::string_view) { return ++scanned > 0; }).ok(),
        "scan failed");
  const double scan_ns = nanoseconds_since(start, scanned);
  const auto per_record = [&](std::size_t bytes) {
    return (static_cast<double>(bytes) - static_cast<double>(payload)) /
           static_cast<double>(key_count);
  };
  std::printf(
      "keys %8zu  fill %5.0f ns  put+get pair %5.0f ns  get, 16 prefetched %4.0f ns  "
      "scan %4.0f ns  overhead %.1f B by heap, %.1f B by stats  (%zu)\n",
      key_count, fill_ns, pair_ns, prefetched_ns, scan_ns, per_record(heap_bytes),
      per_record(engine.stats().memory_bytes), sum);
}

}  // namespace

int main() {
  for (const std::size_t key_count : {10000, 100000, 1000000, 4000000}) {
    measure(key_count);
  }
}
