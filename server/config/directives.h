#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config/config.h"

namespace kindred {

/// One directive. Parser, --help, CONFIG and the page of the docs all come from the one table.
struct Directive {
  std::string_view name;
  std::string_view argument;      // what may be given, for people
  std::string_view default_text;  // as CONFIG GET shows it
  bool settable_at_runtime = false;
  bool repeatable = false;
  std::string_view summary;
  /// Returns what is wrong with the words, worded to follow "directive 'name' "; empty: taken.
  std::string (*set)(Config& config, std::span<const std::string> words) = nullptr;
  /// Null: CONFIG GET does not show it.
  std::string (*print)(const Config& config) = nullptr;
};

std::span<const Directive> directives();
/// Case-insensitive; null where there is none.
const Directive* find_directive(std::string_view name);

/// Sets one directive; the error is a whole sentence without a full stop.
[[nodiscard]] std::string set_directive(Config& config, std::string_view name,
                                        std::span<const std::string> words);

/// A quorum that asks for more copies than there are; no name: none does.
struct TooLarge {
  std::string_view name;
  std::string why;  // worded to follow "directive 'name' "
};
[[nodiscard]] TooLarge quorum_above_replicas(const Config& config);

/// CONFIG SET's settings, all or none; the error is a whole reply line without '-'.
[[nodiscard]] std::string set_at_runtime(
    Config& config, const std::vector<std::pair<std::string, std::string>>& settings);
/// CONFIG GET: (name, value) of the directives that match any of the globs, and of the few of
/// Redis that tools ask for.
std::vector<std::pair<std::string, std::string>> matching_directives(
    const Config& config, const std::vector<std::string>& globs);

/// --help's list, and docs/configuration.md.
std::string directives_help();
std::string directives_page();

}  // namespace kindred
