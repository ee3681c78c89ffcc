#include <algorithm>
#include <charconv>
#include <utility>

#include "replication/membership/membership.h"

// What operators ask for, from the request to its place in a document.

namespace kindred {
namespace {

/// "host:port", an IPv6 host in brackets; nothing where it is not that.
std::optional<Address> parse_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return std::nullopt;
  }
  Address address;
  std::string_view host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size() || address.port == 0 ||
      host.empty() || host.size() > kNameBytesMax) {
    return std::nullopt;
  }
  address.host = host;
  return address;
}

bool needs_newcomer(const RingChange& change) {
  return change.kind == ChangeKind::kJoin || change.kind == ChangeKind::kReplace;
}

const std::string& newcomer_of(const RingChange& change) {
  return change.kind == ChangeKind::kJoin ? change.node : change.replacement;
}

std::string member_names(const ClusterDocument& document) {
  std::string names;
  for (const Member& member : document.members) {
    names +=
        (names.empty() ? "" : ", ") + member.name + " (" + address_text(member.peer_address) + ")";
  }
  return names;
}

/// The change with its members found in `document`; else the error line.
std::string resolve(const RingChange& change, NodeId self, const ClusterDocument& document,
                    StagedChange* staged) {
  staged->kind = change.kind;
  if (change.kind == ChangeKind::kJoin) {
    return {};
  }
  const Member* member =
      change.node.empty() ? document.find_member(self) : find_named(document, change.node);
  if (member == nullptr) {
    return "ERR no member, or more than one, is called '" + change.node + "'; members are " +
           member_names(document);
  }
  staged->node = member->id;
  return {};
}

}  // namespace

void Membership::request_change(ChangeToken token, const RingChange& change, LocalTime now) {
  if (!is_running()) {
    ports_.change_done(token, "LOADING this node is starting or stopping", 0);
  } else if (!is_member()) {
    ask_to_join(token, change, now);
  } else if (change.force) {
    force_removal(token, change, now);
  } else if (needs_newcomer(change)) {
    look_up({token, change, now.mono_us + uint64_t{config_.request_timeout_ms} * 1000}, now);
  } else {
    wish(with_token(token, change_wish(change, {}, now)), now);
  }
}

void Membership::commit_staged(ChangeToken token, LocalTime now) {
  Wish commit;
  commit.deadline_us = now.mono_us + uint64_t{config_.request_timeout_ms} * 1000;
  commit.apply = [](ClusterDocument* next) -> std::string {
    if (next->staged.empty()) {
      return "ERR nothing is staged; RING JOIN, LEAVE, REMOVE and REPLACE stage changes";
    }
    return apply_staged(next);
  };
  wish(with_token(token, std::move(commit)), now);
}

void Membership::clear_staged(ChangeToken token, LocalTime now) {
  Wish clear;
  clear.deadline_us = now.mono_us + uint64_t{config_.request_timeout_ms} * 1000;
  clear.apply = [](ClusterDocument* next) -> std::string {
    next->staged.clear();
    return {};
  };
  wish(with_token(token, std::move(clear)), now);
}

void Membership::request_edit(ChangeToken token, DocumentEdit edit, LocalTime now) {
  Wish wanted;
  wanted.deadline_us = now.mono_us + uint64_t{config_.request_timeout_ms} * 1000;
  wanted.apply = [edit = std::move(edit)](ClusterDocument* next) -> std::string {
    const Keyspaces before = next->keyspaces;
    std::string error = edit(next);
    if (error.empty() && next->keyspaces != before) {
      error = add_layers(next);
      if (!error.empty()) {
        next->keyspaces = before;
      }
    }
    if (error.empty() && quorums_differ(before, next->keyspaces)) {
      // A node that has not heard of it takes part in no quorum under other numbers.
      next->steps.assign(next->ring.partition_count(), next->epoch);
    }
    return error;
  };
  wish(with_token(token, std::move(wanted)), now);
}

Membership::Wish Membership::with_token(ChangeToken token, Wish wish) {
  wish.done = [this, token](std::string_view error, uint64_t epoch) {
    ports_.change_done(token, error, epoch);
  };
  return wish;
}

Membership::Wish Membership::change_wish(const RingChange& change, Member joining,
                                         LocalTime now) const {
  Wish wish;
  wish.deadline_us = now.mono_us + uint64_t{config_.request_timeout_ms} * 1000;
  wish.apply = [change, joining = std::move(joining),
                self = record_.node_id](ClusterDocument* next) -> std::string {
    StagedChange staged;
    std::string error = resolve(change, self, *next, &staged);
    if (!error.empty()) {
      return error;
    }
    staged.joining = joining;
    return change.now ? apply_change(staged, false, next) : stage_change(staged, next);
  };
  return wish;
}

void Membership::wish(Wish wish, LocalTime now) {
  if (!is_member()) {
    wish.done("LOADING this node is not a member of a cluster yet", 0);
  } else if (wishes_.size() >= kWishesMax) {
    wish.done("TRYAGAIN too many ring changes at a time", 0);
  } else {
    wishes_.push_back(std::move(wish));
    propose(now);
  }
}

