#include <algorithm>
#include <utility>

#include "replication/causal/bug_bank.h"
#include "replication/membership/membership.h"

// Voting on the next document, and proposing one. docs/design/ring-changes.md says by what rules.

namespace kindred {
namespace {

constexpr uint64_t kResendUs = 100'000;
constexpr uint64_t kResendUsMax = 1'000'000;
constexpr uint64_t kPauseUs = 20'000;
constexpr uint64_t kPauseUsMax = 2'000'000;
/// A document that was accepted is proposed again by who accepted it, unless a later one is
/// installed by then; up to twice that late, so that they don't get into each other's way.
constexpr uint64_t kFinishUs = 2'000'000;

}  // namespace

bool Membership::is_voter() const {
  const Member* self = is_member() ? document_->find_member(record_.node_id) : nullptr;
  return self != nullptr && self->directory == record_.directory_id;
}

bool Membership::is_listed_directory(const Sender& sender) const {
  const Member* member = document_->find_member(sender.node);
  return member != nullptr && member->directory == sender.directory;
}

bool Membership::may_vote(const Address& from, const Sender& sender, DocumentNumber instance,
                          LocalTime now) {
  if (!is_member() || sender.cluster != document_->cluster_id) {
    ++metrics_.foreign_messages;
    return false;
  }
  if (instance <= number_of(*document_)) {
    offer_document(from, document_->find_peer_address(from) != nullptr);
    return false;
  }
  if (instance != number_after(*document_)) {
    ask_for_document(from, now);
    return false;
  }
  // While a later document is being stored, the instance is over.
  return is_voter() && is_listed_directory(sender) && record_.document == document_;
}

// The answer goes out once the record that holds the vote is synced.
void Membership::vote(const Address& to, MembershipMessage answer) {
  if (KINDRED_BUG(promise_not_synced) && !to.host.empty()) {
    ports_.send(to, answer);
  }
  PendingRecord pending;
  pending.what = Storing::kVote;
  pending.vote_to = to;
  pending.vote = std::move(answer);
  persist(std::move(pending));
}

void Membership::on(const Address& from, const Prepare& prepare, LocalTime now) {
  if (!may_vote(from, prepare.sender, prepare.instance, now)) {
    return;
  }
  Acceptor& acceptor = record_.acceptor;
  if (!acceptor.prepare(prepare.instance, prepare.ballot)) {
    ports_.send(from, Refused{sender(), prepare.instance, prepare.ballot, acceptor.promised});
    return;
  }
  vote(from,
       Prepared{sender(), prepare.instance, prepare.ballot, acceptor.accepted, acceptor.document});
}

void Membership::on(const Address& from, const Accept& accept, LocalTime now) {
  if (!may_vote(from, accept.sender, accept.instance, now)) {
    return;
  }
  const ClusterDocument& document = *accept.document;
  // Clocks were compared before a flush stamp is proposed, this node's included: one that is far
  // ahead was made up.
  const bool is_stamp_sound = document.flush_stamp == document_->flush_stamp ||
                              stamp_unix_ms(document.flush_stamp) <=
                                  cluster_ms(now.unix_ms) + 2 * Flushes::kClocksApartMsMax;
  if (!may_follow(*document_, document) || !is_stamp_sound) {
    ++metrics_.rejected_messages;
    return;
  }
  Acceptor& acceptor = record_.acceptor;
  if (!acceptor.accept(accept.instance, accept.ballot, accept.document)) {
    ports_.send(from, Refused{sender(), accept.instance, accept.ballot, acceptor.promised});
    return;
  }
  vote(from, Accepted{sender(), accept.instance, accept.ballot});
  finish_later(now);
}

// Its proposer may be gone, also where it was chosen: who leaves proposes its own end.
void Membership::finish_later(LocalTime now) {
  const Acceptor& acceptor = record_.acceptor;
  const bool is_open =
      acceptor.document != nullptr && acceptor.instance == number_after(*document_);
  finish_us_ = is_open && !KINDRED_BUG(accepted_left_open)
                   ? now.mono_us + kFinishUs + ports_.random() % kFinishUs
                   : Liveness::kNever;
}

void Membership::on(const Address& /*from*/, const Prepared& prepared, LocalTime /*now*/) {
  if (!proposer_ || prepared.instance != proposer_->instance() || record_.document != document_) {
    return;
  }
  const bool is_proposable =
      prepared.document == nullptr || may_follow(*document_, *prepared.document);
  if (!is_proposable) {
    ++metrics_.rejected_messages;
    return;
  }
  const Voter voter{prepared.sender.node, prepared.sender.directory};
  const bool has_majority =
      proposer_->prepared(voter, prepared.ballot, prepared.accepted, prepared.document);
  if (!has_majority) {
    if (voter.node == record_.node_id) {
      // Only now that its own promise is synced does anybody hear of the ballot: so a restart can't
      // use it for another document.
      send_proposal();
    }
    return;
  }
  is_own_sent_ = is_own_sent_ || proposer_->document() == own_proposal_;
  if (!record_.acceptor.accept(proposer_->instance(), proposer_->ballot(), proposer_->document())) {
    give_proposal_up();  // promised to somebody else meanwhile
    return;
  }
  send_proposal();
  vote({}, Accepted{sender(), proposer_->instance(), proposer_->ballot()});
}

void Membership::on(const Address& /*from*/, const Accepted& accepted, LocalTime /*now*/) {
  if (!proposer_ || accepted.instance != proposer_->instance()) {
    return;
  }
  const Voter voter{accepted.sender.node, accepted.sender.directory};
  if (proposer_->accepted(voter, accepted.ballot)) {
    const auto chosen = proposer_->document();
    spread(chosen);
    take_document(chosen);
  }
}

void Membership::on(const Address& /*from*/, const Refused& refused, LocalTime now) {
  if (!is_member() || refused.instance != number_after(*document_)) {
    return;
  }
  highest_round_ = std::max(highest_round_, refused.promised.round);
  if (proposer_ && refused.ballot == proposer_->ballot()) {
    give_proposal_up();
    // Longer with each attempt, so that one of two proposers gets through.
    const uint64_t pause_us = std::min(kPauseUs << std::min<uint64_t>(attempts_, 8), kPauseUsMax);
    propose_from_us_ = now.mono_us + kPauseUs + ports_.random() % pause_us;
  }
}

void Membership::propose(LocalTime now, bool finishes) {
  if (!is_running() || !is_voter() || proposer_ || record_.document != document_ ||
      now.mono_us < propose_from_us_) {
    return;
  }
  if (!is_own_sent_) {
    own_proposal_ = compose(now);
  }
  const DocumentNumber instance = number_after(*document_);
  Acceptor& acceptor = record_.acceptor;
  if (own_proposal_ == nullptr && finishes && acceptor.instance == instance) {
    own_proposal_ = acceptor.document;
  }
  if (own_proposal_ == nullptr) {
    return;
  }
  if (acceptor.instance == instance) {
    highest_round_ = std::max(highest_round_, acceptor.promised.round);
  }
  const Ballot ballot{highest_round_ + 1, record_.node_id};
  if (!acceptor.prepare(instance, ballot)) {
    return;  // never: the round is above all that it promised
  }
  ++attempts_;
  proposer_.emplace(*document_, ballot, own_proposal_);
  resend_pause_us_ = kResendUs;
  resend_us_ = now.mono_us + resend_pause_us_;
  vote({}, Prepared{sender(), instance, ballot, acceptor.accepted, acceptor.document});
}

void Membership::send_proposal() {
  for (const NodeId node : proposer_->awaited()) {
    const Member* member = document_->find_member(node);
    if (node == record_.node_id) {
      continue;
    }
    if (proposer_->is_accepting()) {
      ports_.send(member->peer_address, Accept{sender(), proposer_->instance(), proposer_->ballot(),
                                               proposer_->document()});
    } else {
      ports_.send(member->peer_address,
                  Prepare{sender(), proposer_->instance(), proposer_->ballot()});
    }
  }
}

void Membership::give_proposal_up() {
  proposer_.reset();
  resend_us_ = Liveness::kNever;
}

void Membership::tick_proposal(LocalTime now) {
  if (proposer_ && resend_us_ <= now.mono_us) {
    resend_pause_us_ = std::min(2 * resend_pause_us_, kResendUsMax);
    resend_us_ = now.mono_us + resend_pause_us_;
    const bool is_own_promise_synced = proposer_->is_accepting() || proposer_->answered() > 0;
    if (is_own_promise_synced) {
      send_proposal();
    }
  }
  if (propose_from_us_ != 0 && propose_from_us_ <= now.mono_us) {
    propose_from_us_ = 0;
    propose(now);
  }
  if (steps_due_us_ <= now.mono_us) {
    steps_due_us_ = Liveness::kNever;
    propose(now);
  }
  if (finish_us_ <= now.mono_us) {
    finish_later(now);
    propose(now, true);
  }
}

uint64_t Membership::next_proposal_us() const {
  return std::min({resend_us_, propose_from_us_ != 0 ? propose_from_us_ : Liveness::kNever,
                   steps_due_us_, finish_us_});
}

void Membership::spread(const std::shared_ptr<const ClusterDocument>& document) {
  for (const Member& member : document->members) {
    if (member.id != record_.node_id) {
      ports_.send(member.peer_address, DocumentOffer{sender(), document});
    }
  }
  std::shared_ptr<const ClusterDocument> stripped;
  for (const Member& member : document_->members) {
    if (member.id != record_.node_id && document->find_member(member.id) == nullptr) {
      stripped = stripped != nullptr ? stripped : without_keys(*document);
      ports_.send(member.peer_address, DocumentOffer{sender(), stripped});
    }
  }
}

}  // namespace kindred
