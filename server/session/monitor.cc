#include "server/session/monitor.h"

#include <cstdio>

#include "server/session/handlers.h"
#include "server/session/options.h"

namespace kindred {

namespace {

constexpr std::string_view kRedacted = "(redacted)";

bool is_secret_directive(std::string_view name) {
  return is_word(name, "requirepass") || is_word(name, "cluster-secret") ||
         is_word(name, "tls-key-file-pass") || is_word(name, "user") ||
         is_word(name, "storage-engine-setting");
}

/// How many arguments at the front are shown; those behind it hold passwords.
size_t open_args(const CommandSpec& spec, std::span<const std::string_view> args) {
  if (spec.id == CommandId::kAuth) {
    return 1;
  }
  if (spec.name == "acl|setuser") {
    return 3;
  }
  if (spec.id == CommandId::kHello) {
    for (size_t i = 2; i < args.size(); ++i) {
      if (is_word(args[i], "auth")) {
        return i + 1;
      }
    }
  }
  return args.size();
}

void append_quoted(std::string& line, std::string_view text) {
  line += '"';
  for (const char byte : text) {
    switch (byte) {
      case '\\':
      case '"':
        line += '\\';
        line += byte;
        break;
      case '\n':
        line += "\\n";
        break;
      case '\r':
        line += "\\r";
        break;
      case '\t':
        line += "\\t";
        break;
      case '\a':
        line += "\\a";
        break;
      case '\b':
        line += "\\b";
        break;
      default:
        if (byte >= ' ' && byte <= '~') {
          line += byte;
        } else {
          char code[5];
          std::snprintf(code, sizeof code, "\\x%02x", static_cast<unsigned>(byte) & 0xffU);
          line += code;
        }
    }
  }
  line += '"';
}

}  // namespace

bool may_hold_secrets(const CommandSpec& spec) {
  return spec.id == CommandId::kAuth || spec.id == CommandId::kHello ||
         spec.id == CommandId::kConfigSet || spec.name == "acl|setuser";
}

std::vector<std::string_view> shown_args(const CommandSpec& spec,
                                         std::span<const std::string_view> args) {
  std::vector<std::string_view> shown(args.begin(), args.end());
  for (size_t i = open_args(spec, args); i < shown.size(); ++i) {
    shown[i] = kRedacted;
  }
  if (spec.id == CommandId::kConfigSet) {
    for (size_t i = 2; i + 1 < shown.size(); i += 2) {
      shown[i + 1] = is_secret_directive(shown[i]) ? kRedacted : shown[i + 1];
    }
  }
  return shown;
}

std::string monitor_line(uint64_t now_ms, std::string_view peer_address,
                         std::span<const std::string_view> args) {
  char time[40];
  std::snprintf(time, sizeof time, "%llu.%06llu", static_cast<unsigned long long>(now_ms / 1000),
                static_cast<unsigned long long>(now_ms % 1000 * 1000));
  std::string line = time;
  line.append(" [0 ").append(peer_address).append("]");
  for (const std::string_view arg : args) {
    line += ' ';
    append_quoted(line, arg);
  }
  return line;
}

void run_monitor(Call& call) {
  call.session().start_monitoring();
  call.reply().ok();
}

}  // namespace kindred