// The waiting node may not have been heard yet: it is greeted, and its answer goes on from here.
void Membership::look_up(const Lookup& lookup, LocalTime now) {
  const std::string& wanted = newcomer_of(lookup.change);
  if (const Newcomer* newcomer = find_newcomer(wanted);
      newcomer != nullptr && newcomer->joining != Joining::kBound) {
    wish(with_token(lookup.token, change_wish(lookup.change, newcomer->member, now)), now);
    return;
  }
  const std::optional<Address> address = parse_address(wanted);
  if (const Member* member = find_named(*document_, wanted)) {
    ports_.change_done(lookup.token, "ERR " + member->name + " is a member already", 0);
  } else if (!address) {
    ports_.change_done(
        lookup.token,
        "ERR no waiting node is called '" + wanted + "'; give its peer address, host:peerport", 0);
  } else if (lookups_.size() >= kWishesMax) {
    ports_.change_done(lookup.token, "TRYAGAIN too many ring changes at a time", 0);
  } else {
    say_hello(*address, *address, false);
    lookups_.push_back(lookup);
  }
}

void Membership::retry_lookups(LocalTime now) {
  const std::vector<Lookup> waiting = std::exchange(lookups_, {});
  for (const Lookup& lookup : waiting) {
    const Newcomer* newcomer = find_newcomer(newcomer_of(lookup.change));
    if (newcomer != nullptr && newcomer->joining != Joining::kBound) {
      look_up(lookup, now);
    } else {
      lookups_.push_back(lookup);
    }
  }
}

void Membership::ask_to_join(ChangeToken token, const RingChange& change, LocalTime now) {
  const std::optional<Address> address = parse_address(change.node);
  if (change.kind != ChangeKind::kJoin) {
    ports_.change_done(token,
                       "ERR this node is not a member of a cluster yet; RING JOIN "
                       "host:peerport of a member lets it join",
                       0);
  } else if (!address) {
    ports_.change_done(token, "ERR '" + change.node + "' is no host:peerport of a member", 0);
  } else if (!is_founding() || !may_join_) {
    ports_.change_done(
        token, "ERR no member of a cluster answers among this node's seeds: " + waiting_reason_, 0);
  } else {
    const uint64_t id = ports_.random();
    const uint64_t timeout_us = uint64_t{config_.request_timeout_ms} * 1000;
    sent_joins_[id] = {token, now.mono_us + timeout_us};
    ports_.send(*address, JoinRequest{sender(), id, cluster_seen_, self_as_member(), change.now});
  }
}

void Membership::on(const Address& from, const JoinRequest& request, LocalTime now) {
  const auto reply = [this, from, id = request.request_id](std::string_view error, uint64_t epoch) {
    ports_.send(from, JoinReply{sender(), id, std::string(error), epoch});
  };
  if (request.member.id != request.sender.node ||
      request.member.directory != request.sender.directory) {
    ++metrics_.rejected_messages;
    return;
  }
  if (is_member() && request.cluster != document_->cluster_id) {
    reply("ERR this is a member of cluster " + id_text(document_->cluster_id) +
              ", but that node waits to join cluster " + id_text(request.cluster),
          0);
    return;
  }
  RingChange change;
  change.now = request.now;
  Wish join = change_wish(change, request.member, now);
  join.done = reply;
  wish(std::move(join), now);
}

void Membership::on(const Address& /*from*/, const JoinReply& reply, LocalTime /*now*/) {
  const auto sent = sent_joins_.find(reply.request_id);
  if (sent != sent_joins_.end()) {
    const ChangeToken token = sent->second.token;
    sent_joins_.erase(sent);
    ports_.change_done(token, reply.error, reply.epoch);
  }
}

void Membership::expire_sent_joins(LocalTime now) {
  std::erase_if(sent_joins_, [&](const auto& entry) {
    const SentJoin& sent = entry.second;
    if (sent.deadline_us > now.mono_us) {
      return false;
    }
    ports_.change_done(
        sent.token, "NOMAJORITY no answer from that member, the change may still take effect", 0);
    return true;
  });
}

uint64_t Membership::next_sent_join_us() const {
  uint64_t next = Liveness::kNever;
  for (const auto& [id, sent] : sent_joins_) {
    next = std::min(next, sent.deadline_us);
  }
  return next;
}

