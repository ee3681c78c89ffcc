// RING BACKUP.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "server/session/handlers.h"
#include "server/session/ring_view.h"
#include "server/session/task.h"

namespace kindred {

namespace {

constexpr size_t kNameBytesMax = 64;

/// It becomes a directory's name.
bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

/// One entry a member.
class Backup final : public Task {
 public:
  explicit Backup(std::string name) : name_(std::move(name)) {}

  void start(Call& call) override {
    call.ask_service([this](NodeService& service, ClientToken token) {
      service.backup(token, {name_, /*everywhere=*/true});
    });
  }

  void ring_figures_done(Call& call, RingFigures& figures) override {
    ReplyWriter& reply = call.reply();
    reply.array(figures.backups.size());
    for (const BackupFigure& figure : figures.backups) {
      reply.map(3);
      write_text_field(reply, "node", figure.node);
      write_text_field(reply, "result", figure.error.empty() ? "complete" : figure.error);
      write_text_field(reply, "directory", figure.directory);
    }
  }

 private:
  std::string name_;
};

}  // namespace

void run_ring_backup(Call& call) {
  const std::string_view name = call.arg(2);
  if (!is_name(name)) {
    return call.error(
        "ERR a backup's name is of letters, digits, '-', '_' and '.', does not begin with '.', and "
        "has at most 64 characters");
  }
  call.start(std::make_unique<Backup>(std::string(name)));
}

}  // namespace kindred
