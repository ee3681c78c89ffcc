// Directives of limits whose values have a form of their own.
#include <optional>

#include "server/config/directive_setters.h"

namespace kindred::directive_setters {

namespace {

OutputLimitDirective* limit_of(OutputLimits& limits, std::string_view client_class) {
  if (client_class == "normal") {
    return &limits.normal;
  }
  if (client_class == "pubsub") {
    return &limits.pubsub;
  }
  return client_class == "replica" || client_class == "slave" ? &limits.replica : nullptr;
}

std::string limit_text(const OutputLimitDirective& limit) {
  return std::to_string(limit.hard_bytes) + " " + std::to_string(limit.soft_bytes) + " " +
         std::to_string(limit.soft_s);
}

}  // namespace

/// Classes that are not named stay as they are.
std::string set_output_limits(Config& config, Words words) {
  constexpr size_t kWordsPerClass = 4;
  OutputLimits limits = config.output_limits;
  bool valid = words.size() % kWordsPerClass == 0;
  for (size_t i = 0; valid && i < words.size(); i += kWordsPerClass) {
    OutputLimitDirective* const limit = limit_of(limits, lower_case(words[i]));
    const auto hard = parse_memory_size(words[i + 1]);
    const auto soft = parse_memory_size(words[i + 2]);
    const auto soft_s = parse_number(words[i + 3]);
    valid = limit != nullptr && hard && soft && soft_s && *soft_s <= UINT32_MAX;
    if (valid) {
      *limit = {*hard, *soft, static_cast<uint32_t>(*soft_s)};
    }
  }
  if (!valid) {
    return must_be(
        "CLASS HARD-SIZE SOFT-SIZE SOFT-SECONDS, CLASS being normal, pubsub or replica, and more "
        "of the kind",
        words);
  }
  config.output_limits = limits;
  return "";
}

std::string print_output_limits(const Config& config) {
  const OutputLimits& limits = config.output_limits;
  return "normal " + limit_text(limits.normal) + " slave " + limit_text(limits.replica) +
         " pubsub " + limit_text(limits.pubsub);
}

}  // namespace kindred::directive_setters
