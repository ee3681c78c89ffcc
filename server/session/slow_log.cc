#include "server/session/slow_log.h"

#include <algorithm>
#include <cstring>

#include "server/session/monitor.h"

namespace kindred {

namespace {

// Redis: SLOWLOG_ENTRY_MAX_ARGC, SLOWLOG_ENTRY_MAX_STRING.
constexpr size_t kArgsMax = 32;
constexpr size_t kArgBytesMax = 128;

void pack(std::string_view text, std::string* packed) {
  const auto size = static_cast<uint32_t>(text.size());
  packed->append(reinterpret_cast<const char*>(&size), sizeof size);
  packed->append(text);
}

void pack_arg(std::string_view arg, std::string* packed) {
  if (arg.size() <= kArgBytesMax) {
    pack(arg, packed);
    return;
  }
  pack(std::string(arg.substr(0, kArgBytesMax)) + "... (" +
           std::to_string(arg.size() - kArgBytesMax) + " more bytes)",
       packed);
}

}  // namespace

void pack_slow_args(const CommandSpec& spec, std::span<const std::string_view> args,
                    std::string* packed) {
  packed->clear();
  const size_t kept = args.size() > kArgsMax ? kArgsMax - 1 : args.size();
  if (may_hold_secrets(spec)) {
    const std::vector<std::string_view> shown = shown_args(spec, args);
    for (size_t i = 0; i < kept; ++i) {
      pack_arg(shown[i], packed);
    }
  } else {
    for (size_t i = 0; i < kept; ++i) {
      pack_arg(args[i], packed);
    }
  }
  if (kept < args.size()) {
    pack("... (" + std::to_string(args.size() - kept) + " more arguments)", packed);
  }
}

std::vector<std::string> unpack_slow_args(std::string_view packed) {
  std::vector<std::string> args;
  while (packed.size() >= sizeof(uint32_t)) {
    uint32_t size = 0;
    std::memcpy(&size, packed.data(), sizeof size);
    packed.remove_prefix(sizeof size);
    args.emplace_back(packed.substr(0, size));
    packed.remove_prefix(std::min<size_t>(size, packed.size()));
  }
  return args;
}

}  // namespace kindred
