#include "replication/membership/accrual.h"

#include <algorithm>
#include <cmath>

namespace kindred {
namespace {

constexpr float kMeanGain = 0.125F;
constexpr float kDeviationGain = 0.25F;
constexpr double kStandardOverMeanDeviation = 1.2533;  // of a normal distribution
constexpr double kDeviationsMax = 35;                  // beyond, a double can't tell phi apart
constexpr double kStandardDeviationUsMin = 1;

double phi_at_deviations(double deviations) {
  const double chance = 0.5 * std::erfc(std::min(deviations, kDeviationsMax) / std::sqrt(2.0));
  return -std::log10(chance);
}

}  // namespace

void AccrualEstimator::add(uint64_t answer_us) {
  const auto answer = static_cast<float>(answer_us);
  if (!has_answers_) {
    has_answers_ = true;
    mean_us_ = answer;
    mean_deviation_us_ = answer / 2;
    return;
  }
  mean_deviation_us_ += kDeviationGain * (std::abs(answer - mean_us_) - mean_deviation_us_);
  mean_us_ += kMeanGain * (answer - mean_us_);
}

double AccrualEstimator::phi(uint64_t elapsed_us) const {
  if (!has_answers_) {
    return 0;
  }
  const double standard =
      std::max(mean_deviation_us_ * kStandardOverMeanDeviation, kStandardDeviationUsMin);
  return phi_at_deviations((static_cast<double>(elapsed_us) - mean_us_) / standard);
}

uint64_t AccrualEstimator::elapsed_us_at(double deviations) const {
  return static_cast<uint64_t>(mean_us_ +
                               deviations * kStandardOverMeanDeviation * mean_deviation_us_);
}

double deviations_at_phi(double phi) {
  double low = 0;
  double high = kDeviationsMax;
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    (phi_at_deviations(middle) < phi ? low : high) = middle;
  }
  return high;
}

}  // namespace kindred
