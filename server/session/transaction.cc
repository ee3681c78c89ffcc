#include "server/session/transaction.h"

namespace kindred {

void Transaction::queue(const CommandSpec& spec, std::span<const std::string_view> args) {
  Queued queued;
  queued.spec = &spec;
  queued.args.reserve(args.size());
  for (std::string_view arg : args) {
    queued.args.emplace_back(arg);
    queued_bytes_ += arg.size() + sizeof(std::string);
  }
  commands_.push_back(std::move(queued));
}

void Transaction::clear() {
  *this = Transaction();
}

std::span<const std::string_view> Transaction::next_args() {
  const Queued& queued = commands_[next_];
  views_.assign(queued.args.begin(), queued.args.end());
  return views_;
}

}  // namespace kindred
