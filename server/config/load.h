#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/config/config.h"

namespace kindred {

enum class StartAction { kRun, kShowHelp, kShowVersion, kShowDirectivesPage };

struct [[nodiscard]] LoadedConfig {
  std::string error;  // one line; empty: `config` is good
  StartAction action = StartAction::kRun;
  Config config;
};

/// `[FILE.conf] [--directive value ...]`; flags win. Reads the file and resolves host names.
LoadedConfig load_config(const std::vector<std::string>& arguments);

/// The text of a file alone, without the checks that need the whole; `file` is for errors.
[[nodiscard]] std::string apply_config_text(const std::string& file, std::string_view text,
                                            Config* config);

}  // namespace kindred
