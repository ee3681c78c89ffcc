// SAVE, BGSAVE, BGREWRITEAOF and LASTSAVE.
#include <memory>
#include <string>

#include "protocol/command/errors.h"
#include "server/session/handlers.h"
#include "server/session/options.h"
#include "server/session/task.h"

namespace kindred {

namespace {

class Save final : public Task {
 public:
  explicit Save(bool in_background) : in_background_(in_background) {}

  void start(Call& call) override {
    call.ask_service(
        [this](NodeService& service, ClientToken token) { service.save(token, in_background_); });
  }
  void status_done(Call& call, std::string& error) override {
    if (!error.empty()) {
      call.error(error);
    } else if (in_background_) {
      call.reply().simple_string("Background saving started");
    } else {
      call.reply().ok();
    }
  }

 private:
  bool in_background_;
};

}  // namespace

void run_save(Call& call) {
  call.start(std::make_unique<Save>(false));
}

/// SCHEDULE puts a checkpoint off in Redis while it rewrites its log, which is never the case here.
void run_bgsave(Call& call) {
  const bool valid =
      call.arg_count() == 1 || (call.arg_count() == 2 && is_word(call.arg(1), "schedule"));
  if (!valid) {
    call.error(error_text::kSyntax);
    return;
  }
  call.start(std::make_unique<Save>(true));
}

/// There is no such file: engines keep their logs in order by themselves.
void run_bgrewriteaof(Call& call) {
  call.reply().simple_string("Background append only file rewriting started");
}

void run_lastsave(Call& call) {
  call.reply().integer(static_cast<int64_t>(call.service().last_save_s()));
}

}  // namespace kindred
