#pragma once

#include <cstdint>

namespace kindred {

/// How long one link's answers take, and how unlikely it has become that an outstanding one still
/// comes: phi = -log10 of that probability (Hayashibara et al. 2004, over answer times instead of
/// heartbeats, so that it means the same however rarely a link is probed). Answer times are taken
/// to be normally distributed; mean and deviation follow them as TCP's do (RFC 6298).
class AccrualEstimator {
 public:
  void add(uint64_t answer_us);
  /// Of an answer that has been outstanding for so long; 0 before the first answer.
  double phi(uint64_t elapsed_us) const;
  /// When an outstanding answer lies so many standard deviations above the mean.
  uint64_t elapsed_us_at(double deviations) const;

 private:
  bool has_answers_ = false;
  float mean_us_ = 0;
  float mean_deviation_us_ = 0;
};

/// The standard deviations above the mean at which phi reaches `phi` (> 0.31).
double deviations_at_phi(double phi);

}  // namespace kindred
