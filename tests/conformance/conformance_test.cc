// What every engine must do: reads, writes, order, ranges, views, honesty about capabilities.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/engine_fixture.h"

namespace kindred::plugins {
namespace {

using namespace std::string_literals;

class Conformance : public EngineTest {};

TEST_P(Conformance, AMissingKeyIsNotFound) {
  EXPECT_EQ(get("missing"), kMissing);
  PinnedValue value;
  EXPECT_NE(engine_->try_get("missing", &value), TryGet::kFound);
  EXPECT_TRUE(keys().empty());
}

TEST_P(Conformance, AWriteIsReadAtOnceAndOverwritten) {
  put("key", "one");
  EXPECT_EQ(get("key"), "one");
  put("key", "two, longer than before");
  EXPECT_EQ(get("key"), "two, longer than before");
  put("key", "");
  EXPECT_EQ(get("key"), "");
  EXPECT_EQ(scan(), (Records{{"key", ""}}));
}

TEST_P(Conformance, ARemovedKeyIsGoneAndRemovingItAgainIsNoError) {
  put("key", "value");
  put("key2", "value2");
  remove("key");
  remove("key");
  EXPECT_EQ(get("key"), kMissing);
  EXPECT_EQ(scan(), (Records{{"key2", "value2"}}));
  put("key", "back");
  EXPECT_EQ(get("key"), "back");
}

TEST_P(Conformance, OfTwoOperationsInABatchTheLaterWins) {
  put("c", "old");
  WriteBatch batch;
  batch.put("a", "1");
  batch.put("a", "2");
  batch.put("b", "1");
  batch.remove("b");
  batch.remove("c");
  batch.put("c", "3");
  ASSERT_TRUE(engine_->apply(batch, Durability::kAsync).ok());
  EXPECT_EQ(scan(), (Records{{"a", "2"}, {"c", "3"}}));
}

TEST_P(Conformance, ABatchIsReusedAfterClear) {
  WriteBatch batch;
  batch.put("a", "1");
  ASSERT_TRUE(engine_->apply(batch, Durability::kAsync).ok());
  batch.clear();
  EXPECT_TRUE(engine_->apply(batch, Durability::kAsync).ok());
  batch.put("b", "2");
  ASSERT_TRUE(engine_->apply(batch, Durability::kAsync).ok());
  EXPECT_EQ(scan(), (Records{{"a", "1"}, {"b", "2"}}));
}

TEST_P(Conformance, ABatchWithAnEmptyKeyIsRefusedWhole) {
  WriteBatch batch;
  batch.put("good", "value");
  batch.put("", "value");
  EXPECT_EQ(engine_->apply(batch, Durability::kAsync).code, StatusCode::kInvalidArgument);
  EXPECT_EQ(get("good"), kMissing);
  EXPECT_EQ(get(""), kMissing);
  batch.clear();
  batch.remove("");
  EXPECT_EQ(engine_->apply(batch, Durability::kAsync).code, StatusCode::kInvalidArgument);
  EXPECT_TRUE(keys().empty());
}

// All strings of up to three of these bytes, put in an order that is not theirs.
TEST_P(Conformance, AnyBytesAreKeysInUnsignedOrderAndPrefixesComeFirst) {
  const std::array<char, 5> bytes = {'\0', '\1', 'm', '\x7f', '\xff'};
  std::vector<std::string> expected;
  for (const char first : bytes) {
    expected.push_back({first});
    for (const char second : bytes) {
      expected.push_back({first, second});
      for (const char third : bytes) {
        expected.push_back({first, second, third});
      }
    }
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::string& key = expected[i * 67 % expected.size()];
    put(key, "of " + key);
  }
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(keys(), expected);
  for (const std::string& key : expected) {
    ASSERT_EQ(get(key), "of " + key);
  }
}

TEST_P(Conformance, ScanBoundsAreHalfOpen) {
  for (const char* key : {"a", "b", "ba", "c"}) {
    put(key, key);
  }
  put("b\0"s, "zero");
  using Keys = std::vector<std::string>;
  EXPECT_EQ(keys("b", "c"), (Keys{"b", "b\0"s, "ba"}));
  EXPECT_EQ(keys("b\0"s, "ba"), (Keys{"b\0"s}));
  EXPECT_EQ(keys("b", "b"), Keys{});
  EXPECT_EQ(keys("c", "b"), Keys{});
  EXPECT_EQ(keys("", "b"), (Keys{"a"}));
  EXPECT_EQ(keys("bb", ""), (Keys{"c"}));
  EXPECT_EQ(keys("d", ""), Keys{});
}

TEST_P(Conformance, AVisitorStopsTheScan) {
  for (const char* key : {"a", "b", "c"}) {
    put(key, key);
  }
  std::string seen;
  const Status status = engine_->scan({}, {}, [&](std::string_view key, std::string_view) {
    seen += key;
    return key != "b";
  });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(seen, "ab");
}

TEST_P(Conformance, EraseTakesTheRangeAndNothingElse) {
  using Keys = std::vector<std::string>;
  for (const char* key : {"a", "b", "ba", "c", "d"}) {
    put(key, key);
  }
  ASSERT_TRUE(engine_->erase("b", "c").ok());
  EXPECT_EQ(keys(), (Keys{"a", "c", "d"}));
  EXPECT_EQ(get("ba"), kMissing);
  ASSERT_TRUE(engine_->erase("x", "y").ok());
  ASSERT_TRUE(engine_->erase("d", "c").ok());
  ASSERT_TRUE(engine_->erase("c", "c").ok());
  EXPECT_EQ(keys(), (Keys{"a", "c", "d"}));
  ASSERT_TRUE(engine_->erase("c", "").ok());
  EXPECT_EQ(keys(), (Keys{"a"}));
  put("b", "again");
  EXPECT_EQ(get("b"), "again");
  ASSERT_TRUE(engine_->erase("", "").ok());
  EXPECT_EQ(keys(), Keys{});
  ASSERT_TRUE(engine_->erase("", "").ok());
}

TEST_P(Conformance, BigKeysAndValuesComeBackWhole) {
  std::string value(16 << 20, '\0');
  for (std::size_t i = 0; i < value.size(); ++i) {
    value[i] = static_cast<char>(i * 31 >> 3);
  }
  const std::string key(100000, 'k');
  put("big", value);
  put(key, "of a long key");
  EXPECT_TRUE(get("big") == value);
  EXPECT_EQ(get(key), "of a long key");
  value[5] ^= 1;
  put("big", value);
  EXPECT_TRUE(get("big") == value);
  put("big", "small");
  EXPECT_EQ(get("big"), "small");
}

// Around the lengths at which engines begin to store a key otherwise.
TEST_P(Conformance, LongKeysKeepTheOrderOfWholeKeys) {
  std::vector<std::string> expected;
  for (const char* start : {"a", "b"}) {
    for (const std::size_t size : {1, 509, 510, 511, 512, 1023, 3000}) {
      const std::string stem = start + std::string(size, 'x');
      for (const std::string& rest : {""s, "\0"s, "\0\0"s, "\1"s, "y"s, "\xff"s, "\xff\xff"s}) {
        expected.push_back(stem + rest);
      }
    }
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::string& key = expected[i * 17 % expected.size()];
    put(key, std::to_string(key.size()));
  }
  put(expected[20], "again");
  std::sort(expected.begin(), expected.end());
  ASSERT_EQ(keys(), expected);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto from = expected.begin() + static_cast<std::ptrdiff_t>(i);
    ASSERT_EQ(keys(expected[i], ""), std::vector<std::string>(from, expected.end())) << i;
    ASSERT_EQ(keys("", expected[i]), std::vector<std::string>(expected.begin(), from)) << i;
    ASSERT_EQ(keys(expected[i], expected[i] + '\0'), std::vector<std::string>{expected[i]});
  }
  for (std::size_t i = 0; i < expected.size(); i += 3) {
    remove(expected[i]);
    EXPECT_EQ(get(expected[i]), kMissing);
  }
  ASSERT_TRUE(engine_->erase(expected[10], expected[40]).ok());
  std::vector<std::string> left;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (i % 3 != 0 && (i < 10 || i >= 40)) {
      left.push_back(expected[i]);
      EXPECT_NE(get(expected[i]), kMissing);
    }
  }
  EXPECT_EQ(keys(), left);
}

