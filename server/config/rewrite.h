#pragma once

#include <string>
#include <string_view>

#include "server/config/config.h"

namespace kindred {

/// CONFIG REWRITE: a configuration file's text, changed to say what `config` says wherever CONFIG
/// SET may have changed it. Comments, order and every line that is still true stay as they are;
/// what the text does not name goes to its end. Other directives stay as the text has them. Returns
/// what is wrong with the text as it is; empty: `*rewritten` is set.
[[nodiscard]] std::string rewrite_config(const std::string& file, std::string_view text,
                                         const Config& config, std::string* rewritten);

}  // namespace kindred
