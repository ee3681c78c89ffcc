#include <algorithm>
#include <cstdlib>
#include <tuple>
#include <utility>

#include "replication/membership/membership.h"

namespace kindred {
namespace {

constexpr uint64_t kForeignAnswerUs = 1'000'000;
constexpr uint64_t kDocumentAskUs = 100'000;
constexpr uint64_t kProbeSoonerUs = 100'000;
constexpr uint64_t kOffsetStoreUs = 60'000'000;
constexpr int64_t kOffsetStoreMs = 10;
constexpr int64_t kOffsetLargeMs = 500;

bool is_valid(const Hello& hello) {
  return kindred::is_valid(hello.member) && hello.seeds.size() <= kSeedsMax &&
         hello.member.id == hello.sender.node && hello.member.directory == hello.sender.directory;
}

std::shared_ptr<const ClusterDocument> without_keys(const ClusterDocument& document) {
  auto stripped = std::make_shared<ClusterDocument>(document);
  stripped->tag_keys.clear();
  return stripped;
}

template <typename Versioned>
auto order(const Versioned& each) {
  return std::tuple(each.generation, each.epoch);
}

}  // namespace

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
    offer_document(from, document_->find_peer_address(hello.member.peer_address) != nullptr);
  }
}

void Membership::on(const Address& from, const DocumentOffer& offer, LocalTime now) {
  if (offer.document == nullptr || !is_valid(*offer.document) ||
      offer.document->cluster_id != offer.sender.cluster) {
    ++metrics_.rejected_messages;
  } else if (is_member()) {
    offered_as_member(from, offer, now);
  } else {
    offered_while_founding(offer, now);
  }
}

void Membership::offered_as_member(const Address& from, const DocumentOffer& offer, LocalTime now) {
  const ClusterDocument& offered = *offer.document;
  if (offered.cluster_id == document_->cluster_id) {
    if (is_from_member(offer.sender) && !offered.tag_keys.empty()) {
      merge_document(offered);
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
  if (is_member() && is_from_member(request.sender)) {
    offer_document(from, true);
  }
}

void Membership::on(const Address& from, const Probe& probed, LocalTime now) {
  if (!is_member()) {
    if (!probed.is_reply) {
      say_hello(from, from, false);  // so that the member hands its document over
    }
    return;
  }
  if (probed.sender.cluster != document_->cluster_id) {
    answer_foreign(from, now);
    return;
  }
  const MemberView* member = liveness_.find(probed.sender.node);
  if (member == nullptr) {
    ++metrics_.rejected_messages;
    return;
  }
  if (!probed.is_reply) {
    ports_.send(from, Probe{sender(), true, probed.sequence, now.unix_ms, version_, is_whole_});
    if (!member->is_up) {
      probe_sooner(*member, now);
    }
  } else if (liveness_.answered(probed, now.mono_us, now.unix_ms)) {
    ports_.log(LogLevel::kNotice, "Member " + id_text(member->id) + " at " +
                                      address_text(member->peer_address) + " is up");
    ports_.alive_changed(member->id, true);
  }
  compare_version(from, probed.version, now);
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

void Membership::merge_document(const ClusterDocument& offered) {
  const ClusterDocument& ours = *record_.document;
  const Stamp flush_stamp = std::max(ours.flush_stamp, offered.flush_stamp);
  const bool is_newer = order(offered) > order(ours);
  if (!is_newer && flush_stamp == ours.flush_stamp) {
    return;
  }
  if (is_newer && offered.find_member(record_.node_id) == nullptr) {
    ++metrics_.rejected_messages;
    return;
  }
  auto merged = std::make_shared<ClusterDocument>(is_newer ? offered : ours);
  merged->flush_stamp = flush_stamp;
  record_.document = merged;
  PendingRecord pending;
  pending.what = Storing::kDocument;
  pending.document = merged;
  persist(std::move(pending));
}

void Membership::install(std::shared_ptr<const ClusterDocument> document) {
  document_ = std::move(document);
  version_ = {document_->generation, document_->epoch, document_->flush_stamp,
              ring_hash(document_->ring)};
  liveness_.set_members(*document_, record_.node_id, ports_.random() >> 1);
  ports_.installed(document_, record_.node_id, record_.copies_filling);
}

void Membership::compare_version(const Address& from, const DocumentVersion& theirs,
                                 LocalTime now) {
  const bool is_behind =
      order(theirs) > order(version_) || theirs.flush_stamp > version_.flush_stamp;
  if (is_behind) {
    ask_for_document(from, now);
  }
}

void Membership::want_document(NodeId holder, LocalTime now) {
  const Member* member = is_member() ? document_->find_member(holder) : nullptr;
  if (member != nullptr) {
    ask_for_document(member->peer_address, now);
  }
}

void Membership::ask_for_document(const Address& holder, LocalTime now) {
  if (document_asked_us_ == 0 || document_asked_us_ + kDocumentAskUs <= now.mono_us) {
    document_asked_us_ = now.mono_us;
    ports_.send(holder, DocumentRequest{sender()});
  }
}

void Membership::member_round(LocalTime now) {
  next_round_us_ = now.mono_us + kRoundUs;
  end_clock_round(now);
  check_seeds(now);
  for (const MemberView& member : liveness_.views()) {
    probe(member, now);
  }
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

void Membership::probe(const MemberView& member, LocalTime now) {
  probed_us_[member.id] = now.mono_us;
  const uint64_t sequence = liveness_.begin_probe(member.id, now.mono_us, now.unix_ms);
  ports_.send(member.peer_address,
              Probe{sender(), false, sequence, now.unix_ms, version_, is_whole_});
}

void Membership::probe_sooner(const MemberView& member, LocalTime now) {
  if (probed_us_[member.id] + kProbeSoonerUs <= now.mono_us) {
    probe(member, now);
  }
}

void Membership::turned_down(NodeId member, std::string_view why) {
  const MemberView* view = liveness_.find(member);
  ports_.log(LogLevel::kWarning, "Member " + id_text(member) + " at " +
                                     address_text(view->peer_address) +
                                     " is down: " + std::string(why));
  ports_.alive_changed(member, false);
  std::vector<Flushes::Finished> finished;
  flushes_.member_down(member, &finished);
  report(finished);
}

}  // namespace kindred
