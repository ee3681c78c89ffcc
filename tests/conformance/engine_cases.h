// The engines that the conformance suite runs on.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "plugins/api/registry.h"

namespace kindred::plugins {

struct EngineCase {
  std::string name;  // the test's
  std::string engine;
  std::vector<std::pair<std::string, std::string>> settings;
  // Put around the opened engine; may be empty.
  std::function<std::unique_ptr<Engine>(std::unique_ptr<Engine>)> decorate;
  // A power of two: the model tests take a part of their steps where each write waits for a device.
  unsigned model_divisor = 1;
};

inline std::string case_name(const testing::TestParamInfo<EngineCase>& info) {
  return info.param.name;
}

// With KINDRED_CONFORMANCE_SO in the environment: that shared object's engine alone.
std::vector<EngineCase> engine_cases();

// Every engine that a case names.
const Registry& engine_registry();

}  // namespace kindred::plugins
