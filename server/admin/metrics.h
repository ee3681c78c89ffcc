#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "server/figures/figures.h"
#include "server/figures/process_figures.h"

namespace kindred {

/// What a node counts, for /metrics.
struct MetricFigures {
  const NodeFigures& node;
  ProcessFigures process;
};

/// A metric of one value.
struct MetricSpec {
  enum class Kind : uint8_t { kCounter, kGauge };
  std::string_view name;  // in base units, a counter's ends in _total
  Kind kind;
  std::string_view info;  // the field of INFO that tells the same
  std::string_view help;
  double (*value)(const MetricFigures& figures);
};
std::span<const MetricSpec> metric_table();

/// All metrics in Prometheus's text format 0.0.4: those of the table, and those with labels.
std::string metrics_text(const NodeFigures& figures);

}  // namespace kindred
