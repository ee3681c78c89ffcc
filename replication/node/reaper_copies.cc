// Copies that come back, and copies that begin.
#include <algorithm>

#include "replication/node/reaper.h"

namespace kindred {

namespace {

constexpr uint32_t kErasedAtOnce = 256;
constexpr uint32_t kErasedBytesMax = 1U << 20;
constexpr size_t kAskedMax = 1024;
constexpr uint64_t kAskAgainUs = 200'000;

}  // namespace

void Reaper::look_after_copies(Now now) {
  const bool reads = emptying_request_ != 0 || (emptying_is_read_ && !emptying_starts_over_);
  if ((core_.has_to_empty && !emptying_) || (emptying_ && !reads && emptying_stores_.empty())) {
    empty_one();
  } else if (emptying_ && emptying_is_read_ && emptying_stores_.empty()) {
    emptied();
  }
  if (has_unknown_ && now.mono_us >= look_again_us_) {
    look_again(now);
  }
}

bool Reaper::is_unknown(uint16_t partition) const {
  return core_.is_mine(partition) && !core_.copies.at(partition).knows_round &&
         !core_.others_up(partition).empty();
}

void Reaper::look_again(Now now) {
  has_unknown_ = false;
  look_again_us_ = now.mono_us + kAskAgainUs;
  asked_.clear();
  for (uint32_t p = 0; p < core_.copies.size() && asked_.size() < kAskedMax; ++p) {
    const auto partition = static_cast<uint16_t>(p);
    if (is_unknown(partition)) {
      has_unknown_ = true;
      ask_where(partition);
    }
  }
}

void Reaper::ask_where(uint16_t partition) {
  const auto others = core_.others_up(partition);
  RoundCall message;
  message.id = next_id();
  message.part = RoundPart::kAsk;
  message.step = core_.step(partition);
  message.document = core_.document_version();
  message.partition = partition;
  asked_[message.id] = partition;
  // Not the same one each time: it may not be whole.
  core_.ports.send(others[message.id % others.size()], message);
}

/// An owner said where the partition stands.
void Reaper::told(uint16_t partition, const RoundReply& reply) {
  Copy& copy = core_.copies.at(partition);
  const bool is_credible =
      core_.is_credible(reply.rounds.committed) && core_.is_credible(reply.rounds.clean);
  if (reply.status != RoundStatus::kOk || copy.knows_round || !is_credible) {
    return;
  }
  copy.knows_round = true;
  RoundMark mark;
  mark.bar = reply.rounds.committed;
  copy.mark.bar = std::max(copy.mark.bar, mark.bar);
  // It may be agreed already, unheard by the owner that told: whoever voted for it knows the
  // number.
  mark.begins = KINDRED_BUG(hints_begin_below_a_vote) ? 0 : reply.rounds.clean;
  copy.mark.begins = std::max(copy.mark.begins, mark.begins);
  // A tree in doubt, after a flush or an engine's trouble, does not tell.
  const bool has_keys = copy.tree.tree().keys() != 0 || !copy.tree.is_exact();
  if (copy.state != CopyState::kNone && has_keys) {
    core_.see_round(partition, reply.rounds.committed);
  } else if (copy.state != CopyState::kNone) {
    mark.round = reply.rounds.committed;
    copy.mark.round = std::max(copy.mark.round, mark.round);
    copy.mark.clean = std::max(copy.mark.clean, mark.round);
  }
  if (mark.begins != 0 && core_.save_mark(partition, mark, 0) == StoreStatus::kFailed) {
    ++core_.metrics.storage_failures;  // it is asked again after a start
  }
}

/// Goes on with the copy being emptied, or with the next one.
void Reaper::empty_one() {
  if (!emptying_) {
    core_.has_to_empty = false;
    for (uint32_t p = 0; p < core_.copies.size(); ++p) {
      const Copy& copy = core_.copies.at(static_cast<uint16_t>(p));
      if (copy.empties_to == 0 || copy.state == CopyState::kDeparting) {
        continue;
      }
      core_.has_to_empty = core_.has_to_empty || emptying_.has_value();
      emptying_ = emptying_.value_or(static_cast<uint16_t>(p));
    }
    if (!emptying_) {
      return;
    }
    emptying_starts_over_ = true;
  }
  if (emptying_starts_over_) {
    emptying_place_.go_to_begin(*emptying_, core_.partitions());
    emptying_starts_over_ = false;
    emptying_is_read_ = false;
  }
  FetchRange range = emptying_place_.range(*emptying_, next_id());
  range.entries_max = kErasedAtOnce;
  range.bytes_max = kErasedBytesMax;
  range.values_wanted = false;
  emptying_request_ = range.id;
  core_.ports.read_range(range, range.id);
}

/// Nothing else is stored in such a copy, so the records are what loads would show.
void Reaper::erase_page(bool ok, std::span<const RangeEntry> entries, bool done, Now now) {
  emptying_request_ = 0;
  const uint16_t partition = *emptying_;
  Copy& copy = core_.copies.at(partition);
  if (copy.empties_to == 0 || copy.state == CopyState::kDeparting ||
      copy.state == CopyState::kNone) {
    emptying_is_read_ = true;
    return;
  }
  if (!ok) {
    return;  // the next tick reads the page again
  }
  for (const RangeEntry& entry : entries) {
    State state;
    if (!core_.ports.decode(entry.key, entry.record, &state)) {
      return core_.quarantine(entry.key);
    }
    core_.filter(state);
    if (state.is_newer_than(copy.empties_to) && !KINDRED_BUG(behind_copy_loses_new_writes)) {
      emptying_place_.go_behind(entry.key);
      continue;
    }
    const uint64_t id = next_id();
    const StoreStatus status = core_.commit(entry.key, live_mark(state), LiveMark{},
                                            std::string_view(), core_.config.durability, id, now);
    if (status == StoreStatus::kFailed) {
      return;  // as above
    }
    if (status == StoreStatus::kPending) {
      emptying_stores_.insert(id);
    }
    emptying_place_.go_behind(entry.key);
  }
  emptying_is_read_ = done;
}

/// Nothing of what it held is left, in the engine neither.
void Reaper::emptied() {
  const uint16_t partition = *emptying_;
  Copy& copy = core_.copies.at(partition);
  emptying_.reset();
  emptying_is_read_ = false;
  if (copy.empties_to == 0 || copy.state == CopyState::kDeparting ||
      copy.state == CopyState::kNone) {
    return;
  }
  copy.mark.round = copy.empties_to;
  copy.mark.clean = copy.empties_to;
  copy.empties_to = 0;
  copy.knows_round = true;
  if (core_.save_mark(partition, copy.mark, 0) == StoreStatus::kFailed) {
    ++core_.metrics.storage_failures;  // a start would find the copy behind, and empty it again
  }
  ++core_.metrics.emptied_copies;
  core_.has_new_filling = true;
}

}  // namespace kindred
