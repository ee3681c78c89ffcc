#include "replication/causal/context.h"

#include <algorithm>

namespace kindred {

namespace {

bool by_actor(const CausalContext::Entry& entry, ActorId actor) {
  return entry.actor < actor;
}

}  // namespace

Stamp CausalContext::stamp_of(ActorId actor) const {
  for (const Entry& entry : vector_) {
    if (entry.actor >= actor) {
      return entry.actor == actor ? entry.stamp : 0;
    }
  }
  return 0;
}

bool CausalContext::covers(const Dot& dot) const {
  return vector_covers(dot) || std::binary_search(dots_.begin(), dots_.end(), dot);
}

Stamp CausalContext::highest_stamp() const {
  Stamp highest = dots_.empty() ? 0 : dots_.back().stamp;
  for (const Entry& entry : vector_) {
    highest = std::max(highest, entry.stamp);
  }
  return highest;
}

void CausalContext::raise(ActorId actor, Stamp stamp) {
  auto place = std::lower_bound(vector_.begin(), vector_.end(), actor, by_actor);
  if (place == vector_.end() || place->actor != actor) {
    vector_.insert(place, Entry{actor, stamp});
  } else {
    place->stamp = std::max(place->stamp, stamp);
  }
  drop_covered_dots();
}

void CausalContext::add_dot(const Dot& dot) {
  if (covers(dot)) {
    return;
  }
  dots_.insert(std::lower_bound(dots_.begin(), dots_.end(), dot), dot);
}

void CausalContext::join(const CausalContext& other) {
  for (const Entry& entry : other.vector_) {
    auto place = std::lower_bound(vector_.begin(), vector_.end(), entry.actor, by_actor);
    if (place == vector_.end() || place->actor != entry.actor) {
      vector_.insert(place, entry);
    } else {
      place->stamp = std::max(place->stamp, entry.stamp);
    }
  }
  for (const Dot& dot : other.dots_) {
    add_dot(dot);
  }
  drop_covered_dots();
}

bool CausalContext::append_entry(const Entry& entry) {
  if (entry.actor == 0 || entry.stamp == 0 ||
      (!vector_.empty() && vector_.back().actor >= entry.actor)) {
    return false;
  }
  vector_.push_back(entry);
  return true;
}

bool CausalContext::append_dot(const Dot& dot) {
  if (dot.actor == 0 || dot.stamp == 0 || (!dots_.empty() && dots_.back() >= dot) ||
      vector_covers(dot)) {
    return false;
  }
  dots_.push_back(dot);
  return true;
}

void CausalContext::drop_covered_dots() {
  if (dots_.empty()) {
    return;
  }
  auto covered = [this](const Dot& dot) { return vector_covers(dot); };
  dots_.erase(std::remove_if(dots_.begin(), dots_.end(), covered), dots_.end());
}

}  // namespace kindred