// More than a page of any engine's scan; the visitor reads from the engine meanwhile.
TEST_P(Conformance, AVisitorMayReadFromTheEngine) {
  WriteBatch batch;
  for (int i = 0; i < 3000; ++i) {
    batch.put("key" + std::to_string(i), std::to_string(i));
  }
  ASSERT_TRUE(engine_->apply(batch, Durability::kAsync).ok());
  int seen = 0;
  const Status status = engine_->scan({}, {}, [&](std::string_view key, std::string_view value) {
    ++seen;
    return get(key) == value;
  });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(seen, 3000);
}

TEST_P(Conformance, MultiGetAnswersEachKeyInItsPlace) {
  put("a", "1");
  put("b", "2");
  const std::vector<std::string_view> asked = {"b", "missing", "a", "b"};
  std::vector<Lookup> results(asked.size());
  engine_->multi_get(asked, results);
  EXPECT_EQ(results[0].value, "2");
  EXPECT_TRUE(results[1].status.not_found());
  EXPECT_EQ(results[2].value, "1");
  EXPECT_EQ(results[3].value, "2");
  EXPECT_TRUE(results[0].status.ok() && results[2].status.ok() && results[3].status.ok());
  engine_->multi_get({}, {});
}

TEST_P(Conformance, TryGetSeesWhatWasJustWrittenOrWouldBlock) {
  const std::string value(300, 'v');
  put("key", value);
  engine_->prefetch("key");
  engine_->prefetch("missing");
  const std::vector<std::string_view> many(40, "key");
  engine_->prefetch_all(many);
  PinnedValue pinned;
  const TryGet outcome = engine_->try_get("key", &pinned);
  if (!capabilities().try_get) {
    EXPECT_EQ(outcome, TryGet::kWouldBlock);
    return;
  }
  ASSERT_EQ(outcome, TryGet::kFound);
  EXPECT_EQ(pinned.view(), value);
  EXPECT_EQ(engine_->try_get("missing", &pinned), TryGet::kNotFound);
  EXPECT_TRUE(pinned.view().empty());
}

