#include "server/admin/metrics.h"

#include <cmath>
#include <cstdio>
#include <iterator>

#include "protocol/command/command_table.h"

namespace kindred {

namespace {

std::string number_text(double value) {
  char text[32];
  const bool is_whole = std::nearbyint(value) == value && std::abs(value) < 1e15;
  std::snprintf(text, sizeof text, is_whole ? "%.0f" : "%.9g", value);
  return text;
}

/// As label values are quoted.
std::string quoted(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') {
      out += '\\';
    }
    out += c;
  }
  return out + '"';
}

void head(std::string_view name, std::string_view type, std::string_view help, std::string* out) {
  out->append("# HELP ").append(name).append(" ").append(help);
  out->append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}

/// `labels`: "a=\"b\"", or empty.
void sample(std::string_view name, std::string_view labels, double value, std::string* out) {
  out->append(name);
  if (!labels.empty()) {
    out->append("{").append(labels).append("}");
  }
  out->append(" ").append(number_text(value)).append("\n");
}

std::string label(std::string_view name, std::string_view value) {
  return std::string(name) + "=" + quoted(value);
}

void write_table(const NodeFigures& figures, std::string* out) {
  const MetricFigures values{figures, process_figures()};
  for (const MetricSpec& metric : metric_table()) {
    const bool is_counter = metric.kind == MetricSpec::Kind::kCounter;
    head(metric.name, is_counter ? "counter" : "gauge", metric.help, out);
    sample(metric.name, "", metric.value(values), out);
  }
}

void write_node(const NodeFigures& figures, std::string* out) {
  head("kindred_node_info", "gauge", "Which node this is, and how it stores.", out);
  sample("kindred_node_info",
         label("version", figures.version) + "," + label("node", figures.node_name) + "," +
             label("engine", figures.engine) + "," + label("durability", figures.durability),
         1, out);
}

/// How many keys there are of each class that INFO's histograms have.
void write_key_classes(std::string_view name, std::string_view by, std::string_view help,
                       const LiveCount::SiblingHistogram& keys, std::string* out) {
  static constexpr std::string_view kClasses[] = {"1", "2", "3-4", "5-8", "9-16", "17+"};
  head(name, "gauge", help, out);
  for (size_t i = 0; i < std::size(kClasses); ++i) {
    sample(name, label(by, kClasses[i]), static_cast<double>(keys[i + 1]), out);
  }
}

void write_background(const NodeFigures& figures, std::string* out) {
  constexpr std::string_view kName = "kindred_background_bytes_total";
  head(kName, "counter", "What background work moved, by its kind.", out);
  for (size_t work = 0; work < kBackgroundWorks; ++work) {
    sample(kName, label("work", kBackgroundWorkNames[work]),
           static_cast<double>(figures.sum.background.spent_bytes[work]), out);
  }
}

void write_errors(const NodeFigures& figures, std::string* out) {
  constexpr std::string_view kName = "kindred_errors_total";
  head(kName, "counter", "Replies that were errors, by their first word.", out);
  for (const SessionStats::Error& error : figures.sum.sessions.errors) {
    sample(kName, label("error", error.prefix), static_cast<double>(error.count), out);
  }
}

template <typename Visit>
void for_each_command(Visit visit) {
  for (const CommandSpec* spec : all_commands()) {
    visit(*spec);
    for (const CommandSpec& subcommand : spec->subcommands) {
      visit(subcommand);
    }
  }
}

void write_command_counts(const NodeFigures& figures, std::string_view name, std::string_view help,
                          uint64_t SessionStats::Command::*count, std::string* out) {
  head(name, "counter", help, out);
  for_each_command([&](const CommandSpec& spec) {
    const auto& command = figures.sum.sessions.commands[static_cast<size_t>(spec.id)];
    if (command.calls > 0 || command.rejected > 0) {
      sample(name, label("command", spec.name), static_cast<double>(command.*count), out);
    }
  });
}

/// Every other bound: they are powers of two, and each one is a series for each command.
void write_latency(const CommandSpec& spec, const LatencyHistogram& latency, std::string* out) {
  const std::string command = label("command", spec.name);
  bool is_told = true;
  latency.for_each_bound([&](uint64_t bound_us, uint64_t up_to) {
    if (is_told && bound_us < LatencyHistogram::kLastBoundUs) {
      sample("kindred_command_duration_seconds_bucket",
             command + "," + label("le", number_text(static_cast<double>(bound_us) / 1e6)),
             static_cast<double>(up_to), out);
    }
    is_told = !is_told;
  });
  const auto count = static_cast<double>(latency.count());
  sample("kindred_command_duration_seconds_bucket", command + "," + label("le", "+Inf"), count,
         out);
  sample("kindred_command_duration_seconds_sum", command,
         static_cast<double>(latency.sum_us()) / 1e6, out);
  sample("kindred_command_duration_seconds_count", command, count, out);
}

void write_commands(const NodeFigures& figures, std::string* out) {
  write_command_counts(figures, "kindred_command_calls_total", "Commands run, by command.",
                       &SessionStats::Command::calls, out);
  write_command_counts(figures, "kindred_command_rejected_total",
                       "Commands refused before they ran.", &SessionStats::Command::rejected, out);
  write_command_counts(figures, "kindred_command_failed_total",
                       "Commands that ran and answered an error.", &SessionStats::Command::failed,
                       out);
  head("kindred_command_duration_seconds", "histogram",
       "From a command's start to its answer, waiting for quorums included.", out);
  for_each_command([&](const CommandSpec& spec) {
    const auto& latency = figures.sum.sessions.commands[static_cast<size_t>(spec.id)].latency;
    if (latency.count() > 0) {
      write_latency(spec, latency, out);
    }
  });
}

}  // namespace

std::string metrics_text(const NodeFigures& figures) {
  std::string out;
  write_node(figures, &out);
  write_table(figures, &out);
  write_key_classes("kindred_keys_by_siblings", "siblings",
                    "Keys here by how many versions they have.", figures.sum.by_siblings, &out);
  write_key_classes("kindred_keys_by_clock_size", "entries",
                    "Keys here by how many entries their clock has.", figures.sum.by_clock, &out);
  write_background(figures, &out);
  write_errors(figures, &out);
  write_commands(figures, &out);
  return out;
}

}  // namespace kindred
