#include "server/log/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace kindred {

namespace {

struct LevelStyle {
  spdlog::level::level_enum level;
  char mark;  // as in Redis's log
};

LevelStyle style_of(LogVerbosity level) {
  switch (level) {
    case LogVerbosity::kDebug:
      return {spdlog::level::debug, '.'};
    case LogVerbosity::kVerbose:
      return {spdlog::level::info, '-'};
    case LogVerbosity::kNotice:
      return {spdlog::level::warn, '*'};
    case LogVerbosity::kWarning:
      break;
  }
  return {spdlog::level::err, '#'};
}

}  // namespace

struct Log::Sink {
  spdlog::logger logger;
};

Log::Log(std::unique_ptr<Sink> sink) : sink_(std::move(sink)) {}
Log::~Log() = default;

std::unique_ptr<Log> Log::open(LogVerbosity level, const std::string& file, std::string* error) {
  spdlog::sink_ptr target;
  try {
    if (file.empty()) {
      target = std::make_shared<spdlog::sinks::stdout_sink_mt>();
    } else {
      target = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
    }
  } catch (const spdlog::spdlog_ex& failed) {
    *error = failed.what();
    return nullptr;
  }
  auto sink = std::make_unique<Sink>(Sink{spdlog::logger("kindred", target)});
  sink->logger.set_pattern("%P:M %d %b %Y %H:%M:%S.%e %v");
  sink->logger.flush_on(spdlog::level::trace);
  std::unique_ptr<Log> log(new Log(std::move(sink)));
  log->set_level(level);
  return log;
}

void Log::set_level(LogVerbosity level) {
  sink_->logger.set_level(style_of(level).level);
}

void Log::write(LogVerbosity level, std::string_view text) {
  const LevelStyle style = style_of(level);
  sink_->logger.log(style.level, "{} {}", style.mark, text);
}

}  // namespace kindred
