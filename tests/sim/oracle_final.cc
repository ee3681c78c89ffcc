// What must hold of all replicas once the cluster has settled.
#include <algorithm>

#include "tests/sim/oracle.h"
#include "tests/sim/trace.h"

namespace kindred::sim {

bool Oracle::is_covered(const KeyHistory& history, uint32_t dot, const Knowledge& met) const {
  for (uint32_t i = 0; i < history.dots.size(); ++i) {
    if (knows(history.dots[i].past, dot) && knows(met, i)) {
      return true;
    }
  }
  return false;
}

void Oracle::check_kept(uint32_t key, const Write& write, const State& state,
                        const Knowledge& met) {
  const KeyHistory& history = keys_[key];
  const bool is_rewritten =
      write.modification == Modification::kExpire || write.modification == Modification::kPersist;
  if (write.fate != Fate::kAcked || !write.applied || write.dots.empty() || is_rewritten) {
    return;
  }
  const DotRecord& last = history.dots[write.dots.back()];
  if (is_flushed(write, last)) {
    return;
  }
  for (const Sibling& sibling : state.siblings) {
    const uint32_t number = number_of(key, sibling.dot);
    if (std::find(write.dots.begin(), write.dots.end(), number) != write.dots.end()) {
      return;
    }
  }
  if (std::any_of(write.dots.begin(), write.dots.end(),
                  [&](uint32_t dot) { return knows(history.reaped_dots, dot); })) {
    return;  // its time was over
  }
  if (write.may_delete()) {
    return;  // judged by what it deleted, in check_siblings()
  }
  if (is_covered(history, write.dots.back(), join(met, history.reaped_met))) {
    return;
  }
  if (write.is_put() || !plan_.has_registers(key)) {
    return fail("lost: acknowledged and neither there nor covered by a write that had seen it: " +
                name(write));
  }
  const Dot highest = std::max(state.floor, history.reaped_floor);
  if (highest <= last.dot) {
    return fail("lost: acknowledged, and nothing above it: " + name(write));
  }
  const uint32_t floor = number_of(key, highest);
  if (floor == kNone) {
    return fail("phantom: a floor that nobody wrote over " + name(write));
  }
  const uint32_t over = history.dots[floor].write;
  const bool is_ordered = over != kNone && write.is_strict && writes_[over].is_strict;
  if (plan_.is_strict(key) && is_ordered && writes_[over].acked_us < write.invoked_us &&
      plan_.keys[key] != KeyClass::kExpiry) {
    fail("order: hidden by " + name(writes_[over]) +
         ", which was acknowledged before it began: " + name(write));
  }
}

void Oracle::check_siblings(uint32_t key, const State& state) {
  const KeyHistory& history = keys_[key];
  for (const Sibling& sibling : state.siblings) {
    const uint32_t number = number_of(key, sibling.dot);
    const DotRecord& dot = history.dots[number];
    for (const Sibling& other : state.siblings) {
      const uint32_t beside = number_of(key, other.dot);
      if (beside != number && knows(history.dots[beside].direct, number)) {
        return fail("false concurrency: " + text(dot.dot) + " '" + dot.value + "' beside " +
                    text(other.dot) + " '" + history.dots[beside].value +
                    "', which was written by one who had seen it");
      }
    }
    for (const DotRecord& later : history.dots) {
      const bool acked = later.write != kNone && writes_[later.write].fate == Fate::kAcked;
      if (acked && knows(later.direct, number) && later.write != dot.write &&
          !is_flushed(writes_[later.write], later)) {
        return fail("back again: " + text(dot.dot) + " '" + dot.value +
                    "', which was replaced by the acknowledged " + name(writes_[later.write]));
      }
    }
    if (dot.write == kNone) {
      continue;
    }
    check_replaced(key, sibling, state);
    const Write& write = writes_[dot.write];
    if (write.fate == Fate::kRefused) {
      return fail("refused, and yet applied: " + name(write));
    }
    for (const Flush& flush : flushes_) {
      // A node that was not asked for its clock may have stamped above it.
      const bool is_covered = flush.asked_all || dot.dot.stamp <= flush.stamp;
      if (flush.fate == Fate::kAcked && write.acked_us < flush.began_us && is_covered) {
        return fail("survived a flush: " + name(write));
      }
    }
  }
}

/// Without registers too, a SET or DEL replaces what was acknowledged before it began: its read
/// meets that.
void Oracle::check_replaced(uint32_t key, const Sibling& sibling, const State& state) {
  const KeyHistory& history = keys_[key];
  const auto write_of = [&](const Sibling& one) {
    const uint32_t number = history.dots[number_of(key, one.dot)].write;
    return number == kNone ? nullptr : &writes_[number];
  };
  const Write* earlier = write_of(sibling);
  if (plan_.has_registers(key) || !plan_.is_strict(key) || earlier == nullptr ||
      earlier->fate != Fate::kAcked || !earlier->is_strict) {
    return;
  }
  for (const Sibling& other : state.siblings) {
    const Write* later = write_of(other);
    if (later != nullptr && !later->is_put() && later->fate == Fate::kAcked &&
        earlier->acked_us < later->invoked_us) {
      return fail("false concurrency: " + name(*earlier) + " beside " + name(*later) +
                  ", which began after it was acknowledged");
    }
  }
}

void Oracle::check_counter(uint32_t key, const State& state) {
  if (!is_calm_) {
    return;
  }
  int64_t acked = 0;
  int64_t unknown = 0;
  std::vector<int64_t> results;
  for (uint32_t number : keys_[key].writes) {
    const Write& write = writes_[number];
    acked += write.fate == Fate::kAcked ? 1 : 0;
    unknown += write.fate == Fate::kUnknown || write.fate == Fate::kOpen ? 1 : 0;
    if (write.fate == Fate::kAcked) {
      results.push_back(write.integer);
    }
  }
  std::sort(results.begin(), results.end());
  auto twice = std::adjacent_find(results.begin(), results.end());
  if (twice != results.end()) {
    return fail("counter: two INCRs of key " + std::to_string(key) + " both returned " +
                std::to_string(*twice));
  }
  const int64_t value =
      state.siblings.empty() ? 0 : std::stoll(std::string(state.siblings.back().value.bytes()));
  if (value < acked || value > acked + unknown) {
    fail("counter: key " + std::to_string(key) + " is " + std::to_string(value) + " after " +
         std::to_string(acked) + " acknowledged INCRs and " + std::to_string(unknown) +
         " of unknown outcome");
  }
}

/// An APPEND during which no other write that could hide it ran is in all later values.
void Oracle::check_log(uint32_t key, const State& state) {
  const KeyHistory& history = keys_[key];
  const bool was_flushed = std::any_of(flushes_.begin(), flushes_.end(), [](const Flush& flush) {
    return flush.fate != Fate::kRefused;
  });
  if (was_flushed || 2 * plan_.write_quorum(key) <= plan_.replicas || plan_.quorum.is_sloppy) {
    return;
  }
  const std::string value =
      state.siblings.empty() ? std::string() : std::string(state.siblings.back().value.bytes());
  for (uint32_t number : history.writes) {
    const Write& write = writes_[number];
    if (write.fate != Fate::kAcked || write.dots.empty() ||
        value.find(write.value) != std::string::npos) {
      continue;
    }
    const Dot dot = history.dots[write.dots.back()].dot;
    // Dots that are bound to no write may belong to any that ended unknown.
    const bool alone =
        std::none_of(history.dots.begin(), history.dots.end(), [&](const DotRecord& other) {
          if (!(other.dot > dot) ||
              (other.has_value && other.value.find(write.value) != std::string::npos)) {
            return false;
          }
          return other.write == kNone || (writes_[other.write].invoked_us <= write.acked_us &&
                                          writes_[other.write].acked_us >= write.invoked_us);
        });
    if (alone) {
      return fail("lost: acknowledged, and alone in its time: " + name(write));
    }
  }
}

void Oracle::check_final(uint32_t key, const State& state, const Knowledge& met) {
  check_values(key, state, "a copy");
  if (failed()) {
    return;
  }
  check_siblings(key, state);
  for (uint32_t number : keys_[key].writes) {
    check_kept(key, writes_[number], state, met);
  }
  if (plan_.keys[key] == KeyClass::kCounter) {
    check_counter(key, state);
  } else if (plan_.keys[key] == KeyClass::kLog) {
    check_log(key, state);
  }
}

}  // namespace kindred::sim
