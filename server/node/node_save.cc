// SAVE and BGSAVE: one checkpoint of this node's data is kept, the last.
#include <cstdio>
#include <ctime>
#include <filesystem>

#include "server/node/backup_files.h"
#include "server/node/node.h"

namespace kindred {

namespace {

/// "2026-11-23T03-10-22.042Z": names sort by age.
std::string name_of_moment(uint64_t now_ms) {
  const auto seconds = static_cast<std::time_t>(now_ms / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char day[32];
  std::strftime(day, sizeof day, "%Y-%m-%dT%H-%M-%S", &utc);
  char rest[8];
  std::snprintf(rest, sizeof rest, ".%03uZ", static_cast<unsigned>(now_ms % 1000));
  return std::string(day) + rest;
}

}  // namespace

void Node::save(Asker asker, bool in_background) {
  std::string error = why_no_checkpoint();
  if (saves_.begun_us != 0) {
    error = "Background save already in progress";
  }
  if (!error.empty()) {
    return answer_status(asker, "ERR " + error);
  }
  saves_.begun_us = Loop::mono_us();
  if (in_background) {
    answer_status(asker, "");
  }
  const std::string target =
      std::filesystem::absolute(directory_->path_of(kSavesDirectory)).string() + "/" +
      name_of_moment(Loop::unix_ms());
  make_checkpoint(target, [this, asker, in_background, target](const std::string& failure) {
    save_done(target, failure);
    if (!in_background) {
      answer_status(asker, failure.empty() ? "" : "ERR " + failure);
    }
  });
}

void Node::note_saved() {
  saves_.last_save_s = Loop::unix_ms() / 1000;
  shared_.last_save_s.store(saves_.last_save_s, std::memory_order_relaxed);
}

void Node::save_done(const std::string& target, const std::string& error) {
  saves_.last_took_s = (Loop::mono_us() - saves_.begun_us) / 1'000'000;
  saves_.begun_us = 0;
  saves_.last_failed = !error.empty();
  if (saves_.last_failed) {
    return;
  }
  ++saves_.count;
  note_saved();
  // On the thread that makes the next one: they don't meet.
  backup_thread_->post([this, target] {
    const std::string wrong = remove_other_backups(target);
    if (!wrong.empty()) {
      workers_.front()->post_errand([this, wrong] { log_.warning("Saves: " + wrong); });
    }
  });
}

void Node::answer_status(Asker asker, const std::string& error) {
  Worker& worker = *workers_[asker.worker];
  worker.post_errand([&worker, token = asker.token, error] {
    worker.hub().status_done(token, std::string(error));
  });
}

}  // namespace kindred
