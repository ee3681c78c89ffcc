// Backups: a copy of what every member holds.
#include <algorithm>
#include <filesystem>

#include "protocol/membership/node_record_codec.h"
#include "protocol/peer/frame.h"
#include "server/node/backup_files.h"
#include "server/node/node.h"

namespace kindred {

namespace {

constexpr uint64_t kBackupUsMax = 600'000'000;
constexpr uint64_t kBackupCheckMs = 100;

std::string place_of(const NodeDirectory& directory, const std::string& name) {
  return std::filesystem::absolute(directory.path_of(kBackupsDirectory)).string() + "/" + name;
}

}  // namespace

void Node::backup(Asker asker, const BackupRequest& request) {
  const uint64_t id = ++last_question_;
  BackupQuestion& question = backup_questions_[id];
  question.asker = asker;
  question.name = request.name;
  question.deadline_us = Loop::mono_us() + kBackupUsMax;
  question_timer_->start(kBackupCheckMs, kBackupCheckMs);
  std::string frame;
  encode_frame(FrameKind::kControl, origin(), encode_control(MakeBackup{id, request.name}), &frame);
  question.missing.push_back(self_);
  std::vector<NodeId> unable;
  for (const Member& member : document_->members) {
    if (member.id == self_ || !request.everywhere) {
      continue;
    }
    question.missing.push_back(member.id);
    const auto known = capabilities_.find(member.id);
    const bool takes = known != capabilities_.end() && (known->second & capability::kBackups) != 0;
    if (takes && is_in_reach(member.id)) {
      send_frame(member.id, frame);
    } else {
      unable.push_back(member.id);
    }
  }
  make_backup(request.name, [this, id, name = request.name](const std::string& error) {
    add_backup(id, self_, error, place_of(*directory_, name));
  });
  for (const NodeId member : unable) {
    add_backup(id, member, is_in_reach(member) ? "its version knows no backups" : "it is down", "");
  }
}

void Node::add_backup(uint64_t id, NodeId member, const std::string& error,
                      const std::string& directory) {
  const auto found = backup_questions_.find(id);
  if (found == backup_questions_.end()) {
    return;
  }
  BackupQuestion& question = found->second;
  const auto place = std::find(question.missing.begin(), question.missing.end(), member);
  if (place == question.missing.end()) {
    return;
  }
  question.missing.erase(place);
  const Member* known = document_->find_member(member);
  question.figures.backups.push_back(
      {known != nullptr ? known->name : "?", error, error.empty() ? directory : ""});
  if (!question.missing.empty()) {
    return;
  }
  const auto figures = std::make_shared<RingFigures>(std::move(question.figures));
  Worker& worker = *workers_[question.asker.worker];
  worker.post_errand([&worker, token = question.asker.token, figures] {
    worker.hub().ring_figures_done(token, std::move(*figures));
  });
  backup_questions_.erase(found);
}

void Node::end_late_backups(uint64_t now_us) {
  std::vector<std::pair<uint64_t, NodeId>> late;
  for (const auto& [id, question] : backup_questions_) {
    for (const NodeId member : question.missing) {
      if (member != self_ && (question.deadline_us <= now_us || !is_in_reach(member))) {
        late.emplace_back(id, member);
      }
    }
  }
  for (const auto& [id, member] : late) {
    add_backup(id, member, "it did not answer", "");
  }
}

void Node::answer_backup(const LinkHello& from, const MakeBackup& asked) {
  make_backup(asked.name, [this, asked, address = from.peer_address](const std::string& error) {
    BackupReply reply{asked.id, error, place_of(*directory_, asked.name)};
    std::string frame;
    encode_frame(FrameKind::kControl, origin(), encode_control(reply), &frame);
    links_->send(address, frame);
  });
}

/// Empty: the engine can make them.
std::string Node::why_no_checkpoint() const {
  const bool can = engine_capabilities_.checkpoint && !engine_capabilities_.thread_bound;
  return can ? "" : "the storage engine '" + config_->storage_engine + "' has no checkpoints";
}

void Node::make_backup(const std::string& name, const BackupDone& done) {
  // A name that is told by a peer becomes a path here.
  const bool is_name = !name.empty() && name.front() != '.' && name.find('/') == std::string::npos;
  const std::string error = is_name ? why_no_checkpoint() : "no name for a backup";
  return error.empty() ? make_checkpoint(place_of(*directory_, name), done) : done(error);
}

// What was acknowledged before is with the engines once every worker's writes are.
void Node::make_checkpoint(const std::string& target, const BackupDone& done) {
  const auto missing = std::make_shared<size_t>(workers_.size());
  post_to_all([this, missing, target, done](Worker& worker) {
    const auto written = [this, missing, target, done] {
      workers_.front()->post_errand([this, missing, target, done] {
        if (--*missing == 0) {
          write_checkpoint(target, done);
        }
      });
    };
    if (worker.driver() != nullptr) {
      worker.driver()->after_writes(written);
    } else {
      written();
    }
  });
}

void Node::write_checkpoint(const std::string& target, const BackupDone& done) {
  std::string record;
  encode_node_record(membership_->record(), &record);
  log_.notice("Backup '" + target + "' begins");
  backup_thread_->post([this, target, record, engine = config_->storage_engine, done] {
    const std::string error = write_backup(target, engine, engines_, record);
    workers_.front()->post_errand([this, target, error, done] {
      if (error.empty()) {
        log_.notice("Backup '" + target + "' is complete");
      } else {
        log_.warning("Backup '" + target + "': " + error);
      }
      done(error);
    });
  });
}

}  // namespace kindred
