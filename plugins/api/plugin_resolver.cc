#include "plugins/api/plugin_resolver.h"

#include <string>
#include <vector>

namespace kindred::plugins {
namespace {

kindred_bytes bytes_of(std::string_view view) {
  return {view.data(), view.size()};
}

class PluginResolver final : public Resolver {
 public:
  explicit PluginResolver(const kindred_resolver_plugin* table) : table_(table) {}

  Status resolve(std::string_view key, std::span<const std::string_view> values,
                 std::string* resolved) const override {
    std::vector<kindred_bytes> passed;
    passed.reserve(values.size());
    for (const std::string_view value : values) {
      passed.push_back(bytes_of(value));
    }
    Result result{resolved};
    kindred_error error{sizeof(kindred_error), {}};
    const int32_t code =
        table_->resolve(bytes_of(key), passed.data(), passed.size(), take, &result, &error);
    if (code != KINDRED_OK) {
      error.message[sizeof(error.message) - 1] = '\0';
      return Status(StatusCode::kInvalidArgument, error.message);
    }
    if (result.times != 1) {
      return Status(StatusCode::kInvalidArgument,
                    "it told " + std::to_string(result.times) + " values");
    }
    return Status();
  }

 private:
  struct Result {
    std::string* value;
    int times = 0;
  };

  static void take(void* context, kindred_bytes resolved) {
    auto* result = static_cast<Result*>(context);
    ++result->times;
    result->value->assign(resolved.size == 0 ? "" : resolved.data, resolved.size);
  }

  const kindred_resolver_plugin* table_;
};

}  // namespace

std::shared_ptr<const Resolver> make_plugin_resolver(const kindred_resolver_plugin* table) {
  return std::make_shared<PluginResolver>(table);
}

}  // namespace kindred::plugins
