#include <algorithm>
#include <type_traits>
#include <utility>

#include "replication/membership/membership.h"
#include "replication/membership/ring_plan.h"
#include "replication/ring/claim.h"

namespace kindred {
namespace {

constexpr uint64_t kWaitingLogUs = 5'000'000;

TagKey random_tag_key(MembershipPorts& ports) {
  TagKey key;
  key.id = 1;
  for (std::size_t at = 0; at < key.secret.size(); at += 8) {
    const uint64_t word = ports.random();
    for (std::size_t byte = 0; byte < 8; ++byte) {
      key.secret[at + byte] = static_cast<uint8_t>(word >> (8 * byte));
    }
  }
  return key;
}

Ring first_ring(const std::vector<Member>& members, PlacementParams params) {
  std::vector<ClaimMember> claims;
  claims.reserve(members.size());
  for (const Member& member : members) {
    claims.push_back({member.id, member.weight, member.zone});
  }
  return BalancedClaim().place(nullptr, claims, params);
}

}  // namespace

void Membership::begin_identity() {
  cluster_seen_ = 0;
  may_join_ = false;
  record_.node_id = ports_.random();
  record_.directory_id = ports_.random();
  record_.promised_to = {};
  if (record_.name.empty()) {
    record_.name =
        config_.name.empty() ? "node-" + id_text(record_.node_id).substr(0, 8) : config_.name;
  }
  phase_ = Phase::kStoringIdentity;
  PendingRecord pending;
  pending.what = Storing::kIdentity;
  persist(std::move(pending));
}

void Membership::resume_member(LocalTime now) {
  const Member* self = record_.document->find_member(record_.node_id);
  if (!is_valid(*record_.document) || record_.document->tag_keys.empty() || self == nullptr) {
    fail("the node record does not hold together: its cluster document is not this node's");
    return;
  }
  if (self->peer_address != config_.peer_address) {
    fail("cluster " + id_text(record_.document->cluster_id) + " knows this node as " +
         address_text(self->peer_address) + ", but it is to announce itself as " +
         address_text(config_.peer_address) +
         "; a member's address cannot change in this release, so set announce-host and "
         "announce-peer-port (or bind and peer-port) back");
    return;
  }
  document_ = record_.document;
  become_member(now);
}

void Membership::begin_founding(LocalTime now) {
  phase_ = Phase::kFounding;
  if (!founding_) {
    founding_.emplace(self_as_member(), config_.seeds);
  } else {
    founding_->renew(record_.node_id, record_.directory_id);
  }
  founding_->watch(synced_promise_);
  founding_round(now);
  take_founding_step(now);
}

void Membership::founding_round(LocalTime now) {
  next_round_us_ = now.mono_us + kRoundUs;
  for (const Address& address : founding_->addresses_to_ask(now.mono_us)) {
    say_hello(address, address, false);
  }
}

void Membership::say_hello(const Address& to, const Address& dialed, bool is_reply) {
  Hello hello;
  hello.sender = sender();
  hello.is_reply = is_reply;
  hello.dialed = dialed;
  hello.member = self_as_member();
  hello.seeds = founding_ ? founding_->seeds() : config_.seeds;
  hello.promised_to = synced_promise_;
  if (is_founding() && may_join_) {
    hello.joining = config_.auto_join ? Joining::kAtOnce : Joining::kOnRequest;
    hello.joining_cluster = cluster_seen_;
  }
  ports_.send(to, hello);
}

void Membership::take_founding_step(LocalTime now) {
  if (phase_ != Phase::kFounding) {
    return;  // one thing at a time: decisions rest on what is synced
  }
  FoundingDecision decision = founding_->decide(synced_promise_, now.mono_us);
  if (const auto* wait = std::get_if<FoundingWait>(&decision)) {
    note_waiting(cluster_seen_ != 0 ? joining_reason() : wait->reason, now);
  } else if (const auto* promise = std::get_if<FoundingPromise>(&decision)) {
    cluster_seen_ = 0;
    may_join_ = false;
    store_promise(promise->promise);
  } else if (auto* ready = std::get_if<FoundingReady>(&decision)) {
    found(std::move(ready->members));
  } else {
    ports_.log(LogLevel::kNotice,
               "No node may found any more: all are bound to one that is gone. Starting anew");
    begin_identity();
  }
}

void Membership::store_promise(const Promise& promise) {
  record_.promised_to = promise;
  founding_->watch(promise);
  phase_ = Phase::kStoringPromise;
  PendingRecord pending;
  pending.what = Storing::kPromise;
  persist(std::move(pending));
}

void Membership::note_waiting(const std::string& reason, LocalTime now) {
  if (reason == waiting_reason_ && now.mono_us < waiting_logged_us_ + kWaitingLogUs) {
    return;
  }
  waiting_reason_ = reason;
  waiting_logged_us_ = now.mono_us;
  ports_.log(LogLevel::kNotice, "Waiting for a cluster: " + reason);
}

void Membership::found(std::vector<Member> members) {
  std::ranges::sort(members, {}, &Member::id);
  auto document = std::make_shared<ClusterDocument>();
  document->cluster_id = ports_.random();
  document->epoch = 1;
  document->replicas = config_.replicas;
  document->ring = first_ring(members, {config_.partition_count, config_.replicas});
  document->members = std::move(members);
  document->tag_keys.push_back(random_tag_key(ports_));
  document->keyspaces = config_.keyspaces;
  if (const std::string error = add_layers(document.get()); !error.empty()) {
    return fail("this node's keyspaces can't be those of a cluster: " + error);
  }
  start_moves(document.get());
  ports_.log(LogLevel::kNotice, "Founding cluster " + id_text(document->cluster_id) + " of " +
                                    std::to_string(document->members.size()) + " members");
  const Member& listed = *document->find_member(record_.node_id);
  adopt(document, listed);
}

void Membership::hear_while_founding(const Address& from, const Hello& hello, LocalTime now) {
  if (!hello.is_reply) {
    say_hello(from, hello.dialed, true);
  }
  if (!is_founding()) {
    return;  // the document is being stored
  }
  founding_->heard(hello.member.peer_address, hello, now.mono_us);
  if (hello.is_reply && hello.dialed != hello.member.peer_address) {
    founding_->heard(hello.dialed, hello, now.mono_us);
  }
  take_founding_step(now);
}

void Membership::offered_while_founding(const Address& from, const DocumentOffer& offer,
                                        LocalTime now) {
  if (!is_founding() || founding_->is_superseded(offer.sender.directory)) {
    return;
  }
  const ClusterDocument& document = *offer.document;
  if (document.cluster_id == cluster_seen_ && number_of(document) < newest_seen_) {
    return;  // who held its address in a document of the past is a member no more
  }
  if (const Member* listed = document.find_peer_address(config_.peer_address)) {
    if (document.tag_keys.empty()) {
      ++metrics_.rejected_messages;
    } else {
      adopt(offer.document, *listed);
    }
    return;
  }
  if (founding_->is_node_of_closure(offer.sender.node, now.mono_us) ||
      offer.sender.directory == synced_promise_.directory) {
    wait_to_join(from, offer, now);
  }
}

// Before any member hears that this node lets itself be taken in, it is bound to one of them, as it
// would be to a founder: no change of seeds can then bring it into a second cluster.
void Membership::wait_to_join(const Address& from, const DocumentOffer& offer, LocalTime now) {
  const ClusterDocument& document = *offer.document;
  if (cluster_seen_ != 0 && cluster_seen_ != document.cluster_id) {
    fail("the seeds are members of two clusters, " + id_text(cluster_seen_) + " and " +
         id_text(document.cluster_id) + "; name members of the one that this node is to join");
    return;
  }
  newest_seen_ =
      cluster_seen_ == 0 ? number_of(document) : std::max(newest_seen_, number_of(document));
  cluster_seen_ = document.cluster_id;
  if (phase_ != Phase::kFounding) {
    return;  // another promise is being stored
  }
  const Bond bond = founding_->bond(document, synced_promise_, now.mono_us);
  is_bound_elsewhere_ = bond == Bond::kElsewhere;
  const bool could_join = std::exchange(may_join_, bond == Bond::kToCluster);
  if (bond == Bond::kNone) {
    store_promise({offer.sender.node, offer.sender.directory, from, document.cluster_id});
    return;
  }
  if (may_join_ && !could_join) {
    founding_round(now);
  }
  note_waiting(joining_reason(), now);
}

std::string Membership::joining_reason() const {
  if (is_bound_elsewhere_) {
    return "node " + id_text(synced_promise_.node) + " at " +
           address_text(synced_promise_.address) + " has this node's promise, so cluster " +
           id_text(cluster_seen_) +
           " can't take it in yet; wipe this directory if that node is gone for ever";
  }
  const std::string own = address_text(config_.peer_address);
  return config_.auto_join ? "cluster " + id_text(cluster_seen_) + " is to take this node in"
                           : "auto-join is off; RING JOIN " + own + " at a member of cluster " +
                                 id_text(cluster_seen_) +
                                 ", or RING JOIN host:peerport of a "
                                 "member here, lets it join";
}

void Membership::adopt(const std::shared_ptr<const ClusterDocument>& document,
                       const Member& listed) {
  if (listed.id != record_.node_id || listed.directory != record_.directory_id) {
    ports_.log(LogLevel::kWarning, "Cluster " + id_text(document->cluster_id) +
                                       " lists this node as member " + id_text(listed.id) +
                                       " with another data directory, which is lost: taking its "
                                       "place with copies to be filled");
    record_.node_id = listed.id;
    record_.name = config_.name.empty() ? listed.name : config_.name;
    record_.copies_filling = true;
  }
  record_.document = document;
  record_.acceptor = {};
  record_.promised_to = {};
  phase_ = Phase::kStoringDocument;
  PendingRecord pending;
  pending.what = Storing::kFirstDocument;
  pending.document = document;
  persist(std::move(pending));
}

void Membership::become_member(LocalTime now) {
  phase_ = Phase::kMember;
  synced_promise_ = {};
  waiting_reason_.clear();
  for (const Address& seed : founding_ ? founding_->seeds() : config_.seeds) {
    if (document_->find_peer_address(seed) == nullptr) {
      unchecked_seeds_.insert(seed);
    }
  }
  founding_.reset();
  seeds_checked_until_us_ = now.mono_us + 20 * kRoundUs;
  install(document_, now);
  for (const MemberView& member : liveness_.views()) {
    offer_document(member.peer_address, true);
  }
  member_round(now);
  // Nodes that started together should not probe in step for ever.
  next_round_us_ = now.mono_us + kRoundUs / 2 + ports_.random() % (kRoundUs / 2);
}

}  // namespace kindred
