#include "plugins/resolvers/union.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>
#include <vector>

#include "plugins/resolvers/json_array.h"

namespace kindred::plugins::resolvers {
namespace {

// False where a value is no array.
bool union_of_arrays(std::span<const std::string_view> values, std::string* resolved) {
  std::set<std::string> all;
  for (const std::string_view value : values) {
    std::vector<std::string> elements;
    if (value.empty()) {
      continue;
    }
    if (!read_json_array(value, &elements)) {
      return false;
    }
    for (std::string& element : elements) {
      all.insert(std::move(element));
    }
  }
  resolved->assign(1, '[');
  for (const std::string& element : all) {
    resolved->append(element).push_back(',');
  }
  if (resolved->size() > 1) {
    resolved->pop_back();
  }
  resolved->push_back(']');
  return true;
}

void union_of_lines(std::span<const std::string_view> values, std::string* resolved) {
  std::set<std::string_view> all;
  bool ends_in_break = false;
  for (std::string_view value : values) {
    ends_in_break |= value.ends_with('\n');
    while (!value.empty()) {
      const std::size_t end = std::min(value.find('\n'), value.size());
      all.insert(value.substr(0, end));
      value.remove_prefix(std::min(end + 1, value.size()));
    }
  }
  resolved->clear();
  for (const std::string_view line : all) {
    resolved->append(line).push_back('\n');
  }
  if (!ends_in_break && !resolved->empty()) {
    resolved->pop_back();
  }
}

class UnionResolver final : public Resolver {
 public:
  Status resolve(std::string_view /*key*/, std::span<const std::string_view> values,
                 std::string* resolved) const override {
    const bool has_any = std::any_of(values.begin(), values.end(),
                                     [](std::string_view one) { return !one.empty(); });
    if (!has_any) {
      resolved->clear();
    } else if (!union_of_arrays(values, resolved)) {
      union_of_lines(values, resolved);
    }
    return Status();
  }
};

}  // namespace

std::shared_ptr<const Resolver> make_union() {
  return std::make_shared<UnionResolver>();
}

}  // namespace kindred::plugins::resolvers
