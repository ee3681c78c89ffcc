// One engine in a directory of its own, and the few words the tests say to it.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/conformance/engine_cases.h"

namespace kindred::plugins {

using Records = std::vector<std::pair<std::string, std::string>>;

class EngineTest : public testing::TestWithParam<EngineCase> {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/kindred-engine-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    engine_ = open(data_dir());
    ASSERT_NE(engine_, nullptr);
  }

  void TearDown() override {
    if (engine_ != nullptr) {
      EXPECT_TRUE(engine_->close().ok());
    }
    engine_.reset();
    std::filesystem::remove_all(root_);
  }

  std::string data_dir() const { return root_ + "/data"; }

  OpenedEngine try_open(const std::string& dir, std::uint32_t host_layout = 1) const {
    OpenOptions options;
    options.dir = dir;
    options.settings = GetParam().settings;
    options.host_layout = host_layout;
    OpenedEngine opened = engine_registry().open(GetParam().engine, options);
    if (opened.status.ok() && GetParam().decorate) {
      opened.engine = GetParam().decorate(std::move(opened.engine));
    }
    return opened;
  }

  std::unique_ptr<Engine> open(const std::string& dir) const {
    OpenedEngine opened = try_open(dir);
    EXPECT_TRUE(opened.status.ok()) << opened.status.text();
    return std::move(opened.engine);
  }

  void reopen() {
    EXPECT_TRUE(engine_->close().ok());
    engine_.reset();
    engine_ = open(data_dir());
    ASSERT_NE(engine_, nullptr);
  }

  Capabilities capabilities() const { return engine_->capabilities(); }

  void put(std::string_view key, std::string_view value) {
    WriteBatch batch;
    batch.put(key, value);
    const Status status = engine_->apply(batch, Durability::kAsync);
    ASSERT_TRUE(status.ok()) << status.text();
  }

  void remove(std::string_view key) {
    WriteBatch batch;
    batch.remove(key);
    const Status status = engine_->apply(batch, Durability::kAsync);
    ASSERT_TRUE(status.ok()) << status.text();
  }

  // The value, or what the status says in angle brackets.
  static std::string get(Engine* engine, std::string_view key) {
    std::string value;
    const Status status = engine->get(key, &value);
    return status.ok() ? value : "<" + status.text() + ">";
  }
  std::string get(std::string_view key) { return get(engine_.get(), key); }

  static Records scan(Engine* engine, std::string_view begin = {}, std::string_view end = {}) {
    Records records;
    const Status status = engine->scan(begin, end, [&](auto key, auto value) {
      records.emplace_back(key, value);
      return true;
    });
    EXPECT_TRUE(status.ok()) << status.text();
    return records;
  }
  Records scan(std::string_view begin = {}, std::string_view end = {}) {
    return scan(engine_.get(), begin, end);
  }

  std::vector<std::string> keys(std::string_view begin = {}, std::string_view end = {}) {
    std::vector<std::string> keys;
    for (auto& [key, value] : scan(begin, end)) {
      keys.push_back(std::move(key));
    }
    return keys;
  }

  static constexpr const char* kMissing = "<not found>";

  std::string root_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace kindred::plugins
