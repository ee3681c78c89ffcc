#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "protocol/resp/number.h"
#include "server/session/handlers.h"
#include "server/session/options.h"

// SLOWLOG: the slow commands of all workers as one log.

namespace kindred {

namespace {

/// Gathers what the workers hold; each adds on its own thread.
struct Gathered {
  std::mutex mutex;
  std::vector<SlowCommand> commands;
};

class GetSlow final : public Task {
 public:
  explicit GetSlow(size_t count) : count_(count) {}

  void start(Call& call) override {
    call.ask_service([&](NodeService& service, ClientToken token) {
      service.visit_hubs(token, [gathered = gathered_](SessionHub& hub) {
        const auto& commands = hub.slow_log().commands();
        const std::lock_guard lock(gathered->mutex);
        gathered->commands.insert(gathered->commands.end(), commands.begin(), commands.end());
        return std::string();
      });
    });
  }

  void keys_done(Call& call, std::vector<std::string>&) override {
    std::vector<SlowCommand>& commands = gathered_->commands;
    std::sort(commands.begin(), commands.end(),
              [](const SlowCommand& a, const SlowCommand& b) { return a.id > b.id; });
    // The workers' logs are as long as the whole may be, each.
    commands.resize(std::min({commands.size(), count_, call.hub().settings().slow_log_length_max}));
    ReplyWriter& reply = call.reply();
    reply.array(commands.size());
    for (const SlowCommand& command : commands) {
      reply.array(6);
      reply.integer(static_cast<int64_t>(command.id));
      reply.integer(static_cast<int64_t>(command.at_ms / 1000));
      reply.integer(static_cast<int64_t>(command.took_us));
      reply.array(command.args.size());
      for (const std::string& arg : command.args) {
        reply.bulk(arg);
      }
      reply.bulk(command.client_address);
      reply.bulk(command.client_name);
    }
  }

 private:
  size_t count_;
  std::shared_ptr<Gathered> gathered_ = std::make_shared<Gathered>();
};

class CountSlow final : public Task {
 public:
  void start(Call& call) override {
    call.ask_service([](NodeService& service, ClientToken token) {
      service.visit_hubs(
          token, [](SessionHub& hub) { return std::to_string(hub.slow_log().commands().size()); });
    });
  }
  void keys_done(Call& call, std::vector<std::string>& workers) override {
    int64_t length = 0;
    for (const std::string& count : workers) {
      length += parse_int64(count).value_or(0);
    }
    const auto length_max = static_cast<int64_t>(call.hub().settings().slow_log_length_max);
    call.reply().integer(std::min(length, length_max));
  }
};

class ResetSlow final : public Task {
 public:
  void start(Call& call) override {
    call.ask_service([](NodeService& service, ClientToken token) {
      service.visit_hubs(token, [](SessionHub& hub) {
        hub.slow_log().clear();
        return std::string();
      });
    });
  }
  void keys_done(Call& call, std::vector<std::string>&) override { call.reply().ok(); }
};

}  // namespace

void run_slowlog_get(Call& call) {
  if (call.arg_count() > 3) {
    call.error("ERR unknown subcommand or wrong number of arguments for '" +
               std::string(call.arg(1)) + "'. Try SLOWLOG HELP.");
    return;
  }
  size_t count = 10;
  if (call.arg_count() == 3) {
    const auto given = parse_int64(call.arg(2));
    if (!given || *given < -1) {
      call.error("ERR count should be greater than or equal to -1");
      return;
    }
    count = static_cast<size_t>(*given);  // -1: all
  }
  call.start(std::make_unique<GetSlow>(count));
}

void run_slowlog_len(Call& call) {
  call.start(std::make_unique<CountSlow>());
}

void run_slowlog_reset(Call& call) {
  call.start(std::make_unique<ResetSlow>());
}

}  // namespace kindred
