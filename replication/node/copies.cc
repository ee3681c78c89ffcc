#include "replication/node/copies.h"

#include <algorithm>
#include <bit>
#include <string_view>
#include <tuple>

namespace kindred {

namespace {

/// Entries that a context usually has beside those of siblings: the owners', and some to spare, so
/// that not every restart is worth a round.
constexpr size_t kUsualEntries = 6;

}  // namespace

LiveMark live_mark(const State& state) {
  LiveMark mark;
  mark.written = !state.never_written();
  mark.siblings = state.siblings.size();
  mark.clock = state.context.vector().size() + state.context.dots().size();
  mark.live = mark.siblings > 0;
  mark.is_crowded = mark.clock > mark.siblings + kUsualEntries;
  mark.digest = tree_digest(state);
  for (const Sibling& sibling : state.siblings) {
    if (sibling.expire_at_ms == 0) {
      mark.dies_at_ms = 0;
      break;
    }
    mark.dies_at_ms = std::max(mark.dies_at_ms, sibling.expire_at_ms);
  }
  return mark;
}

namespace {

// 0, 1, 2, 3-4, 5-8, 9-16, 17 and more.
size_t histogram_place(size_t size) {
  constexpr size_t kLast = std::tuple_size_v<LiveCount::SiblingHistogram> - 1;
  return size == 0 ? 0 : std::min<size_t>(1 + std::bit_width(size - 1), kLast);
}

}  // namespace

void LiveCount::change(const LiveMark& before, const LiveMark& after, uint64_t now_ms) {
  if (before.written == after.written && before.siblings == after.siblings &&
      before.clock == after.clock && before.dies_at_ms == after.dies_at_ms) {
    return;  // one value in place of another
  }
  expire(now_ms);
  written_ += (after.written ? 1 : 0) - (before.written ? 1 : 0);
  crowded_ += (after.is_crowded ? 1 : 0) - (before.is_crowded ? 1 : 0);
  if (before.written) {
    --by_siblings_[histogram_place(before.siblings)];
    --by_clock_[histogram_place(before.clock)];
  }
  if (after.written) {
    ++by_siblings_[histogram_place(after.siblings)];
    ++by_clock_[histogram_place(after.clock)];
  }
  auto add = [this](const LiveMark& mark, int64_t by) {
    if (!mark.live) {
      return;
    }
    if (mark.dies_at_ms == 0) {
      live_ += by;
      return;
    }
    const uint64_t tick = tick_of(mark.dies_at_ms);
    if (tick <= passed_tick_) {
      return;  // taken off already, or dead on arrival
    }
    live_ += by;
    expiring_ += by;
    auto place = dying_.try_emplace(tick, 0).first;
    place->second += by;
    if (place->second == 0) {
      dying_.erase(place);
    }
  };
  add(before, -1);
  add(after, +1);
}

uint64_t LiveCount::live(uint64_t now_ms) {
  expire(now_ms);
  return static_cast<uint64_t>(std::max<int64_t>(live_, 0));
}

uint64_t LiveCount::dead(uint64_t now_ms) {
  expire(now_ms);
  return static_cast<uint64_t>(std::max<int64_t>(written_ - std::max<int64_t>(live_, 0), 0));
}

uint64_t LiveCount::expiring(uint64_t now_ms) {
  expire(now_ms);
  return static_cast<uint64_t>(std::max<int64_t>(expiring_, 0));
}

void LiveCount::reset() {
  by_siblings_ = {};
  by_clock_ = {};
  live_ = 0;
  written_ = 0;
  crowded_ = 0;
  expiring_ = 0;
  dying_.clear();
}

CountFigures LiveCount::figures() const {
  CountFigures figures;
  figures.by_siblings = by_siblings_;
  figures.by_clock = by_clock_;
  figures.live = static_cast<uint64_t>(live_);
  figures.written = static_cast<uint64_t>(written_);
  figures.crowded = static_cast<uint64_t>(crowded_);
  figures.expiring = static_cast<uint64_t>(expiring_);
  figures.passed_tick = passed_tick_;
  for (const auto& [tick, keys] : dying_) {
    figures.dying.emplace_back(tick, static_cast<uint64_t>(keys));
  }
  return figures;
}

void LiveCount::restore(const CountFigures& figures) {
  by_siblings_ = figures.by_siblings;
  by_clock_ = figures.by_clock;
  live_ = static_cast<int64_t>(figures.live);
  written_ = static_cast<int64_t>(figures.written);
  crowded_ = static_cast<int64_t>(figures.crowded);
  expiring_ = static_cast<int64_t>(figures.expiring);
  passed_tick_ = figures.passed_tick;
  dying_.clear();
  for (const auto& [tick, keys] : figures.dying) {
    dying_.emplace_hint(dying_.end(), tick, static_cast<int64_t>(keys));
  }
}

void LiveCount::expire(uint64_t now_ms) {
  // The clock may step back: what was taken off stays off, so counts never go wrong twice.
  passed_tick_ = std::max(passed_tick_, now_ms / kTickMs);
  while (!dying_.empty() && dying_.begin()->first <= passed_tick_) {
    live_ -= dying_.begin()->second;
    expiring_ -= dying_.begin()->second;
    dying_.erase(dying_.begin());
  }
}

bool SweepTrack::is_ahead(const KeyRef& other) const {
  // In the order in which the engine keeps records.
  return !has_begun || std::tuple(slot, hash, key.size(), std::string_view(key)) <
                           std::tuple(other.slot, other.hash, other.key.size(), other.key);
}

void Copies::note_change(const KeyRef& key, const LiveMark& before, const LiveMark& after,
                         uint64_t now_ms) {
  Copy& copy = at(key.partition);
  const bool is_first =
      copy.sweep && copy.sweep->is_ahead(key) && copy.sweep->written.insert(key.hash).second;
  // What was there before is not in a count that began anew.
  copy.count.change(is_first && copy.sweep->counts_anew ? LiveMark() : before, after, now_ms);
  if (before.digest != after.digest) {
    copy.tree.change({key.slot, key.hash}, before.digest, after.digest);
  }
}

uint32_t Copies::count(CopyState state) const {
  return static_cast<uint32_t>(std::count_if(
      copies_.begin(), copies_.end(), [state](const Copy& copy) { return copy.state == state; }));
}

}  // namespace kindred
