// Long random runs against a sorted map that is right by definition.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "tests/conformance/engine_fixture.h"

namespace kindred::plugins {
namespace {

using Model = std::map<std::string, std::string>;

class ModelConformance : public EngineTest {
 protected:
  // Few distinct bytes and lengths around the eight that engines may compare first, so that keys
  // meet again, share prefixes, and extend each other.
  std::string any_key() {
    if (random_() % 4 != 0) {
      return "slot" + std::to_string(random_() % 3000);
    }
    std::string key(1 + random_() % 11, '\0');
    for (char& byte : key) {
      byte = std::string_view("\0a\xff", 3)[random_() % 3];
    }
    return key;
  }

  std::string any_value() {
    return std::string(random_() % (random_() % 50 == 0 ? 5000 : 120),
                       static_cast<char>(random_()));
  }

  void change_both() {
    WriteBatch batch;
    const std::size_t operations = 1 + random_() % 8;
    for (std::size_t i = 0; i < operations; ++i) {
      const std::string key = any_key();
      if (random_() % 3 == 0) {
        batch.remove(key);
        model_.erase(key);
      } else {
        const std::string value = any_value();
        batch.put(key, value);
        model_[key] = value;
      }
    }
    const auto durability = random_() % 2 == 0 ? Durability::kAsync : Durability::kNone;
    const Status status = engine_->apply(batch, durability);
    ASSERT_TRUE(status.ok()) << status.text();
  }

  void erase_both() {
    std::string begin = any_key();
    std::string end = begin + std::string(random_() % 2, '\xff');
    if (random_() % 4 == 0) {
      end = any_key();
    }
    ASSERT_TRUE(engine_->erase(begin, end).ok());
    if (begin < end) {
      model_.erase(model_.lower_bound(begin), model_.lower_bound(end));
    }
  }

  void compare_key() {
    const std::string key = any_key();
    const auto expected = model_.find(key);
    ASSERT_EQ(get(key), expected == model_.end() ? kMissing : expected->second);
    PinnedValue pinned;
    switch (engine_->try_get(key, &pinned)) {
      case TryGet::kFound:
        ASSERT_NE(expected, model_.end());
        ASSERT_EQ(pinned.view(), expected->second);
        break;
      case TryGet::kNotFound:
        ASSERT_EQ(expected, model_.end());
        break;
      case TryGet::kWouldBlock:
        break;
    }
  }

  void compare_range(const std::string& begin, const std::string& end) {
    const auto first = model_.lower_bound(begin);
    const auto last = end.empty() ? model_.end() : model_.lower_bound(end);
    const Records expected = end.empty() || begin < end ? Records(first, last) : Records();
    ASSERT_TRUE(scan(begin, end) == expected) << "range differs";
  }

  std::mt19937_64 random_{20240601};
  Model model_;
};

TEST_P(ModelConformance, RandomOperationsAgreeWithASortedMap) {
  const unsigned steps = 12000 / GetParam().model_divisor;
  for (unsigned step = 0; step < steps && !HasFatalFailure(); ++step) {
    change_both();
    compare_key();
    if (step % 40 == 0) {
      erase_both();
      compare_range(any_key(), any_key());
    }
    if (step % (steps / 12) == 0) {
      compare_range({}, {});
    }
    if (step % (steps / 3) == steps / 3 - 1 && capabilities().persistent) {
      reopen();
    }
  }
  compare_range({}, {});
}

TEST_P(ModelConformance, ManyKeysFilledAndEmptiedInRandomOrder) {
  const std::uint64_t key_count = 30000 / GetParam().model_divisor;
  // An odd factor visits each number below a power of two once, in no order.
  const std::uint64_t range = (1 << 15) / GetParam().model_divisor;
  const auto key_of = [](std::uint64_t number) {
    const std::uint64_t hash = number * 0x9e3779b97f4a7c15u;
    return std::string("\1") + std::string(reinterpret_cast<const char*>(&hash), sizeof(hash));
  };
  for (std::uint64_t i = 0; i < range; ++i) {
    const std::uint64_t number = i * 12345 % range;
    if (number < key_count) {
      const std::string key = key_of(number);
      put(key, std::to_string(number));
      model_[key] = std::to_string(number);
    }
  }
  compare_range({}, {});
  for (std::uint64_t i = 0; i < range && !HasFatalFailure(); ++i) {
    const std::uint64_t number = i * 54321 % range;
    if (number < key_count) {
      const std::string key = key_of(number);
      ASSERT_EQ(get(key), std::to_string(number));
      remove(key);
      model_.erase(key);
    }
    if (i % (range / 6) == 0) {
      compare_range({}, {});
    }
  }
  EXPECT_TRUE(keys().empty());
}

INSTANTIATE_TEST_SUITE_P(Engines, ModelConformance, testing::ValuesIn(engine_cases()), case_name);

}  // namespace
}  // namespace kindred::plugins