TEST_P(Conformance, ViewsStayWhileOtherKeysAreReadAndOutliveNoReset) {
  if (!capabilities().try_get) {
    GTEST_SKIP() << "no try_get";
  }
  for (int i = 0; i < 100; ++i) {
    put("key" + std::to_string(i), std::string(200, static_cast<char>('a' + i % 26)));
  }
  std::array<PinnedValue, 100> pinned;
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(engine_->try_get("key" + std::to_string(i), &pinned[i]), TryGet::kFound);
  }
  EXPECT_EQ(scan().size(), 100u);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(pinned[i].view(), std::string(200, static_cast<char>('a' + i % 26)));
    EXPECT_EQ(get("key" + std::to_string(i)), pinned[i].view());
  }
  pinned[0].reset();
  EXPECT_TRUE(pinned[0].view().empty());
  EXPECT_FALSE(pinned[0].holds_resource());
  // Used again for another key while it still holds the first.
  ASSERT_EQ(engine_->try_get("key7", &pinned[1]), TryGet::kFound);
  EXPECT_EQ(pinned[1].view(), std::string(200, 'h'));
}

TEST_P(Conformance, CapabilitiesAreWhatTheFactoryPromised) {
  const EngineFactory* factory = engine_registry().find(GetParam().engine);
  ASSERT_NE(factory, nullptr);
  EXPECT_EQ(capabilities(), factory->capabilities);
  EXPECT_TRUE(!capabilities().can_sync || capabilities().persistent);
}

