#include "server/session/transaction.h"

namespace kindred {

size_t Transaction::bytes_of(std::span<const std::string_view> args) {
  size_t bytes = sizeof(Queued);
  for (const std::string_view arg : args) {
    bytes += arg.size() + sizeof(std::string);
  }
  return bytes;
}

void Transaction::give_up() {
  clear();
  begin();
  set_broken();
}

void Transaction::queue(const CommandSpec& spec, std::span<const std::string_view> args) {
  if (broken_) {
    return;
  }
  Queued queued;
  queued.spec = &spec;
  queued.args.reserve(args.size());
  for (std::string_view arg : args) {
    queued.args.emplace_back(arg);
  }
  queued_bytes_ += bytes_of(args);
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
