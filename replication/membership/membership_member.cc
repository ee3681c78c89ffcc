#include <algorithm>
#include <cstdlib>
#include <utility>

#include "replication/membership/membership.h"

namespace kindred {
namespace {

constexpr uint64_t kForeignAnswerUs = 1'000'000;
constexpr uint64_t kDocumentAskUs = 100'000;
constexpr uint64_t kOffsetStoreUs = 60'000'000;
constexpr int64_t kOffsetStoreMs = 10;
constexpr int64_t kOffsetLargeMs = 500;
constexpr uint64_t kStepsGatherUs = 200'000;

bool is_valid(const Hello& hello) {
  return kindred::is_valid(hello.member) && hello.seeds.size() <= kSeedsMax &&
         hello.member.id == hello.sender.node && hello.member.directory == hello.sender.directory;
}

DocumentNumber number_of(const DocumentVersion& version) {
  return {version.generation, version.epoch};
}

/// Whether `later`, of another generation, grew from `ours` or from what came after it.
bool descends_from(const ClusterDocument& later, const ClusterDocument& ours) {
  return std::ranges::any_of(later.ancestors, [&](const Ancestor& ancestor) {
    return ancestor.generation == ours.generation && ancestor.epoch >= ours.epoch;
  });
}

bool share_tag_key(const ClusterDocument& a, const ClusterDocument& b) {
  return std::ranges::any_of(a.tag_keys, [&](const TagKey& key) {
    return std::ranges::find(b.tag_keys, key) != b.tag_keys.end();
  });
}

}  // namespace

std::shared_ptr<const ClusterDocument> Membership::without_keys(const ClusterDocument& document) {
  auto stripped = std::make_shared<ClusterDocument>(document);
  stripped->tag_keys.clear();
  stripped->users.clear();
  return stripped;
}

void Membership::on(const Address& from, const Hello& hello, LocalTime now) {
  if (!is_valid(hello)) {
    ++metrics_.rejected_messages;
    return;
  }
  if (hello.sender.directory == record_.directory_id) {
    if (hello.member.peer_address != config_.peer_address) {
      fail("another process at " + address_text(hello.member.peer_address) +
           " runs on a copy of this node's data directory; a directory belongs to one node");
    } else if (hello.is_reply) {
      ++metrics_.rejected_messages;  // sent by us to somebody who sent it back: proves nothing
    } else if (is_founding()) {
      founding_->found_self_at(hello.dialed);
      take_founding_step(now);
    } else {
      unchecked_seeds_.erase(hello.dialed);
    }
    return;
  }
  if (is_member()) {
    hear_as_member(from, hello, now);
  } else {
    hear_while_founding(from, hello, now);
  }
}

void Membership::hear_as_member(const Address& from, const Hello& hello, LocalTime now) {
  const bool is_foreign =
      hello.sender.cluster != 0 && hello.sender.cluster != document_->cluster_id;
  if (!hello.is_reply) {
    say_hello(from, hello.dialed, true);
  } else if (unchecked_seeds_.erase(hello.dialed) != 0 && is_foreign) {
    fail("the seed " + address_text(hello.dialed) + " is a member of cluster " +
         id_text(hello.sender.cluster) + ", but this node's data directory belongs to cluster " +
         id_text(document_->cluster_id) + "; remove the seed or move the directory away");
    return;
  }
  if (is_foreign) {
    answer_foreign(from, now);
  } else if (hello.sender.cluster == 0) {
    greet_newcomer(from, hello, now);
  }
}

void Membership::on(const Address& from, const DocumentOffer& offer, LocalTime now) {
  if (offer.document == nullptr || !is_valid(*offer.document) ||
      offer.document->cluster_id != offer.sender.cluster) {
    ++metrics_.rejected_messages;
  } else if (is_member()) {
    offered_as_member(from, offer, now);
  } else {
    offered_while_founding(from, offer, now);
  }
}

void Membership::offered_as_member(const Address& from, const DocumentOffer& offer, LocalTime now) {
  const ClusterDocument& offered = *offer.document;
  if (offered.cluster_id == document_->cluster_id) {
    // From members alone; one that came later proves it by a key that only members have.
    const bool lists_this = offered.find_member(record_.node_id) != nullptr;
    const bool has_key = lists_this && share_tag_key(offered, *document_);
    if (lists_this ? !has_key : liveness_.find(offer.sender.node) == nullptr) {
      ++metrics_.rejected_messages;
    } else {
      take_document(offer.document);
    }
    return;
  }
  if (offered.find_peer_address(config_.peer_address) != nullptr) {
    fail("two clusters list this node's address " + address_text(config_.peer_address) +
         ": cluster " + id_text(document_->cluster_id) + ", whose data this directory holds, and " +
         id_text(offered.cluster_id) + ", met at " + address_text(from) +
         "; stop one of them and wipe its directories");
    return;
  }
  answer_foreign(from, now);
}

void Membership::on(const Address& from, const DocumentRequest& request, LocalTime /*now*/) {
  if (!is_member() || request.sender.cluster != document_->cluster_id) {
    ++metrics_.foreign_messages;
    return;
  }
  offer_document(from, document_->find_member(request.sender.node) != nullptr);
}

void Membership::on(const Address& from, const Gossip& gossip, LocalTime now) {
  if (!is_member()) {
    if (gossip.message.kind == SwimKind::kPing) {
      say_hello(from, from, false);  // so that the member hands its document over
    }
    return;
  }
  if (gossip.sender.cluster != document_->cluster_id) {
    answer_foreign(from, now);
    return;
  }
  if (liveness_.find(gossip.sender.node) == nullptr) {
    // One of the two has missed a document: it came, or it went.
    compare_version(from, gossip.version, now);
    if (number_of(gossip.version) < kindred::number_of(*document_)) {
      offer_document(from, false);
    }
    return;
  }
  note_directory(gossip.sender.node, gossip.sender.directory, now);
  SwimEffects effects;
  liveness_.receive(gossip, now, &effects);
  follow(effects, now);
  compare_version(from, gossip.version, now);
}

bool Membership::is_from_member(const Sender& sender) {
  if (!is_member() || sender.cluster != document_->cluster_id) {
    ++metrics_.foreign_messages;
    return false;
  }
  if (liveness_.find(sender.node) == nullptr) {
    ++metrics_.rejected_messages;
    return false;
  }
  return true;
}

void Membership::offer_document(const Address& to, bool with_keys) {
  ports_.send(to, DocumentOffer{sender(), with_keys ? document_ : without_keys(*document_)});
}

void Membership::answer_foreign(const Address& from, LocalTime now) {
  ++metrics_.foreign_messages;
  if (foreign_answered_us_ != 0 && now.mono_us < foreign_answered_us_ + kForeignAnswerUs) {
    return;
  }
  foreign_answered_us_ = now.mono_us;
  ports_.log(LogLevel::kWarning,
             "Refused a message from a member of another cluster at " + address_text(from));
  offer_document(from, false);  // it must learn if its address is listed here
}

void Membership::take_document(std::shared_ptr<const ClusterDocument> offered) {
  const ClusterDocument& ours = *record_.document;
  if (kindred::number_of(*offered) <= kindred::number_of(ours)) {
    return;
  }
  const Member* listed = offered->find_member(record_.node_id);
  if (listed == nullptr) {
    NodeRecord empty;
    empty.node_id = ports_.random();
    empty.directory_id = ports_.random();
    empty.name = record_.name;
    leave(std::move(empty), false,
          "This node is no member of cluster " + id_text(offered->cluster_id) + " since epoch " +
              std::to_string(offered->epoch) + ": its directory may start anew, as an empty node");
  } else if (offered->generation != ours.generation && !descends_from(*offered, ours)) {
    // Its directory has never voted in that generation, so it may.
    NodeRecord empty = record_;
    empty.document = std::move(offered);
    empty.acceptor = {};
    empty.copies_filling = true;
    leave(std::move(empty), true,
          "Another part of cluster " + id_text(document_->cluster_id) +
              " went on by force without what this node committed: starting anew, empty");
  } else if (listed->peer_address != config_.peer_address) {
    ++metrics_.rejected_messages;
  } else {
    store_document(std::move(offered), false);
  }
}

void Membership::store_document(std::shared_ptr<const ClusterDocument> document,
                                bool is_to_spread) {
  give_proposal_up();
  const Member& listed = *document->find_member(record_.node_id);
  if (listed.directory != record_.directory_id && is_voter()) {
    // Another directory had this node's place meanwhile, and was trusted with writes.
    record_.copies_filling = true;
  }
  record_.document = document;
  record_.acceptor = {};
  PendingRecord pending;
  pending.what = Storing::kDocument;
  pending.document = std::move(document);
  pending.is_to_spread = is_to_spread;
  persist(std::move(pending));
}

// Synced first: a node that went must not come back as the member that it was.
void Membership::leave(NodeRecord empty, bool starts_anew, std::string why) {
  give_proposal_up();
  phase_ = Phase::kLeaving;
  empty.clock_offset_ms = clock_.offset_ms();
  empty.data_is_void = true;
  PendingRecord pending;
  pending.what = Storing::kGone;
  pending.why = std::move(why);
  pending.starts_anew = starts_anew;
  const PersistToken token = ++last_persist_token_;
  pending_records_.emplace(token, std::move(pending));
  ports_.persist(empty, token);
}

void Membership::install(std::shared_ptr<const ClusterDocument> document, LocalTime now) {
  const auto before = std::exchange(document_, std::move(document));
  version_ = {document_->generation, document_->epoch, document_->flush_stamp,
              ring_hash(document_->ring)};
  forget_former_members();
  liveness_.set_members(*document_, record_.node_id, ports_.random() >> 1);
  ports_.installed(document_, record_.node_id, record_.copies_filling);
  highest_round_ = 0;
  attempts_ = 0;
  propose_from_us_ = 0;
  steps_due_us_ = needs_steps() ? now.mono_us + kStepsGatherUs : Liveness::kNever;
  finish_later(now);
  finish_wishes(*document_);
  for (const AwaitedFlush& awaited : std::exchange(awaited_flushes_, {})) {
    await_flush(awaited);
  }
  SwimEffects effects;
  for (const MemberView& member : liveness_.views()) {
    if (before == document_) {
      liveness_.look_at(member.id, now, &effects);
    } else if (before->find_member(member.id) == nullptr) {
      liveness_.expect(member.id, now, &effects);
    }
  }
  follow(effects, now);
  if (before != document_) {
    log_epoch(*before);
  }
  if (!is_progress_told_) {
    own_progress_.epoch = document_->epoch;
  }
  report_progress(now);
  propose(now);
}

void Membership::forget_former_members() {
  for (const MemberView& member : liveness_.views()) {
    if (member.is_up && document_->find_member(member.id) == nullptr) {
      ports_.alive_changed(member.id, false);
    }
  }
  const auto is_no_member = [this](const auto& entry) {
    return document_->find_member(entry.first) == nullptr;
  };
  std::erase_if(progress_, is_no_member);
  std::erase_if(newcomers_, [this](const auto& entry) {
    return document_->find_peer_address(entry.second.member.peer_address) != nullptr;
  });
  std::erase_if(readmissions_, [this](const auto& entry) {
    const Member* listed = document_->find_member(entry.first);
    return listed == nullptr || listed->directory == entry.second.directory;
  });
}

void Membership::log_epoch(const ClusterDocument& before) const {
  std::string text = "Epoch " + std::to_string(document_->epoch);
  if (document_->generation != before.generation) {
    text += " of generation " + std::to_string(document_->generation);
  }
  for (const Member& member : document_->members) {
    const Member* known = before.find_member(member.id);
    if (known == nullptr) {
      text += ", " + member.name + " joins";
    } else if (member.is_leaving && !known->is_leaving) {
      text += ", " + member.name + " leaves";
    } else if (member.directory != known->directory) {
      text += ", " + member.name + " has another directory";
    }
  }
  for (const Member& member : before.members) {
    if (document_->find_member(member.id) == nullptr) {
      text += ", " + member.name + " is gone";
    }
  }
  text += ": " + std::to_string(document_->members.size()) + " members, " +
          std::to_string(document_->moves.size()) + " partitions move";
  ports_.log(LogLevel::kNotice, text);
}

void Membership::want_document(NodeId from, LocalTime now) {
  const MemberView* member = is_member() && is_running() ? liveness_.find(from) : nullptr;
  if (member != nullptr) {
    ask_for_document(member->peer_address, now);
  }
}

void Membership::ask_for_document(const Address& from, LocalTime now) {
  if (document_asked_us_ == 0 || document_asked_us_ + kDocumentAskUs <= now.mono_us) {
    document_asked_us_ = now.mono_us;
    ports_.send(from, DocumentRequest{sender()});
  }
}

void Membership::compare_version(const Address& from, const DocumentVersion& theirs,
                                 LocalTime now) {
  if (number_of(theirs) > kindred::number_of(*record_.document)) {
    ask_for_document(from, now);
  }
}

void Membership::member_round(LocalTime now) {
  next_round_us_ = now.mono_us + kRoundUs;
  report_progress(now);
  end_clock_round(now);
  check_seeds(now);
}

void Membership::check_seeds(LocalTime now) {
  if (seeds_checked_until_us_ <= now.mono_us) {
    unchecked_seeds_.clear();
  }
  for (const Address& seed : unchecked_seeds_) {
    say_hello(seed, seed, false);
  }
}

void Membership::end_clock_round(LocalTime now) {
  if (!clock_.end_round(liveness_.clock_differences_ms(), document_->members.size())) {
    return;
  }
  const int64_t offset_ms = clock_.offset_ms();
  const bool is_large = std::abs(offset_ms) > kOffsetLargeMs;
  if (is_large != is_offset_large_) {
    ports_.log(is_large ? LogLevel::kWarning : LogLevel::kNotice,
               "This machine's clock is " + std::to_string(-offset_ms) +
                   " ms off the median of the cluster's clocks");
    is_offset_large_ = is_large;
  }
  if (std::abs(offset_ms - stored_offset_ms_) >= kOffsetStoreMs &&
      (offset_stored_us_ == 0 || offset_stored_us_ + kOffsetStoreUs <= now.mono_us)) {
    stored_offset_ms_ = offset_ms;
    offset_stored_us_ = now.mono_us;
    persist({});
  }
}

void Membership::follow(const SwimEffects& effects, LocalTime now, std::string_view why_down) {
  for (const SwimEffects::Send& send : effects.sends) {
    ports_.send(liveness_.find(send.to)->peer_address,
                Gossip{sender(), now.unix_ms, version_, send.message});
  }
  for (const SwimEffects::Change& change : effects.changes) {
    if (change.is_up) {
      turned_up(change.member, now);
    } else {
      turned_down(change.member, why_down.empty() ? liveness_.why_down(change.member) : why_down,
                  now);
    }
  }
}

std::string Membership::label_of(NodeId member) const {
  const Member* listed = document_->find_member(member);
  const std::string name = listed != nullptr ? listed->name : id_text(member);
  return "Member " + name + " at " + address_text(liveness_.find(member)->peer_address);
}

void Membership::turned_up(NodeId member, LocalTime now) {
  ports_.log(LogLevel::kNotice, label_of(member) + " is up");
  ports_.alive_changed(member, true);
  if (needs_steps()) {
    report_progress(now);
  }
}

void Membership::turned_down(NodeId member, std::string_view why, LocalTime now) {
  ports_.log(LogLevel::kWarning, label_of(member) + " is down: " + std::string(why));
  ports_.alive_changed(member, false);
  std::vector<Flushes::Finished> finished;
  const std::vector<Flushes::Collected> collected = flushes_.member_down(member, &finished);
  report(finished);
  for (const Flushes::Collected& each : collected) {
    commit_flush(each, now);
  }
  report_progress(now);  // the driver may be another one now
}

}  // namespace kindred
