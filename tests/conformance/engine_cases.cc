#include "tests/conformance/engine_cases.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "plugins/api/loader.h"
#include "plugins/decorators/counting_engine.h"
#include "plugins/decorators/fault_engine.h"
#include "plugins/lmdb/lmdb_engine.h"
#include "plugins/memory/memory_engine.h"
#include "plugins/redis/redis_engine.h"
#include "plugins/rocksdb/rocksdb_engine.h"
#include "tests/harness/redis_server.h"

namespace kindred::plugins {
namespace {

void require(const Status& status) {
  if (!status.ok()) {
    std::fprintf(stderr, "conformance: %s\n", status.text().c_str());
    std::exit(1);
  }
}

std::unique_ptr<Engine> with_counts(std::unique_ptr<Engine> engine) {
  return std::make_unique<CountingEngine>(std::move(engine), std::make_shared<EngineCounts>());
}

std::unique_ptr<Engine> with_idle_faults(std::unique_ptr<Engine> engine) {
  return std::make_unique<FaultEngine>(std::move(engine), std::make_shared<FaultPlan>());
}

// Its server runs from the first open to the end of the program.
EngineFactory redis_factory_with_server() {
  EngineFactory factory = redis::redis_engine_factory();
  factory.open = [](const OpenOptions& options) {
    static const testing_support::RedisServer kServer;
    OpenOptions with_server = options;
    with_server.settings.emplace_back("url", kServer.url());
    return redis::open_redis_engine(with_server);
  };
  return factory;
}

}  // namespace

const Registry& engine_registry() {
  static const Registry kRegistry = [] {
    Registry registry;
    ResolverRegistry resolvers;
    require(registry.register_engine("lmdb", lmdb::lmdb_engine_factory()));
    require(registry.register_engine("memory", memory::memory_engine_factory()));
    require(registry.register_engine("redis", redis_factory_with_server()));
    require(registry.register_engine("rocksdb", rocks::rocksdb_engine_factory()));
    require(register_plugin(KINDRED_EXPORTED_MEMORY_SO, &registry, &resolvers));
    require(register_plugin(KINDRED_EXPORTED_ROCKSDB_SO, &registry, &resolvers));
    if (const char* path = std::getenv("KINDRED_CONFORMANCE_SO")) {
      require(register_plugin(path, &registry, &resolvers));
    }
    return registry;
  }();
  return kRegistry;
}

std::vector<EngineCase> engine_cases() {
  if (const char* path = std::getenv("KINDRED_CONFORMANCE_SO")) {
    LoadedPlugin loaded = load_plugin(path);
    require(loaded.status);
    return {{"plugin", loaded.name, {}, {}}};
  }
  return {
      {"memory", "memory", {}, {}},
      {"rocksdb", "rocksdb", {}, {}},
      // Memtables so small that the model test reads files, filters and range tombstones.
      {"rocksdb_small_buffers", "rocksdb", {{"write-buffer-bytes", "262144"}}, {}},
      {"lmdb", "lmdb", {}, {}, 64},
      // A map so small that it grows under way, also within a batch.
      {"lmdb_small_map", "lmdb", {{"map-bytes", "1048576"}, {"sync-commits", "no"}}, {}},
      {"redis", "redis", {}, {}, 32},
      {"exported_memory", "exported-memory", {}, {}},
      {"exported_rocksdb", "exported-rocksdb", {}, {}},
      {"counted_memory", "memory", {}, with_counts},
      {"fault_memory", "memory", {}, with_idle_faults},
      {"fault_over_counted_rocksdb",
       "rocksdb",
       {},
       [](std::unique_ptr<Engine> engine) {
         return with_idle_faults(with_counts(std::move(engine)));
       }},
  };
}

}  // namespace kindred::plugins
