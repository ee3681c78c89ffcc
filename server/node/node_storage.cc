// What the node as a whole makes of an engine in trouble.
#include <algorithm>

#include "server/node/boot.h"
#include "server/node/node.h"

namespace kindred {

namespace {

constexpr uint64_t kReopenCheckMs = 500;
constexpr char kProbeFile[] = "probe";

}  // namespace

void Node::storage_changed(uint8_t worker, StorageTrouble trouble, const std::string& text) {
  const bool was_sound = takes_writes();
  troubles_[worker] = trouble;
  if (trouble != StorageTrouble::kNone) {
    if (was_sound || trouble_text_ != text) {
      log_.warning("The storage engine takes no writes: " + text);
    }
    trouble_text_ = text;
    reopen_where_it_may_forget();
    return;
  }
  if (takes_writes()) {
    log_.notice("The storage engine takes writes again");
    trouble_text_.clear();
  }
}

bool Node::takes_writes() const {
  return std::all_of(troubles_.begin(), troubles_.end(),
                     [](StorageTrouble each) { return each == StorageTrouble::kNone; });
}

void Node::reopen_where_it_may_forget() {
  if (least_durability_ != DurabilityDirective::kGroup && !takes_writes()) {
    reopen_check_->start(kReopenCheckMs, kReopenCheckMs);
  }
}

// What was acknowledged without a sync may be gone when the engine is opened anew: so the node
// itself starts anew, and its copies are filled.
void Node::reopen_when_writable() {
  if (stopping_ || !directory_->write(kProbeFile, std::string(1 << 16, '\0')).empty()) {
    return;
  }
  reopen_check_->stop();
  static_cast<void>(directory_->remove(kProbeFile));
  NextRun next;
  next.copies_filling = true;
  run_again(next, "The device takes writes again, and what was not synced may be lost");
}

void Node::engine_damaged(const std::string& text) {
  NextRun next;
  next.copies_filling = true;
  next.salvages = true;
  run_again(next, "The storage engine's files are damaged: " + text);
}

void Node::run_again(const NextRun& next, const std::string& why) {
  if (next_run_ || stopping_ || exit_code_ != 0) {
    return;
  }
  log_.warning(why + "; starting again");
  next_run_ = next;
  stop();
}

}  // namespace kindred
