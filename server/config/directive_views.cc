// What is shown of the directive table: CONFIG's answers, --help and the page of the docs.
#include <algorithm>

#include "protocol/resp/glob.h"
#include "server/config/directives.h"
#include "server/config/value_text.h"

namespace kindred {

namespace {

// Asked for by redis-benchmark and other tools, and true of a node: it has neither RDB files nor an
// AOF.
constexpr std::pair<std::string_view, std::string_view> kRedisAnswers[] = {{"appendonly", "no"},
                                                                           {"save", ""}};

bool matches(std::string_view name, const std::vector<std::string>& globs) {
  return std::any_of(globs.begin(), globs.end(), [name](const std::string& glob) {
    return glob_match(glob, name, GlobCase::kInsensitive);
  });
}

std::vector<std::string> split_words(const std::string& text) {
  std::vector<std::string> words;
  for (size_t begin = text.find_first_not_of(' '); begin != std::string::npos;) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(' ', end);
  }
  return words;
}

std::string refused_setting(const std::string& name, const std::string& why) {
  return "ERR CONFIG SET failed (possibly related to argument '" + name + "') - " + why;
}

}  // namespace

std::string set_at_runtime(Config& config,
                           const std::vector<std::pair<std::string, std::string>>& settings) {
  Config changed = config;
  for (size_t i = 0; i < settings.size(); ++i) {
    const auto& [name, value] = settings[i];
    const Directive* directive = find_directive(name);
    if (directive == nullptr) {
      return "ERR Unknown option or number of arguments for CONFIG SET - '" + name + "'";
    }
    const bool twice = std::any_of(
        settings.begin(), settings.begin() + static_cast<std::ptrdiff_t>(i),
        [&](const auto& earlier) { return lower_case(earlier.first) == directive->name; });
    if (twice) {
      return refused_setting(name, "duplicate parameter");
    }
    if (!directive->settable_at_runtime) {
      return refused_setting(name, "can't set immutable config");
    }
    std::vector<std::string> words = {value};
    if (directive->argument.find(' ') != std::string_view::npos) {
      words = split_words(value);
    }
    const std::string wrong = directive->set(changed, words);
    if (!wrong.empty()) {
      return refused_setting(name, wrong);
    }
  }
  const TooLarge quorum = quorum_above_replicas(changed);
  if (!quorum.name.empty()) {
    return refused_setting(std::string(quorum.name), quorum.why);
  }
  config = std::move(changed);
  return "";
}

std::vector<std::pair<std::string, std::string>> matching_directives(
    const Config& config, const std::vector<std::string>& globs) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const Directive& directive : directives()) {
    if (directive.print != nullptr && matches(directive.name, globs)) {
      found.emplace_back(directive.name, directive.print(config));
    }
  }
  for (const auto& [name, value] : kRedisAnswers) {
    if (matches(name, globs)) {
      found.emplace_back(name, value);
    }
  }
  return found;
}

std::string directives_help() {
  std::string out;
  for (const Directive& directive : directives()) {
    std::string left = "  --" + std::string(directive.name) + " " + std::string(directive.argument);
    left.resize(std::max<size_t>(left.size() + 2, 46), ' ');
    out += left + std::string(directive.summary);
    if (!directive.default_text.empty()) {
      out += " [" + std::string(directive.default_text) + "]";
    }
    out += '\n';
  }
  return out;
}

std::string directives_page() {
  std::string out =
      "# Configuration\n\n"
      "`kindred-server [FILE.conf] [--directive value ...]`: a file in the manner of redis.conf, "
      "one directive a line, `#` begins a comment, values may be quoted. Each directive may also "
      "be given as a flag; flags win over the file. What is unknown or malformed ends the server "
      "with exit code 1 and one line that names file, line and directive.\n\n"
      "This page is made from the server's own table (`kindred-server --directives-page`).\n\n"
      "| directive | value | default | CONFIG SET | what it does |\n|---|---|---|---|---|\n";
  const auto escaped = [](std::string_view text) {
    std::string safe;
    for (const char c : text) {
      safe += c == '|' ? std::string("\\|") : std::string(1, c);
    }
    return safe;
  };
  const auto code = [](std::string_view text) {
    return text.empty() ? std::string() : "`" + std::string(text) + "`";
  };
  for (const Directive& directive : directives()) {
    out +=
        "| `" + std::string(directive.name) + "`" + (directive.repeatable ? " (repeatable)" : "") +
        " | " + escaped(directive.argument) + " | " + code(directive.default_text) + " | " +
        (directive.settable_at_runtime ? "yes" : "") + " | " + escaped(directive.summary) + " |\n";
  }
  return out;
}

}  // namespace kindred
