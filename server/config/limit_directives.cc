// Directives whose values have a form of their own.
#include <optional>

#include "protocol/command/keyspace_events.h"
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

std::string set_notify_events(Config& config, Words words) {
  const auto classes = words.size() == 1 ? parse_event_classes(words[0]) : std::nullopt;
  if (!classes) {
    return must_be("letters of K, E, A, g, $, l, s, h, z, x, e, t, d, m, n", words);
  }
  config.notify_events = *classes;
  return "";
}

std::string print_notify_events(const Config& config) {
  return event_classes_text(config.notify_events);
}

std::string without_secret(const std::string& name, const std::string& value) {
  constexpr std::string_view kRedacted = "(redacted)";
  for (const std::string_view secret : {"pass", "secret", "token"}) {
    if (lower_case(name).find(secret) != std::string::npos) {
      return std::string(kRedacted);
    }
  }
  // scheme://user:password@host
  const size_t authority = value.find("://");
  const size_t at = value.rfind('@');
  if (authority == std::string::npos || at == std::string::npos || at < authority) {
    return value;
  }
  const size_t colon = value.find(':', authority + 3);
  return colon < at ? value.substr(0, colon + 1).append(kRedacted).append(value.substr(at)) : value;
}

}  // namespace kindred::directive_setters
