#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/command/errors.h"
#include "protocol/resp/number.h"
#include "server/session/handlers.h"
#include "server/session/options.h"

// CLIENT PAUSE and UNPAUSE, for the clients of all workers.

namespace kindred {

namespace {

class AtAllHubs final : public Task {
 public:
  explicit AtAllHubs(NodeService::HubVisit visit) : visit_(std::move(visit)) {}

  void start(Call& call) override {
    call.ask_service([&](NodeService& service, ClientToken token) {
      service.visit_hubs(token, std::move(visit_));
    });
  }
  void keys_done(Call& call, std::vector<std::string>&) override { call.reply().ok(); }

 private:
  NodeService::HubVisit visit_;
};

}  // namespace

void run_client_pause(Call& call) {
  if (call.arg_count() > 4) {
    call.error("ERR unknown subcommand or wrong number of arguments for '" +
               std::string(call.arg(1)) + "'. Try CLIENT HELP.");
    return;
  }
  const bool only_writes = call.arg_count() == 4 && is_word(call.arg(3), "write");
  if (call.arg_count() == 4 && !only_writes && !is_word(call.arg(3), "all")) {
    call.error("ERR CLIENT PAUSE mode must be WRITE or ALL");
    return;
  }
  const auto timeout_ms = parse_int64(call.arg(2));
  const auto now_ms = static_cast<int64_t>(call.service().mono_us() / 1000);
  if (!timeout_ms) {
    call.error(error_text::kTimeoutNotAnInteger);
    return;
  }
  if (*timeout_ms < 0) {
    call.error(error_text::kTimeoutNegative);
    return;
  }
  if (*timeout_ms > INT64_MAX - now_ms) {
    call.error("ERR timeout is out of range");
    return;
  }
  const auto for_ms = static_cast<uint64_t>(*timeout_ms);
  call.start(std::make_unique<AtAllHubs>([for_ms, only_writes](SessionHub& hub) {
    hub.pause(for_ms, only_writes);
    return std::string();
  }));
}

void run_client_unpause(Call& call) {
  call.start(std::make_unique<AtAllHubs>([](SessionHub& hub) {
    hub.end_pause();
    return std::string();
  }));
}

}  // namespace kindred
