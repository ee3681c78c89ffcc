#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "plugins/decorators/counting_engine.h"
#include "plugins/decorators/fault_engine.h"
#include "plugins/decorators/null_engine.h"
#include "plugins/memory/memory_engine.h"

namespace kindred::plugins {
namespace {

std::unique_ptr<Engine> open_memory() {
  return memory::open_memory_engine({}).engine;
}

Status put(Engine* engine, std::string_view key, std::string_view value) {
  WriteBatch batch;
  batch.put(key, value);
  return engine->apply(batch, Durability::kNone);
}

class FaultEngineTest : public testing::Test {
 protected:
  const std::shared_ptr<FaultPlan> plan_ = std::make_shared<FaultPlan>(17);
  FaultEngine engine_{open_memory(), plan_};
  std::string value_;
};

TEST_F(FaultEngineTest, TheNextCallsOfAKindFailAndNoOthers) {
  plan_->fail_next(EngineCall::kApply, 2, {Status(StatusCode::kNoSpace, "full")});
  EXPECT_EQ(put(&engine_, "a", "1").text(), "no space: full");
  EXPECT_TRUE(engine_.get("a", &value_).not_found());
  EXPECT_EQ(put(&engine_, "a", "1").code, StatusCode::kNoSpace);
  EXPECT_TRUE(put(&engine_, "a", "1").ok());
  EXPECT_TRUE(engine_.get("a", &value_).ok());
  EXPECT_EQ(plan_->faults_injected(), 2u);
}

TEST_F(FaultEngineTest, AFaultAfterTheCallLeavesTheWriteBehind) {
  plan_->fail_next(EngineCall::kApply, 1, {Status(StatusCode::kIoError), true});
  EXPECT_EQ(put(&engine_, "a", "1").code, StatusCode::kIoError);
  ASSERT_TRUE(engine_.get("a", &value_).ok());
  EXPECT_EQ(value_, "1");
}

TEST_F(FaultEngineTest, TryGetWouldBlockAndMultiGetFailsForAll) {
  ASSERT_TRUE(put(&engine_, "a", "1").ok());
  plan_->fail_next(EngineCall::kTryGet, 1, {Status(StatusCode::kIoError)});
  PinnedValue pinned;
  EXPECT_EQ(engine_.try_get("a", &pinned), TryGet::kWouldBlock);
  EXPECT_EQ(engine_.try_get("a", &pinned), TryGet::kFound);
  plan_->fail_next(EngineCall::kMultiGet, 1, {Status(StatusCode::kCorruption)});
  const std::vector<std::string_view> keys = {"a", "b"};
  std::vector<Lookup> results(2);
  engine_.multi_get(keys, results);
  EXPECT_EQ(results[0].status.code, StatusCode::kCorruption);
  EXPECT_EQ(results[1].status.code, StatusCode::kCorruption);
}

TEST_F(FaultEngineTest, RandomFaultsRepeatWithTheirSeed) {
  const auto outcomes = [](std::uint64_t prng_seed) {
    const auto plan = std::make_shared<FaultPlan>(prng_seed);
    plan->fail_randomly(EngineCall::kApply, 300, {Status(StatusCode::kIoError)});
    FaultEngine engine(open_memory(), plan);
    std::string seen;
    for (int i = 0; i < 200; ++i) {
      seen += put(&engine, "a", "1").ok() ? '.' : 'x';
    }
    EXPECT_EQ(plan->faults_injected(),
              static_cast<std::uint64_t>(std::count(seen.begin(), seen.end(), 'x')));
    plan->clear();
    EXPECT_TRUE(put(&engine, "a", "1").ok());
    return seen;
  };
  EXPECT_EQ(outcomes(1), outcomes(1));
  EXPECT_NE(outcomes(1), outcomes(2));
  const std::string seen = outcomes(3);
  EXPECT_GT(std::count(seen.begin(), seen.end(), 'x'), 30);
  EXPECT_LT(std::count(seen.begin(), seen.end(), 'x'), 90);
}

TEST_F(FaultEngineTest, TheHookSeesEachCallBeforeItRuns) {
  std::vector<EngineCall> calls;
  plan_->set_hook([&](EngineCall call) {
    calls.push_back(call);
    // The plan may be changed from within.
    plan_->fail_next(EngineCall::kErase, 1, {Status(StatusCode::kReadOnly)});
  });
  ASSERT_TRUE(put(&engine_, "a", "1").ok());
  EXPECT_EQ(engine_.erase({}, {}).code, StatusCode::kReadOnly);
  EXPECT_TRUE(engine_.close().ok());
  EXPECT_EQ(calls,
            (std::vector<EngineCall>{EngineCall::kApply, EngineCall::kErase, EngineCall::kClose}));
}

TEST(CountingEngineTest, CallsAndBytesAreCounted) {
  const auto counts = std::make_shared<EngineCounts>();
  const auto plan = std::make_shared<FaultPlan>();
  CountingEngine engine(std::make_unique<FaultEngine>(open_memory(), plan), counts);
  WriteBatch batch;
  batch.put("a", "12345");
  batch.remove("b");
  ASSERT_TRUE(engine.apply(batch, Durability::kNone).ok());
  plan->fail_next(EngineCall::kApply, 1, {Status(StatusCode::kIoError)});
  EXPECT_FALSE(engine.apply(batch, Durability::kGroup).ok());
  std::string value;
  PinnedValue pinned;
  EXPECT_TRUE(engine.get("a", &value).ok());
  EXPECT_TRUE(engine.get("b", &value).not_found());
  EXPECT_EQ(engine.try_get("a", &pinned), TryGet::kFound);
  EXPECT_TRUE(engine.scan({}, {}, [](auto, auto) { return true; }).ok());
  EXPECT_EQ(counts->apply, 2u);
  EXPECT_EQ(counts->apply_group, 1u);
  EXPECT_EQ(counts->failed, 1u);
  EXPECT_EQ(counts->operations_applied, 2u);
  EXPECT_EQ(counts->bytes_written, 7u);
  EXPECT_EQ(counts->get, 2u);
  EXPECT_EQ(counts->try_get, 1u);
  EXPECT_EQ(counts->try_get_would_block, 0u);
  EXPECT_EQ(counts->scan, 1u);
  EXPECT_EQ(counts->bytes_read, 5u + 5 + 6);
}

TEST(NullEngineTest, TakesEverythingAndKeepsNothing) {
  NullEngine engine;
  EXPECT_TRUE(put(&engine, "a", "1").ok());
  std::string value;
  PinnedValue pinned;
  EXPECT_TRUE(engine.get("a", &value).not_found());
  EXPECT_EQ(engine.try_get("a", &pinned), TryGet::kNotFound);
  EXPECT_TRUE(engine.scan({}, {}, [](auto, auto) { return true; }).ok());
  EXPECT_TRUE(engine.erase({}, {}).ok());
}

}  // namespace
}  // namespace kindred::plugins
