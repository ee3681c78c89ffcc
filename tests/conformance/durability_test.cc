// What must be there after a reopen, and which directories must be refused.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "plugins/api/identity.h"
#include "tests/conformance/engine_fixture.h"

namespace kindred::plugins {
namespace {

class DurabilityConformance : public EngineTest {
 protected:
  // Writes in a process of its own that dies without closing anything.
  void write_and_die(Durability durability) {
    EXPECT_TRUE(engine_->close().ok());
    engine_.reset();
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      OpenedEngine opened = try_open(data_dir());
      int failed = opened.status.ok() ? 0 : 1;
      WriteBatch batch;
      for (int i = 0; failed == 0 && i < 100; ++i) {
        batch.clear();
        batch.put("key" + std::to_string(i), std::string(1000, 'v'));
        batch.put("twin" + std::to_string(i), "t");
        failed = opened.engine->apply(batch, durability).ok() ? 0 : 2;
      }
      if (failed == 0 && !opened.engine->erase("key50", "key51").ok()) {
        failed = 3;
      }
      ::_exit(failed);
    }
    int outcome = 0;
    ASSERT_EQ(::waitpid(child, &outcome, 0), child);
    ASSERT_TRUE(WIFEXITED(outcome));
    ASSERT_EQ(WEXITSTATUS(outcome), 0);
    engine_ = open(data_dir());
    ASSERT_NE(engine_, nullptr);
  }
};

TEST_P(DurabilityConformance, EverythingIsThereAfterCloseAndReopen) {
  put("kept", "value");
  put("removed", "value");
  put("erased", "value");
  WriteBatch unlogged;
  unlogged.put("unlogged", "is flushed at close");
  ASSERT_TRUE(engine_->apply(unlogged, Durability::kNone).ok());
  remove("removed");
  ASSERT_TRUE(engine_->erase("e", "f").ok());
  reopen();
  EXPECT_EQ(scan(), (Records{{"kept", "value"}, {"unlogged", "is flushed at close"}}));
  put("kept", "changed");
  reopen();
  EXPECT_EQ(get("kept"), "changed");
}

TEST_P(DurabilityConformance, AsyncWritesSurviveTheProcess) {
  write_and_die(Durability::kAsync);
  EXPECT_EQ(keys().size(), 199u);
  EXPECT_EQ(get("key99"), std::string(1000, 'v'));
  EXPECT_EQ(get("key50"), kMissing);
}

TEST_P(DurabilityConformance, GroupWritesSurviveTheProcess) {
  if (!capabilities().can_sync) {
    GTEST_SKIP() << "can't sync";
  }
  write_and_die(Durability::kGroup);
  EXPECT_EQ(keys().size(), 199u);
}

// Unlogged writes may be lost, but a batch never in part.
TEST_P(DurabilityConformance, UnloggedWritesAreLostBatchByBatch) {
  write_and_die(Durability::kNone);
  for (int i = 0; i < 100; ++i) {
    const std::string number = std::to_string(i);
    if (i != 50) {
      EXPECT_EQ(get("key" + number) == kMissing, get("twin" + number) == kMissing) << i;
    }
  }
}

TEST_P(DurabilityConformance, TheDirectoryNamesItsEngine) {
  Identity found;
  ASSERT_TRUE(read_identity(data_dir(), &found).ok());
  const EngineFactory* factory = engine_registry().find(GetParam().engine);
  EXPECT_EQ(found, (Identity{GetParam().engine, factory->format_version, 1}));
}

TEST_P(DurabilityConformance, AnotherEnginesDirectoryIsRefusedUntouched) {
  put("key", "value");
  ASSERT_TRUE(engine_->close().ok());
  engine_.reset();
  const OpenedEngine newer = try_open(data_dir(), 2);
  EXPECT_EQ(newer.status.code, StatusCode::kInvalidArgument);
  EXPECT_EQ(newer.engine, nullptr);
  EXPECT_NE(newer.status.message.find("host layout 1, expected"), std::string::npos)
      << newer.status.message;

  const Identity other{"other", 7, 1};
  ASSERT_TRUE(write_identity(data_dir(), other).ok());
  const OpenedEngine refused = try_open(data_dir());
  EXPECT_EQ(refused.status.code, StatusCode::kInvalidArgument);
  EXPECT_NE(refused.status.message.find("engine 'other' format 7"), std::string::npos)
      << refused.status.message;

  const EngineFactory* factory = engine_registry().find(GetParam().engine);
  ASSERT_TRUE(write_identity(data_dir(), {GetParam().engine, factory->format_version, 1}).ok());
  engine_ = open(data_dir());
  ASSERT_NE(engine_, nullptr);
  EXPECT_EQ(get("key"), "value");
}

TEST_P(DurabilityConformance, ADirectoryOfSomethingElseIsRefused) {
  const std::string dir = root_ + "/strange";
  std::filesystem::create_directory(dir);
  std::ofstream(dir + "/dump.rdb") << "REDIS";
  EXPECT_EQ(try_open(dir).status.code, StatusCode::kInvalidArgument);
  std::ofstream(dir + "/ENGINE") << "nonsense";
  EXPECT_EQ(try_open(dir).status.code, StatusCode::kCorruption);
}

TEST_P(DurabilityConformance, ACheckpointOpensAsWhatWasThere) {
  const std::string dir = root_ + "/checkpoint";
  put("key", "before");
  put("gone", "value");
  remove("gone");
  const Status status = engine_->checkpoint(dir);
  if (!capabilities().checkpoint) {
    EXPECT_EQ(status.code, StatusCode::kNotSupported);
    return;
  }
  ASSERT_TRUE(status.ok()) << status.text();
  EXPECT_FALSE(engine_->checkpoint(dir).ok()) << "the directory exists";
  put("key", "after");
  const std::unique_ptr<Engine> copy = open(dir);
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(scan(copy.get()), (Records{{"key", "before"}}));
  EXPECT_EQ(get("key"), "after");
}

TEST_P(DurabilityConformance, ASecondOpenOfADirectoryInUseIsRefused) {
  put("key", "value");
  const OpenedEngine second = try_open(data_dir());
  EXPECT_FALSE(second.status.ok());
  EXPECT_EQ(second.engine, nullptr);
  EXPECT_EQ(get("key"), "value");
}

std::vector<EngineCase> persistent_cases() {
  std::vector<EngineCase> cases = engine_cases();
  std::erase_if(cases, [](const EngineCase& engine_case) {
    return !engine_registry().find(engine_case.engine)->capabilities.persistent;
  });
  return cases;
}

// A plugin under test may keep nothing.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DurabilityConformance);
INSTANTIATE_TEST_SUITE_P(Engines, DurabilityConformance, testing::ValuesIn(persistent_cases()),
                         case_name);

}  // namespace
}  // namespace kindred::plugins