TEST_P(Conformance, GroupDurabilityWorksExactlyWithTheCapability) {
  WriteBatch batch;
  batch.put("key", "value");
  const Status status = engine_->apply(batch, Durability::kGroup);
  if (capabilities().can_sync) {
    EXPECT_TRUE(status.ok()) << status.text();
    EXPECT_EQ(get("key"), "value");
    batch.clear();
    EXPECT_TRUE(engine_->apply(batch, Durability::kGroup).ok());
  } else {
    EXPECT_EQ(status.code, StatusCode::kNotSupported);
    EXPECT_EQ(get("key"), kMissing);
  }
}

TEST_P(Conformance, StatsAreTruthfulWithinAnEstimate) {
  for (int i = 0; i < 500; ++i) {
    put("key" + std::to_string(i), std::string(100, 'v'));
  }
  const EngineStats stats = engine_->stats();
  EXPECT_TRUE(stats.records == 0 || (stats.records >= 400 && stats.records <= 600))
      << stats.records;
  EXPECT_TRUE(stats.memory_bytes + stats.disk_bytes > 0);
}

TEST_P(Conformance, ThreadsWorkAtTheSameTimeWhereTheEngineIsNotThreadBound) {
  if (capabilities().thread_bound) {
    GTEST_SKIP() << "an instance belongs to one thread at a time";
  }
  constexpr int kThreads = 4;
  constexpr int kRounds = 300;
  std::atomic<int> wrong{0};
  const auto work = [&](int thread) {
    const std::string own = std::string(1, static_cast<char>('a' + thread));
    WriteBatch batch;
    for (int i = 0; i < kRounds; ++i) {
      const std::string key = own + std::to_string(i);
      batch.clear();
      batch.put(key, key);
      batch.put("shared", key);
      wrong += engine_->apply(batch, Durability::kAsync).ok() ? 0 : 1;
      wrong += get(key) == key ? 0 : 1;
      wrong += get("shared") == kMissing ? 1 : 0;
      if (i % 50 == 0) {
        std::string last;
        const Status scanned = engine_->scan({}, {}, [&](std::string_view at, std::string_view) {
          wrong += last < at ? 0 : 1;
          last = at;
          return true;
        });
        wrong += scanned.ok() ? 0 : 1;
        static_cast<void>(engine_->stats());
      }
    }
    wrong += engine_->erase(own + "0", own + "1").ok() ? 0 : 1;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back(work, i);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(keys().size(), std::size_t{kThreads} * (kRounds - 1) + 1);
}

// An instance may move between threads as long as only one uses it at a time.
TEST_P(Conformance, AnInstanceMovesToAnotherThread) {
  put("here", "1");
  std::thread([&] {
    EXPECT_EQ(get("here"), "1");
    put("there", "2");
  }).join();
  EXPECT_EQ(get("there"), "2");
}

TEST_P(Conformance, UnknownSettingsAreRefused) {
  OpenOptions options;
  options.dir = root_ + "/other";
  options.settings = {{"no-such-setting", "1"}};
  const OpenedEngine opened = engine_registry().open(GetParam().engine, options);
  EXPECT_EQ(opened.status.code, StatusCode::kInvalidArgument);
  EXPECT_EQ(opened.engine, nullptr);
  EXPECT_NE(opened.status.message.find("no-such-setting"), std::string::npos)
      << opened.status.message;
}

INSTANTIATE_TEST_SUITE_P(Engines, Conformance, testing::ValuesIn(engine_cases()), case_name);

}  // namespace
}  // namespace kindred::plugins