// Alone, in a generation of its own: what others commit meanwhile in theirs is given up. Numbers of
// generations leap at random, so that two such removals make two generations.
void Membership::force_removal(ChangeToken token, const RingChange& change, LocalTime now) {
  constexpr uint32_t kLeapMax = 1 << 16;
  StagedChange removal;
  std::string error = resolve(change, record_.node_id, *document_, &removal);
  if (error.empty() && change.kind != ChangeKind::kRemove) {
    error = "ERR FORCE goes with RING REMOVE alone";
  } else if (error.empty() && removal.node == record_.node_id) {
    error = "ERR a node can't remove itself by force; ask another member";
  } else if (error.empty() && record_.document != document_) {
    error = "TRYAGAIN another ring change is being stored";
  }
  auto next = std::make_shared<ClusterDocument>(next_document(*document_));
  if (error.empty()) {
    next->staged.clear();
    next->ancestors.push_back({document_->generation, document_->epoch});
    if (next->ancestors.size() > kAncestorsMax) {
      next->ancestors.erase(next->ancestors.begin());
    }
    next->generation += 1 + static_cast<uint32_t>(ports_.random() % kLeapMax);
    error = apply_change(removal, true, next.get());
  }
  if (!error.empty()) {
    ports_.change_done(token, error, 0);
    return;
  }
  start_moves(next.get());
  for (Wish& other : wishes_) {
    other.is_proposed = false;
  }
  Wish forced;
  forced.deadline_us = now.mono_us + uint64_t{config_.request_timeout_ms} * 1000;
  forced.is_proposed = true;
  forced.apply = [](ClusterDocument*) { return std::string("ERR a later document came first"); };
  wishes_.push_back(with_token(token, std::move(forced)));
  own_proposal_ = next;
  store_document(std::move(next), true);
}

std::string Membership::no_majority(bool is_unknown) const {
  return "NOMAJORITY a change of the cluster needs a majority of the " +
         std::to_string(document_->members.size()) +
         " members, up=" + std::to_string(liveness_.up_count()) +
         (is_unknown ? ", it may still take effect" : ", nothing was changed");
}

std::shared_ptr<const ClusterDocument> Membership::compose(LocalTime now) {
  const ClusterDocument unchanged = next_document(*document_);
  auto next = std::make_shared<ClusterDocument>(unchanged);
  apply_wishes(next.get());
  admit(now, next.get());
  refresh_self(next.get());
  apply_steps(now, next.get());
  if (*next == unchanged) {
    return nullptr;
  }
  start_moves(next.get());
  return next;
}

// A wish that can't be granted, or is granted by the document as it stands, is over.
void Membership::apply_wishes(ClusterDocument* next) {
  const ClusterDocument unchanged = *next;
  std::vector<std::pair<Wish, std::string>> over;
  std::vector<Wish> kept;
  for (Wish& wish : wishes_) {
    std::string error = wish.apply(next);
    wish.is_proposed = error.empty() && *next != unchanged;
    if (wish.is_proposed) {
      kept.push_back(std::move(wish));
    } else {
      over.emplace_back(std::move(wish), std::move(error));
    }
  }
  wishes_ = std::move(kept);
  for (const auto& [wish, error] : over) {
    wish.done(error, document_->epoch);
  }
}

void Membership::finish_wishes(const ClusterDocument& installed) {
  const bool is_own = own_proposal_ != nullptr && *own_proposal_ == installed;
  own_proposal_ = nullptr;
  is_own_sent_ = false;
  std::vector<Wish> over;
  for (auto at = wishes_.begin(); at != wishes_.end();) {
    if (is_own && at->is_proposed) {
      over.push_back(std::move(*at));
      at = wishes_.erase(at);
    } else {
      at->is_proposed = false;
      ++at;
    }
  }
  for (const Wish& wish : over) {
    wish.done({}, installed.epoch);
  }
}

void Membership::expire_changes(LocalTime now) {
  std::vector<std::pair<Wish, bool>> late;
  for (auto at = wishes_.begin(); at != wishes_.end();) {
    if (at->deadline_us > now.mono_us) {
      ++at;
      continue;
    }
    const bool is_unknown = at->is_proposed && is_own_sent_;
    if (at->is_proposed && !is_own_sent_) {
      give_proposal_up();  // nothing of it was to be accepted: it will not come to be
    }
    late.emplace_back(std::move(*at), is_unknown);
    at = wishes_.erase(at);
  }
  for (const auto& [wish, is_unknown] : late) {
    wish.done(no_majority(is_unknown), 0);
  }
  std::erase_if(lookups_, [&](const Lookup& lookup) {
    if (lookup.deadline_us > now.mono_us) {
      return false;
    }
    const std::string& wanted = newcomer_of(lookup.change);
    const Newcomer* bound = find_newcomer(wanted);
    ports_.change_done(
        lookup.token,
        bound != nullptr ? "ERR " + wanted +
                               " waits to found a cluster with other nodes; start "
                               "it with an empty directory and a member of this cluster as its seed"
                         : "ERR no waiting node answers at " + wanted +
                               "; start it with a member of this cluster as its seed",
        0);
    return true;
  });
  if (!late.empty()) {
    propose(now);
  }
}

uint64_t Membership::next_change_us() const {
  uint64_t next = Liveness::kNever;
  for (const Wish& wish : wishes_) {
    next = std::min(next, wish.deadline_us);
  }
  for (const Lookup& lookup : lookups_) {
    next = std::min(next, lookup.deadline_us);
  }
  return next;
}

}  // namespace kindred
