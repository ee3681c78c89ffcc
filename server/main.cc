// The composition root: reads the configuration and puts a node together.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "plugins/api/loader.h"
#include "plugins/api/registry.h"
#include "plugins/lmdb/lmdb_engine.h"
#include "plugins/memory/memory_engine.h"
#include "plugins/redis/redis_engine.h"
#include "plugins/resolvers/builtin.h"
#include "plugins/rocksdb/rocksdb_engine.h"
#include "server/config/directives.h"
#include "server/config/load.h"
#include "server/io/loop.h"
#include "server/log/log.h"
#include "server/node/node.h"

namespace kindred {
namespace {

constexpr char kUsage[] =
    "Usage: kindred-server [FILE.conf] [--directive value ...]\n\n"
    "One node of a Kindred cluster. Directives [and their defaults]:\n";

int fail(const std::string& error) {
  std::fprintf(stderr, "%s\n", error.c_str());
  return 1;
}

std::string register_plugins(const Config& config, plugins::Registry* engines,
                             plugins::ResolverRegistry* resolvers) {
  for (const auto& [name, factory] :
       {std::pair("lmdb", plugins::lmdb::lmdb_engine_factory()),
        std::pair("memory", plugins::memory::memory_engine_factory()),
        std::pair("redis", plugins::redis::redis_engine_factory()),
        std::pair("rocksdb", plugins::rocks::rocksdb_engine_factory())}) {
    const plugins::Status status = engines->register_engine(name, factory);
    if (!status.ok()) {
      return status.text();
    }
  }
  const plugins::Status built_in = plugins::resolvers::register_builtin_resolvers(resolvers);
  if (!built_in.ok()) {
    return built_in.text();
  }
  for (const std::string& path : config.plugins) {
    const plugins::Status status = plugins::register_plugin(path, engines, resolvers);
    if (!status.ok()) {
      return "directive 'plugin': " + status.text();
    }
  }
  return "";
}

std::string check_keyspaces(const Config& config, const plugins::ResolverRegistry& resolvers) {
  for (const Keyspace& keyspace : config.keyspaces) {
    if (!resolvers.knows(keyspace.resolver)) {
      std::string known;
      for (const std::string& name : resolvers.names()) {
        known += " " + name;
      }
      return "directive 'keyspace': unknown resolver '" + keyspace.resolver + "'; known:" + known;
    }
  }
  return "";
}

int run_node(const Config& config) {
  std::string error;
  const std::unique_ptr<Log> log = Log::open(config.loglevel, config.logfile, &error);
  if (log == nullptr) {
    return fail("directive 'logfile': " + error);
  }
  plugins::Registry engines;
  plugins::ResolverRegistry resolvers;
  error = register_plugins(config, &engines, &resolvers);
  if (error.empty()) {
    error = check_keyspaces(config, resolvers);
  }
  if (!error.empty()) {
    return fail(error);
  }
  if (engines.find(config.storage_engine) == nullptr) {
    std::string known;
    for (const std::string& name : engines.names()) {
      known += " " + name;
    }
    return fail("directive 'storage-engine': unknown engine '" + config.storage_engine +
                "'; known:" + known);
  }
  log->notice("Kindred " KINDRED_VERSION " starts with the " + config.storage_engine + " engine");
  for (NextRun next;;) {
    const std::unique_ptr<Node> node =
        Node::open({config, KINDRED_VERSION, &engines, &resolvers, log.get(), next}, &error);
    if (node == nullptr) {
      log->warning(error);
      return fail(error);
    }
    const int exit_code = node->run();
    if (exit_code != 0 || !node->next_run()) {
      return exit_code;
    }
    next = *node->next_run();
  }
}

int run(const std::vector<std::string>& arguments) {
  LoadedConfig loaded = load_config(arguments);
  if (!loaded.error.empty()) {
    return fail(loaded.error);
  }
  switch (loaded.action) {
    case StartAction::kShowHelp:
      std::fputs((kUsage + directives_help()).c_str(), stdout);
      return 0;
    case StartAction::kShowVersion:
      std::puts("kindred-server " KINDRED_VERSION);
      return 0;
    case StartAction::kShowDirectivesPage:
      std::fputs(directives_page().c_str(), stdout);
      return 0;
    case StartAction::kRun:
      break;
  }
  ignore_broken_pipes();
  return run_node(loaded.config);
}

}  // namespace
}  // namespace kindred

int main(int argc, char** argv) {
  return kindred::run(std::vector<std::string>(argv + 1, argv + argc));
}
