#include "replication/membership/founding.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <optional>
#include <utility>

namespace kindred {
namespace {

std::string node_text(const Member& member) {
  return "node " + id_text(member.id) + " at " + address_text(member.peer_address);
}

bool is_bound(const Hello& hello) {
  return !hello.promised_to.is_none();
}

Promise promise_for(const Hello& hello) {
  return {hello.member.id, hello.member.directory, hello.member.peer_address};
}

}  // namespace

Founding::Founding(Member self, std::vector<Address> seeds)
    : self_(std::move(self)), configured_seeds_(std::move(seeds)) {
  own_addresses_.insert(self_.peer_address);
}

void Founding::found_self_at(const Address& address) {
  if (own_addresses_.size() < kSeedsMax) {
    own_addresses_.insert(address);
    peers_.erase(address);
  }
}

void Founding::heard(const Address& address, const Hello& hello, uint64_t mono_us) {
  const auto known = peers_.find(address);
  if (is_superseded(hello.sender.directory) ||
      (known == peers_.end() && !is_to_be_asked(address, mono_us))) {
    return;
  }
  if (known != peers_.end()) {
    const DirectoryId before = known->second.hello.sender.directory;
    if (before != hello.sender.directory && superseded_.size() < kAddressesMax) {
      superseded_.insert(before);
    }
  }
  peers_[address] = {hello, mono_us, true};
}

void Founding::lost(const Address& address) {
  const auto known = peers_.find(address);
  if (known != peers_.end()) {
    known->second.is_fresh = false;
  }
}

void Founding::watch(const Promise& promise) {
  promised_address_ = promise.address;
}

void Founding::renew(NodeId node, DirectoryId directory) {
  self_.id = node;
  self_.directory = directory;
  promised_address_ = {};
}

std::vector<Address> Founding::addresses_to_ask(uint64_t mono_us) const {
  std::set<Address> addresses = closure(mono_us).addresses;
  if (promised_address_.port != 0 && !is_self(promised_address_)) {
    addresses.insert(promised_address_);
  }
  return {addresses.begin(), addresses.end()};
}

std::vector<Address> Founding::seeds() const {
  std::vector<Address> others;
  std::ranges::copy_if(configured_seeds_, std::back_inserter(others),
                       [this](const Address& seed) { return !is_self(seed); });
  return others;
}

bool Founding::is_to_be_asked(const Address& address, uint64_t mono_us) const {
  return (address == promised_address_ && !is_self(address)) ||
         closure(mono_us).addresses.contains(address);
}

bool Founding::is_node_of_closure(NodeId node, uint64_t mono_us) const {
  return closure(mono_us).nodes.contains(node);
}

bool Founding::is_self(const Address& address) const {
  return own_addresses_.contains(address);
}

const Hello* Founding::fresh_hello(const Address& address, uint64_t mono_us) const {
  const auto known = peers_.find(address);
  if (known == peers_.end() || !known->second.is_fresh ||
      known->second.heard_us + kFreshUsMax < mono_us) {
    return nullptr;
  }
  return &known->second.hello;
}

Founding::Closure Founding::closure(uint64_t mono_us) const {
  Closure closure;
  std::deque<const Address*> to_visit;
  const auto visit_later = [&](const std::vector<Address>& seeds) {
    for (const Address& seed : seeds) {
      if (!is_self(seed) && closure.addresses.size() < kAddressesMax) {
        const auto [at, is_new] = closure.addresses.insert(seed);
        if (is_new) {
          to_visit.push_back(&*at);
        }
      }
    }
  };
  visit_later(configured_seeds_);
  for (; !to_visit.empty(); to_visit.pop_front()) {
    const Hello* hello = fresh_hello(*to_visit.front(), mono_us);
    if (hello == nullptr) {
      closure.unheard.push_back(*to_visit.front());
    } else if (closure.nodes.emplace(hello->member.id, hello).second) {
      visit_later(hello->seeds);
    }
  }
  closure.is_too_large = closure.addresses.size() >= kAddressesMax;
  return closure;
}

std::string Founding::flaw(const Closure& closure) const {
  if (closure.is_too_large) {
    return "the seeds and their seeds name more than " + std::to_string(kAddressesMax - 1) +
           " nodes";
  }
  if (!closure.unheard.empty()) {
    std::string names;
    for (const Address& address : closure.unheard) {
      names += (names.empty() ? "" : ", ") + address_text(address);
    }
    return "no answer yet from " + names;
  }
  std::map<Address, const Member*> announced{{self_.peer_address, &self_}};
  for (const auto& [id, hello] : closure.nodes) {
    if (hello->sender.cluster != 0) {
      return node_text(hello->member) + " is in cluster " + id_text(hello->sender.cluster) +
             ", asked it for the cluster's members";
    }
    if (!announced.emplace(hello->member.peer_address, &hello->member).second || id == self_.id) {
      return "two nodes announce themselves as " + node_text(hello->member);
    }
  }
  return {};
}

Bond Founding::bond(const ClusterDocument& document, const Promise& promised_to,
                    uint64_t mono_us) const {
  const Member* holder = document.find_member(promised_to.node);
  if (promised_to.is_none()) {
    return Bond::kNone;
  }
  if (promised_to.cluster == document.cluster_id ||
      (holder != nullptr && holder->directory == promised_to.directory)) {
    return Bond::kToCluster;
  }
  const Hello* at_its_place = fresh_hello(promised_to.address, mono_us);
  if (at_its_place == nullptr) {
    return Bond::kElsewhere;
  }
  if (at_its_place->sender.cluster != 0) {
    return at_its_place->sender.cluster == document.cluster_id ? Bond::kToCluster
                                                               : Bond::kElsewhere;
  }
  const bool never_founds =
      at_its_place->member.directory != promised_to.directory || is_bound(*at_its_place);
  return never_founds ? Bond::kNone : Bond::kElsewhere;
}

FoundingDecision Founding::decide(const Promise& promised_to, uint64_t mono_us) const {
  const Closure around = closure(mono_us);
  if (std::string reason = flaw(around); !reason.empty()) {
    return FoundingWait{std::move(reason)};
  }
  return promised_to.is_none() ? decide_unbound(around)
                               : decide_bound(around, promised_to, mono_us);
}

FoundingDecision Founding::decide_unbound(const Closure& closure) const {
  for (const auto& [id, hello] : closure.nodes) {
    if (id < self_.id && !is_bound(*hello)) {
      return FoundingPromise{promise_for(*hello)};
    }
  }
  FoundingReady ready{{self_}};
  for (const auto& [id, hello] : closure.nodes) {
    const Promise& promise = hello->promised_to;
    if (promise.node != self_.id || promise.directory != self_.directory) {
      return FoundingWait{"the promise of " + node_text(hello->member) + " is still missing"};
    }
    ready.members.push_back(hello->member);
  }
  return ready;
}

FoundingDecision Founding::decide_bound(const Closure& closure, const Promise& promised_to,
                                        uint64_t mono_us) const {
  const auto held = std::ranges::find_if(closure.nodes, [&](const auto& entry) {
    return entry.second->member.directory == promised_to.directory;
  });
  if (held != closure.nodes.end()) {
    if (is_bound(*held->second)) {
      return move_promise(closure);  // it never founds
    }
    return FoundingWait{node_text(held->second->member) +
                        " founds the cluster as soon as all have promised it"};
  }
  const Hello* at_its_place = fresh_hello(promised_to.address, mono_us);
  if (at_its_place == nullptr || at_its_place->sender.cluster != 0) {
    return FoundingWait{"promised node " + id_text(promised_to.node) + " at " +
                        address_text(promised_to.address) +
                        ", which does not answer; start it, or wipe this directory if it is gone"};
  }
  if (at_its_place->member.directory == promised_to.directory) {
    return is_bound(*at_its_place)
               ? move_promise(closure)
               : FoundingWait{node_text(at_its_place->member) +
                              " holds this node's promise but is no longer among the seeds"};
  }
  return move_promise(closure);  // its directory is gone
}

FoundingDecision Founding::move_promise(const Closure& closure) const {
  for (const auto& [id, hello] : closure.nodes) {
    if (!is_bound(*hello)) {
      return FoundingPromise{promise_for(*hello)};
    }
  }
  if (closure.nodes.empty() || self_.id < closure.nodes.begin()->first) {
    return FoundingRenewal{};
  }
  return FoundingWait{"no node may found, " + node_text(closure.nodes.begin()->second->member) +
                      " is to start anew"};
}

}  // namespace kindred
