#include "plugins/resolvers/extreme.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace kindred::plugins::resolvers {
namespace {

// A long double holds every 64-bit integer.
std::optional<long double> number_of(std::string_view text) {
  long double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  return is_whole && std::isfinite(number) ? std::optional(number) : std::nullopt;
}

struct Candidate {
  std::string_view value;
  std::optional<long double> number;
};

// Whether `a` is chosen before `b`.
bool beats(const Candidate& a, const Candidate& b, Extreme extreme) {
  if (a.number.has_value() != b.number.has_value()) {
    return a.number.has_value();
  }
  if (a.number && *a.number != *b.number) {
    return extreme == Extreme::kMax ? *a.number > *b.number : *a.number < *b.number;
  }
  return extreme == Extreme::kMax ? a.value > b.value : a.value < b.value;
}

class ExtremeResolver final : public Resolver {
 public:
  explicit ExtremeResolver(Extreme extreme) : extreme_(extreme) {}

  Status resolve(std::string_view /*key*/, std::span<const std::string_view> values,
                 std::string* resolved) const override {
    if (values.empty()) {
      return Status(StatusCode::kInvalidArgument, "no values");
    }
    Candidate best{values.front(), number_of(values.front())};
    for (const std::string_view value : values.subspan(1)) {
      const Candidate other{value, number_of(value)};
      if (beats(other, best, extreme_)) {
        best = other;
      }
    }
    *resolved = best.value;
    return Status();
  }

 private:
  Extreme extreme_;
};

}  // namespace

std::shared_ptr<const Resolver> make_extreme(Extreme extreme) {
  return std::make_shared<ExtremeResolver>(extreme);
}

}  // namespace kindred::plugins::resolvers
