// A configuration file may be anything. It is taken or refused with its file and line named, and
// what CONFIG GET then tells of a directive is taken by the directive again.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "server/config/directives.h"
#include "server/config/load.h"

namespace kindred {
namespace {

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

void check(std::string_view text) {
  Config config;
  const std::string error = apply_config_text("file", text, &config);
  require(error.empty() || error.starts_with("file, line "));
  for (const Directive& directive : directives()) {
    if (directive.print == nullptr || directive.repeatable ||
        directive.argument.find(' ') != std::string_view::npos) {
      continue;
    }
    const std::string told = directive.print(config);
    Config again;
    if (!told.empty() && directive.set(again, std::vector<std::string>{told}).empty()) {
      require(directive.print(again) == told);
    }
  }
}

}  // namespace
}  // namespace kindred

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kindred::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
