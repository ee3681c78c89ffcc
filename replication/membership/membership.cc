#include "replication/membership/membership.h"

#include <algorithm>
#include <utility>

#include "replication/ring/claim.h"

namespace kindred {

Membership::Membership(MembershipConfig config, MembershipPorts& ports)
    : config_(std::move(config)), ports_(ports) {}

void Membership::start(NodeRecord record, LocalTime now) {
  record_ = std::move(record);
  synced_promise_ = record_.promised_to;
  clock_.restore(record_.clock_offset_ms);
  stored_offset_ms_ = record_.clock_offset_ms;
  if (config_.seeds.size() > kSeedsMax) {
    fail("more than " + std::to_string(kSeedsMax) + " seeds");
    return;
  }
  if (config_.name.size() > kNameBytesMax || config_.zone.size() > kNameBytesMax ||
      config_.weight > kWeightMax || config_.replicas == 0 || config_.replicas > kReplicasMax ||
      config_.peer_address.port == 0 || config_.client_address.port == 0) {
    fail("this node's name, zone, weight, replicas or addresses are out of range");
    return;
  }
  if (record_.node_id == 0) {
    begin_identity();
    return;
  }
  if (!config_.name.empty()) {
    record_.name = config_.name;  // synced with the next record, the config has it until then
  }
  if (record_.document != nullptr) {
    resume_member(now);
  } else {
    begin_founding(now);
  }
}

void Membership::receive(const Address& from, const MembershipMessage& message, LocalTime now) {
  if (!is_running() || phase_ == Phase::kStoringIdentity) {
    return;
  }
  std::visit([&](const auto& each) { on(from, each, now); }, message);
}

void Membership::link_up(const Address& address, LocalTime now) {
  if (is_founding()) {
    if (founding_->is_to_be_asked(address, now.mono_us)) {
      say_hello(address, address, false);
    }
    return;
  }
  if (is_member() && is_running()) {
    if (const Member* member = document_->find_peer_address(address)) {
      SwimEffects effects;
      liveness_.look_at(member->id, now, &effects);
      follow(effects, now);
    }
  }
}

void Membership::link_down(const Address& address, LocalTime now) {
  if (is_founding()) {
    founding_->lost(address);
    return;
  }
  if (is_member() && is_running()) {
    if (const Member* member = document_->find_peer_address(address)) {
      SwimEffects effects;
      liveness_.link_lost(member->id, now, &effects);
      follow(effects, now, "its link broke");
    }
  }
}

void Membership::persisted(PersistToken token, LocalTime now) {
  const auto at = pending_records_.find(token);
  if (at == pending_records_.end() || phase_ == Phase::kFailed) {
    return;
  }
  if (!is_running() && at->second.what != Storing::kGone) {
    pending_records_.erase(at);
    return;
  }
  const PendingRecord pending = std::move(at->second);
  pending_records_.erase(at);
  switch (pending.what) {
    case Storing::kDetails:
      return;
    case Storing::kIdentity:
      synced_promise_ = {};
      begin_founding(now);
      return;
    case Storing::kPromise:
      if (phase_ == Phase::kStoringPromise) {
        phase_ = Phase::kFounding;
        synced_promise_ = record_.promised_to;
        founding_round(now);
      }
      return;
    case Storing::kFirstDocument:
      document_ = pending.document;
      become_member(now);
      return;
    case Storing::kDocument:
      install(pending.document, now);
      if (pending.is_to_spread) {
        spread(pending.document);
      }
      return;
    case Storing::kVote:
      if (pending.vote_to.host.empty()) {
        std::visit([&](const auto& vote) { on({}, vote, now); }, *pending.vote);
      } else {
        ports_.send(pending.vote_to, *pending.vote);
      }
      return;
    case Storing::kGone:
      phase_ = Phase::kFailed;
      ports_.left(pending.why, pending.starts_anew);
      return;
  }
}

void Membership::set_whole(bool is_whole, LocalTime /*now*/) {
  liveness_.set_whole(is_whole);
  if (is_running() && is_member() && is_whole == record_.copies_filling) {
    record_.copies_filling = !is_whole;
    persist({});
  }
}

void Membership::tick(LocalTime now) {
  if (!is_running()) {
    return;
  }
  expire_sent_joins(now);  // a node may have become a member without the answer
  if (is_founding()) {
    if (next_round_us_ <= now.mono_us) {
      founding_round(now);
      take_founding_step(now);
    }
    return;
  }
  if (is_member()) {
    SwimEffects effects;
    liveness_.tick(now, &effects);
    follow(effects, now);
    std::vector<Flushes::Finished> finished;
    flushes_.expire(now.mono_us, &finished);
    report(finished);
    if (next_round_us_ <= now.mono_us + kRoundEarlyUsMax) {
      member_round(now);
    }
    if (progress_due_us_ <= now.mono_us) {
      report_progress(now);
    }
    expire_changes(now);
    tick_proposal(now);
    tick_admissions(now);
  }
}

uint64_t Membership::next_deadline_us() const {
  if (is_founding()) {
    return std::min(next_round_us_, next_sent_join_us());
  }
  if (!is_running() || !is_member()) {
    return Liveness::kNever;
  }
  const bool has_rounds = !liveness_.views().empty() || !unchecked_seeds_.empty();
  return std::min({has_rounds ? next_round_us_ : Liveness::kNever, liveness_.next_deadline_us(),
                   flushes_.next_deadline_us(), next_change_us(), next_proposal_us(),
                   next_admission_us(), next_sent_join_us(), progress_due_us_});
}

void Membership::clear_gossip() {
  liveness_.clear_gossip();
}

Sender Membership::sender() const {
  return {record_.node_id, record_.directory_id, document_ ? document_->cluster_id : 0};
}

Member Membership::self_as_member() const {
  Member self;
  self.id = record_.node_id;
  self.directory = record_.directory_id;
  self.name = record_.name;
  self.client_address = config_.client_address;
  self.peer_address = config_.peer_address;
  self.zone = config_.zone;
  self.weight = config_.weight;
  return self;
}

void Membership::persist(PendingRecord pending) {
  record_.clock_offset_ms = clock_.offset_ms();
  const PersistToken token = ++last_persist_token_;
  pending_records_.emplace(token, std::move(pending));
  ports_.persist(record_, token);
}

void Membership::fail(std::string_view text) {
  phase_ = Phase::kFailed;
  ports_.fatal(text);
}

}  // namespace kindred
