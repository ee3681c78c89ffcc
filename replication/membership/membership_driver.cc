#include <algorithm>
#include <utility>

#include "replication/membership/membership.h"

// What members do for the cluster unasked: take waiting nodes in, readmit wiped ones, and, as the
// driver, take moving partitions to their next step.

namespace kindred {
namespace {

constexpr uint64_t kGatherUs = 1'000'000;  // waiting nodes go in together
constexpr uint64_t kSpreadUs = 200'000;    // so that not all members propose the same at once
constexpr uint64_t kAdmitAgainUs = 1'000'000;
constexpr uint64_t kProgressGatherUs = 100'000;
constexpr uint64_t kNewcomerKeptUs = 5'000'000;

}  // namespace

bool Membership::needs_steps() const {
  return !document_->moves.empty() || std::ranges::any_of(document_->members, &Member::is_leaving);
}

NodeId Membership::driver() const {
  NodeId lowest = record_.node_id;
  for (const MemberView& member : liveness_.views()) {
    if (member.is_up) {
      lowest = std::min(lowest, member.id);
    }
  }
  return lowest;
}

// Copies get whole one after the other, thousands of them where there are that many partitions:
// those of a while are told together, each report says all.
void Membership::set_progress(MemberProgress progress, LocalTime now) {
  is_progress_told_ = true;
  progress.read_quorum = own_progress_.read_quorum;
  if (progress == own_progress_) {
    return;
  }
  const bool is_step = progress.epoch != own_progress_.epoch ||
                       progress.is_departing != own_progress_.is_departing ||
                       progress.not_whole.empty() != own_progress_.not_whole.empty();
  own_progress_ = std::move(progress);
  if (!is_running() || !is_member()) {
    return;
  }
  if (is_step || progress_told_us_ + kProgressGatherUs <= now.mono_us) {
    report_progress(now);
  } else {
    progress_due_us_ = progress_told_us_ + kProgressGatherUs;
  }
}

void Membership::report_progress(LocalTime now) {
  progress_told_us_ = now.mono_us;
  progress_due_us_ = Liveness::kNever;
  own_progress_.read_quorum = least_read_quorum();
  progress_[record_.node_id] = own_progress_;
  if (!needs_steps()) {
    return;
  }
  const NodeId to = driver();
  if (to == record_.node_id) {
    propose(now);
  } else {
    ports_.send(liveness_.find(to)->peer_address, ProgressReport{sender(), own_progress_});
  }
}

uint8_t Membership::least_read_quorum() const {
  const auto configured = static_cast<uint8_t>(std::min<uint32_t>(config_.read_quorum, UINT8_MAX));
  return read_range(document_->keyspaces, configured).least;
}

void Membership::set_read_quorum(uint32_t read_quorum, LocalTime now) {
  const bool is_other = std::exchange(config_.read_quorum, read_quorum) != read_quorum;
  if (is_other && is_running() && is_member()) {
    report_progress(now);
  }
}

void Membership::on(const Address& /*from*/, const ProgressReport& report, LocalTime now) {
  if (is_from_member(report.sender)) {
    MemberProgress& known = progress_[report.sender.node];
    if (known != report.progress) {
      known = report.progress;
      propose(now);
    }
  }
}

// Not at once: partitions that get ready one after the other share epochs.
void Membership::apply_steps(LocalTime now, ClusterDocument* next) const {
  if (!needs_steps() || driver() != record_.node_id) {
    return;
  }
  ClusterDocument stepped = *next;
  if (!take_steps(progress_, least_read_quorum(), &stepped)) {
    return;
  }
  const bool is_due = steps_due_us_ == Liveness::kNever || steps_due_us_ <= now.mono_us;
  const bool have_all = std::ranges::all_of(
      next->moves, [&](const Move& move) { return stepped.step(move.partition) == stepped.epoch; });
  if (is_due || have_all) {
    *next = std::move(stepped);
  }
}

// What this node was started with is what its members entry says.
void Membership::refresh_self(ClusterDocument* next) const {
  const auto self = std::ranges::find(next->members, record_.node_id, &Member::id);
  if (self != next->members.end()) {
    self->name = record_.name;
    self->client_address = config_.client_address;
    self->zone = config_.zone;
    self->weight = config_.weight;
  }
}

void Membership::greet_newcomer(const Address& from, const Hello& hello, LocalTime now) {
  if (const Member* listed = document_->find_peer_address(hello.member.peer_address)) {
    offer_document(from, true);
    note_directory(listed->id, hello.sender.directory, now);
    return;
  }
  offer_document(from, false);
  std::erase_if(newcomers_, [&](const auto& entry) {
    return entry.second.member.peer_address == hello.member.peer_address &&
           entry.second.member.directory != hello.member.directory;
  });
  if (newcomers_.size() >= kNewcomersMax && !newcomers_.contains(hello.member.id)) {
    return;
  }
  Newcomer& newcomer = newcomers_[hello.member.id];
  const Joining joining =
      hello.joining_cluster == document_->cluster_id ? hello.joining : Joining::kBound;
  if (newcomer.joining != Joining::kAtOnce) {
    newcomer.due_us = now.mono_us + kGatherUs + ports_.random() % kSpreadUs;
  }
  newcomer.member = hello.member;
  newcomer.joining = joining;
  newcomer.heard_us = now.mono_us;
  retry_lookups(now);
}

const Membership::Newcomer* Membership::find_newcomer(std::string_view text) const {
  const auto found = std::ranges::find_if(newcomers_, [&](const auto& entry) {
    const Member& member = entry.second.member;
    return address_text(member.peer_address) == text || member.name == text;
  });
  return found == newcomers_.end() ? nullptr : &found->second;
}

std::vector<Member> Membership::waiting_nodes() const {
  std::vector<Member> members;
  for (const auto& [id, newcomer] : newcomers_) {
    members.push_back(newcomer.member);
  }
  return members;
}

// The member speaks from another directory than the listed one: that one is lost, or an older one
// came back. It votes again once a document lists it.
void Membership::note_directory(NodeId member, DirectoryId directory, LocalTime now) {
  const Member* listed = document_->find_member(member);
  if (listed == nullptr || listed->directory == directory) {
    readmissions_.erase(member);
    return;
  }
  Readmission& readmission = readmissions_[member];
  if (readmission.directory != directory) {
    readmission = {directory, now.mono_us + ports_.random() % kSpreadUs};
  }
}

void Membership::admit(LocalTime now, ClusterDocument* next) const {
  const bool is_due = std::ranges::any_of(newcomers_, [&](const auto& entry) {
    return entry.second.joining == Joining::kAtOnce && entry.second.due_us <= now.mono_us;
  });
  for (const auto& [id, newcomer] : newcomers_) {
    if (is_due && newcomer.joining == Joining::kAtOnce) {
      const std::string error = apply_change({ChangeKind::kJoin, 0, newcomer.member}, false, next);
      if (!error.empty()) {
        ports_.log(LogLevel::kWarning, "Can't take in the node at " +
                                           address_text(newcomer.member.peer_address) + ": " +
                                           error);
      }
    }
  }
  for (const auto& [id, readmission] : readmissions_) {
    const auto member = std::ranges::find(next->members, id, &Member::id);
    if (readmission.due_us <= now.mono_us && member != next->members.end()) {
      member->directory = readmission.directory;
    }
  }
}

void Membership::tick_admissions(LocalTime now) {
  std::erase_if(newcomers_, [&](const auto& entry) {
    return entry.second.heard_us + kNewcomerKeptUs <= now.mono_us;
  });
  if (next_admission_us() <= now.mono_us) {
    admit_again_us_ = now.mono_us + kAdmitAgainUs;
    propose(now);
  }
}

uint64_t Membership::next_admission_us() const {
  uint64_t next = Liveness::kNever;
  for (const auto& [id, newcomer] : newcomers_) {
    if (newcomer.joining == Joining::kAtOnce) {
      next = std::min(next, newcomer.due_us);
    }
  }
  for (const auto& [id, readmission] : readmissions_) {
    next = std::min(next, readmission.due_us);
  }
  return std::max(next, admit_again_us_);
}

}  // namespace kindred
