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

// The mark goes in any case: what is written from here on is not in what was saved.
std::string Node::take_saved_copies(const BootSituation& situation) {
  if (!can_save_copies(engine_capabilities_)) {
    return "";
  }
  const TakenSave taken = take_save(*engines_.front());
  if (!taken.status.ok()) {
    return "storage engine '" + config_->storage_engine + "': " + taken.status.text();
  }
  const bool is_believed = !inherited_.copies_filling && !inherited_.salvages &&
                           situation.before.clean_stop && !copies_need_filling(situation);
  save_ = is_believed ? taken.mark : std::nullopt;
  return "";
}

// Behind the last write of all workers, which have stopped.
void Node::save_copies() {
  const bool is_last_word = exit_code_ == 0 && !next_run_ && installs_missing_ == 0;
  if (document_ == nullptr || !is_last_word || !can_save_copies(engine_capabilities_)) {
    return;
  }
  const SaveMark mark{random(), document_->ring.partition_count(), document_->flush_stamp};
  const plugins::Status status = kindred::save_copies(
      *engines_.front(), mark,
      [this](uint16_t partition) { return workers_[worker_of(partition)]->saved_copy(partition); });
  if (!status.ok()) {
    log_.warning("Can't save trees, so the next start reads all records: " + status.text());
  }
}

void Node::drop_taken_copies() {
  if (!save_) {
    return;
  }
  save_.reset();
  log_.notice("Took over " + std::to_string(known_copies_) +
              " copies' trees and counts as they were saved; they are checked in the background");
  if (const plugins::Status status = drop_saved_copies(*engines_.front()); !status.ok()) {
    log_.warning("Can't free the space of saved trees: " + status.text());
  }
}

void Node::copies_mended(uint64_t copies) {
  log_.warning("The saved trees of " + std::to_string(copies) +
               " copies did not tell what is stored; both trees and counts are right again");
}

}  // namespace kindred
