#include "replication/membership/liveness.h"

#include <algorithm>
#include <utility>

namespace kindred {
namespace {

constexpr uint8_t kWholeFlag = 1;  // on the wire, so it never changes its meaning

}  // namespace

void Liveness::set_members(const ClusterDocument& document, NodeId self, uint64_t prng_seed) {
  std::vector<MemberView> views;
  std::vector<std::optional<int64_t>> differences;
  std::vector<NodeId> others;
  for (const Member& member : document.members) {
    if (member.id == self) {
      continue;
    }
    const auto known = index_of(member.id);
    views.push_back(known ? views_[*known] : MemberView{});
    views.back().id = member.id;
    views.back().peer_address = member.peer_address;
    differences.push_back(known ? clock_differences_ms_[*known] : std::nullopt);
    others.push_back(member.id);
  }
  views_ = std::move(views);
  clock_differences_ms_ = std::move(differences);
  if (!swim_) {
    swim_.emplace(self, SwimConfig{}, prng_seed);
    set_whole(is_whole_);
  }
  swim_->set_members(others);
}

void Liveness::set_whole(bool is_whole) {
  is_whole_ = is_whole;
  if (swim_) {
    swim_->set_flags(is_whole ? kWholeFlag : 0);
  }
}

void Liveness::receive(const Gossip& gossip, LocalTime now, SwimEffects* effects) {
  if (!swim_) {
    return;
  }
  const std::size_t answered = effects->answers.size();
  swim_->receive(gossip.sender.node, gossip.message, now.mono_us, effects);
  for (std::size_t i = answered; i < effects->answers.size(); ++i) {
    take_clock(effects->answers[i], gossip.unix_ms, now);
  }
  refresh(now);
}

void Liveness::look_at(NodeId member, LocalTime now, SwimEffects* effects) {
  if (swim_) {
    swim_->look_at(member, now.mono_us, effects);
    refresh(now);
  }
}

void Liveness::expect(NodeId member, LocalTime now, SwimEffects* effects) {
  if (swim_) {
    swim_->expect(member, now.mono_us, effects);
    refresh(now);
  }
}

void Liveness::link_lost(NodeId member, LocalTime now, SwimEffects* effects) {
  if (swim_) {
    swim_->link_lost(member, now.mono_us, effects);
    refresh(now);
  }
}

void Liveness::tick(LocalTime now, SwimEffects* effects) {
  if (swim_ && swim_->next_deadline_us() <= now.mono_us) {
    swim_->tick(now.mono_us, effects);
    refresh(now);
  }
}

uint64_t Liveness::next_deadline_us() const {
  return views_.empty() ? kNever : swim_->next_deadline_us();
}

void Liveness::clear_gossip() {
  if (swim_) {
    swim_->clear_gossip();
  }
}

void Liveness::refresh(LocalTime now) {
  for (std::size_t i = 0; i < views_.size(); ++i) {
    MemberView& view = views_[i];
    const SwimPeer& peer = *swim_->find(view.id);
    view.is_up = peer.is_up;
    view.word = peer.word;
    view.is_whole = (peer.word.flags & kWholeFlag) != 0;
    view.phi = swim_->phi(peer);
    if (peer.unanswered_since_us == 0) {
      view.ping_sent_ms = 0;
    } else if (view.ping_sent_ms == 0) {
      view.ping_sent_ms = now.unix_ms;
    }
    if (!peer.is_up) {
      clock_differences_ms_[i].reset();
    }
  }
}

void Liveness::take_clock(const SwimEffects::Answer& answer, uint64_t their_unix_ms,
                          LocalTime now) {
  const std::size_t index = *index_of(answer.member);
  views_[index].pong_received_ms = now.unix_ms;
  views_[index].answered_us = now.mono_us;
  if (answer.round_trip_us >= kReadingUsMax) {
    return;
  }
  const uint64_t half_trip_ms = answer.round_trip_us / 2 / 1000;
  const uint64_t their_ms = std::min(their_unix_ms, ClusterClock::kUnixMsMax) + half_trip_ms;
  const uint64_t our_ms = std::min(now.unix_ms, ClusterClock::kUnixMsMax);
  clock_differences_ms_[index] = static_cast<int64_t>(their_ms) - static_cast<int64_t>(our_ms);
}

std::vector<int64_t> Liveness::clock_differences_ms() const {
  std::vector<int64_t> differences;
  for (std::size_t i = 0; i < views_.size(); ++i) {
    if (views_[i].is_up && clock_differences_ms_[i]) {
      differences.push_back(*clock_differences_ms_[i]);
    }
  }
  return differences;
}

const MemberView* Liveness::find(NodeId member) const {
  const auto index = index_of(member);
  return index ? &views_[*index] : nullptr;
}

std::string_view Liveness::why_down(NodeId member) const {
  const SwimPeer* peer = swim_ ? swim_->find(member) : nullptr;
  return peer == nullptr || peer->link == LinkState::kDown
             ? "it stopped answering"
             : "the others say that it answers nobody";
}

std::size_t Liveness::up_count() const {
  return 1 + static_cast<std::size_t>(std::ranges::count_if(views_, &MemberView::is_up));
}

std::optional<std::size_t> Liveness::index_of(NodeId member) const {
  const auto found = std::ranges::find(views_, member, &MemberView::id);
  if (found == views_.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - views_.begin());
}

}  // namespace kindred
