#include "replication/handoff/hint_reader.h"

#include <algorithm>

namespace kindred {

HintMark HintsOfKey::mark_of(NodeId target) const {
  for (const auto& [whose, mark] : marks) {
    if (whose == target) {
      return mark;
    }
  }
  return HintMark{};
}

void HintsOfKey::set_mark(NodeId target, const HintMark& mark) {
  for (auto& [whose, known] : marks) {
    if (whose == target) {
      known = mark;
      return;
    }
  }
  marks.emplace_back(target, mark);
}

LoadStatus HintReader::try_read(const KeyRef& key, HintsOfKey* hints) {
  for (const NodeId target : book_.targets_in(key.partition)) {
    KeyRef hint = key;
    hint.hint_for = target;
    State state;
    const LoadStatus status = ports_.try_load(hint, &state);
    if (status == LoadStatus::kCorrupt) {
      drop_damaged(hint);
    } else if (status != LoadStatus::kLoaded) {
      return status;
    } else {
      take(hints, hint, state);
    }
  }
  return LoadStatus::kLoaded;
}

void HintReader::read(const KeyRef& key, StoreToken asker) {
  const uint64_t id = ++last_id_;
  Read& read = reads_[id];
  read.key.assign(key.key);
  read.done.asker = asker;
  for (const NodeId target : book_.targets_in(key.partition)) {
    const uint64_t token = ++last_id_;
    Load& load = loads_[token];
    load.read = id;
    load.key.assign(key.key);
    load.hint = key;
    load.hint.key = load.key;
    load.hint.hint_for = target;
    ++read.loads_left;
    ports_.load(load.hint, token);
  }
}

std::optional<HintReader::Done> HintReader::on_loaded(uint64_t id, LoadStatus status,
                                                      const State& state) {
  auto load = loads_.extract(id);
  if (load.empty()) {
    return std::nullopt;
  }
  const auto read = reads_.find(load.mapped().read);
  KeyRef hint = load.mapped().hint;
  hint.key = load.mapped().key;
  if (status == LoadStatus::kCorrupt) {
    drop_damaged(hint);
  } else if (status == LoadStatus::kLoaded) {
    take(&read->second.done.hints, hint, state);
  } else {
    read->second.done.status = status;
  }
  if (--read->second.loads_left > 0) {
    return std::nullopt;
  }
  Done done = std::move(read->second.done);
  reads_.erase(read);
  return done;
}

bool HintReader::is_reading(const KeyRef& hint) const {
  return std::any_of(reads_.begin(), reads_.end(),
                     [&](const auto& entry) { return entry.second.key == hint.key; });
}

void HintReader::changed(const KeyRef& hint, const State& state) {
  for (auto& [id, read] : reads_) {
    if (read.key == hint.key) {
      take(&read.done.hints, hint, state);
    }
  }
}

void HintReader::take(HintsOfKey* hints, const KeyRef& hint, const State& state) {
  hints->set_mark(hint.hint_for, hint_mark(hint, state));
  if (hints->state.never_written()) {
    hints->state = state;
  } else if (!state.never_written()) {
    const Round clean = std::min(hints->state.round, state.round);
    hints->state = merge(hints->state, state);
    hints->state.round = clean;
  }
  hints->state.own();
}

void HintReader::drop_damaged(const KeyRef& hint) {
  ports_.quarantine(hint);
  book_.damaged(hint);
}

}  // namespace kindred
