#include "replication/membership/liveness.h"

#include <algorithm>
#include <utility>

#include "replication/membership/cluster_clock.h"

namespace kindred {

void Liveness::set_members(const ClusterDocument& document, NodeId self, uint64_t first_sequence) {
  std::vector<MemberView> views;
  std::vector<Track> tracks;
  for (const Member& member : document.members) {
    if (member.id == self) {
      continue;
    }
    if (const auto known = index_of(member.id)) {
      views.push_back(views_[*known]);
      tracks.push_back(tracks_[*known]);
    } else {
      views.emplace_back().id = member.id;
      tracks.emplace_back().last_sequence = first_sequence;
    }
    views.back().peer_address = member.peer_address;
  }
  views_ = std::move(views);
  tracks_ = std::move(tracks);
}

uint64_t Liveness::begin_probe(NodeId member, uint64_t mono_us, uint64_t unix_ms) {
  const auto index = index_of(member);
  if (!index) {
    return 0;
  }
  Track& track = tracks_[*index];
  const uint64_t sequence = ++track.last_sequence;
  track.sent[sequence % kProbesKept] = {sequence, mono_us};
  if (views_[*index].ping_sent_ms == 0) {
    views_[*index].ping_sent_ms = unix_ms;
  }
  return sequence;
}

bool Liveness::answered(const Probe& reply, uint64_t mono_us, uint64_t unix_ms) {
  const auto index = index_of(reply.sender.node);
  if (!index || reply.sequence < tracks_[*index].accepted_from) {
    return false;
  }
  const SentProbe& sent = tracks_[*index].sent[reply.sequence % kProbesKept];
  if (sent.sequence != reply.sequence || mono_us - sent.sent_us >= kSilenceUsMax) {
    return false;
  }
  MemberView& view = views_[*index];
  Track& track = tracks_[*index];
  view.is_whole = reply.is_whole;
  view.version = reply.version;
  view.ping_sent_ms = 0;
  view.pong_received_ms = unix_ms;
  // An answer to an older probe is the staler one: it tells of an earlier moment.
  track.accepted_from = reply.sequence;
  track.silence_ends_us = mono_us + kSilenceUsMax;
  const uint64_t half_trip_ms = (mono_us - sent.sent_us) / 2 / 1000;
  const uint64_t their_ms = std::min(reply.unix_ms, ClusterClock::kUnixMsMax) + half_trip_ms;
  const uint64_t our_ms = std::min(unix_ms, ClusterClock::kUnixMsMax);
  track.clock_difference_ms = static_cast<int64_t>(their_ms) - static_cast<int64_t>(our_ms);
  return !std::exchange(view.is_up, true);
}

bool Liveness::link_lost(NodeId member) {
  const auto index = index_of(member);
  if (!index) {
    return false;
  }
  tracks_[*index].accepted_from = tracks_[*index].last_sequence + 1;
  return std::exchange(views_[*index].is_up, false);
}

std::vector<NodeId> Liveness::expire(uint64_t mono_us) {
  std::vector<NodeId> silent;
  for (std::size_t i = 0; i < views_.size(); ++i) {
    if (views_[i].is_up && tracks_[i].silence_ends_us <= mono_us) {
      views_[i].is_up = false;
      silent.push_back(views_[i].id);
    }
  }
  return silent;
}

uint64_t Liveness::next_expiry_us() const {
  uint64_t next = kNever;
  for (std::size_t i = 0; i < views_.size(); ++i) {
    if (views_[i].is_up) {
      next = std::min(next, tracks_[i].silence_ends_us);
    }
  }
  return next;
}

std::vector<int64_t> Liveness::clock_differences_ms() const {
  std::vector<int64_t> differences;
  for (std::size_t i = 0; i < views_.size(); ++i) {
    if (views_[i].is_up) {
      differences.push_back(tracks_[i].clock_difference_ms);
    }
  }
  return differences;
}

const MemberView* Liveness::find(NodeId member) const {
  const auto index = index_of(member);
  return index ? &views_[*index] : nullptr;
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
