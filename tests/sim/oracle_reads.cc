// What reads and scans may show.
#include <algorithm>

#include "tests/sim/oracle.h"
#include "tests/sim/trace.h"

namespace kindred::sim {

void Oracle::begin_read(ReadCheck& check, uint32_t key, uint64_t now_us) const {
  check.key = key;
  check.invoked_us = now_us;
  check.newest_register_us = keys_[key].newest_register_us;
  check.newest_register = keys_[key].newest_register;
}

/// What a plain GET would show of `state` must not be older than a register write that was
/// acknowledged before the read began.
void Oracle::check_read(const ReadCheck& check, const State& state, uint64_t now_us) {
  check_values(check.key, state, "a read");
  const KeyClass key_class = plan_.keys[check.key];
  if (key_class == KeyClass::kShortLived) {
    check_not_expired(state, now_us);
  }
  if (!plan_.is_strict(check.key) || !check.is_quorum || check.newest_register == kNone ||
      key_class == KeyClass::kExpiry) {
    return;
  }
  const Write& newest = writes_[check.newest_register];
  const KeyHistory& history = keys_[check.key];
  if (may_be_flushed(newest, now_us)) {
    return;
  }
  if (state.siblings.empty()) {
    auto shows_nothing = [&](const Write& write) {
      return write.may_delete() || may_have_expired(write, now_us);
    };
    const bool is_right =
        shows_nothing(newest) ||
        std::any_of(history.writes.begin(), history.writes.end(), [&](uint32_t number) {
          const Write& other = writes_[number];
          return shows_nothing(other) && other.fate != Fate::kRefused &&
                 (other.acked_us >= newest.invoked_us || !other.is_strict);
        });
    if (!is_right) {
      fail("stale read: nothing, though acknowledged before: " + name(newest));
    }
    return;
  }
  const uint32_t top = number_of(check.key, state.siblings.back().dot);
  const DotRecord& dot = history.dots[top];
  if (dot.write == kNone || writes_[dot.write].acked_us >= newest.invoked_us ||
      !writes_[dot.write].is_strict) {
    return;
  }
  if (dot.is_put && may_be_gone_beside(newest, top)) {
    return;
  }
  fail("stale read: shows " + name(writes_[dot.write]) + ", acknowledged at " +
       std::to_string(writes_[dot.write].acked_us / 1000) + " ms, over the later " + name(newest) +
       ", acknowledged at " + std::to_string(newest.acked_us / 1000) + " ms");
}

/// Whether the register may have gone and left the DPUT's version `top` to be shown again.
bool Oracle::may_be_gone_beside(const Write& newest, uint32_t top) const {
  const std::vector<DotRecord>& dots = keys_[newest.key].dots;
  return std::any_of(dots.begin(), dots.end(), [&](const DotRecord& other) {
    const bool covers = std::any_of(newest.dots.begin(), newest.dots.end(),
                                    [&](uint32_t one) { return knows(other.past, one); });
    if (other.is_put) {
      return covers;  // a DDEL or DPUT may have covered the register and not this version
    }
    if (other.modify == kNone || !writes_[other.modify].may_delete() || knows(other.past, top)) {
      return false;
    }
    // A DEL at the same time that had not met the version.
    const Write& erasing = writes_[other.modify];
    const bool is_above = std::all_of(newest.dots.begin(), newest.dots.end(),
                                      [&](uint32_t one) { return dots[one].dot < other.dot; });
    return (covers || is_above) && (erasing.acked_us >= newest.invoked_us || !erasing.is_strict);
  });
}

/// The values are no numbers, so "max" and "min" go by their bytes; other rules tell none.
void Oracle::check_resolved(uint32_t key, const State& state, bool is_told, std::string_view told) {
  const std::string_view resolver = plan_.resolver(key);
  if (resolver == kResolverLww || resolver == kResolverSiblings) {
    if (is_told) {
      fail("resolved, though key " + std::to_string(key) + " is to be left as it is");
    }
    return;
  }
  std::vector<std::string_view> values;
  for (const Sibling& sibling : state.siblings) {
    values.push_back(sibling.value.bytes());
  }
  if (values.size() < 2) {
    return;
  }
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const std::string_view wanted = resolver == "max" ? *most : *least;
  if (!is_told || told != wanted) {
    fail("resolved wrong: the " + std::string(resolver) + " of key " + std::to_string(key) +
         " is '" + std::string(wanted) + "', told was '" + std::string(told) + "'");
  }
}

size_t Oracle::flush_began(uint64_t now_us) {
  Flush flush;
  flush.began_us = now_us;
  flushes_.push_back(flush);
  return flushes_.size() - 1;
}

void Oracle::flush_done(size_t flush, Stamp everywhere, bool asked_all, uint64_t now_us) {
  flushes_[flush].stamp = everywhere;
  flushes_[flush].asked_all = asked_all;
  flushes_[flush].done_us = now_us;
  flushes_[flush].fate = Fate::kAcked;
  for (auto& [stamp, done_us] : flush_stamps_) {
    if (stamp <= everywhere) {
      done_us = std::min(done_us, now_us);
    }
  }
}

/// A write that began after a flush was acknowledged is stamped above it.
bool Oracle::is_flushed(const Write& write, const DotRecord& dot) const {
  return std::any_of(flush_stamps_.begin(), flush_stamps_.end(), [&](const auto& flush) {
    return dot.dot.stamp <= flush.first && flush.second >= write.invoked_us;
  });
}

bool Oracle::may_be_flushed(const Write& write, uint64_t now_us) const {
  const std::vector<DotRecord>& dots = keys_[write.key].dots;
  return std::any_of(write.dots.begin(), write.dots.end(),
                     [&](uint32_t dot) { return is_flushed(write, dots[dot]); }) ||
         std::any_of(flushes_.begin(), flushes_.end(), [&](const Flush& flush) {
           const bool has_ended = flush.fate == Fate::kRefused || flush.fate == Fate::kUnknown;
           return !has_ended && flush.began_us <= now_us && flush.done_us >= write.invoked_us;
         });
}

uint64_t Oracle::clock_error_ms_max() const {
  // Half of the longest round trip that a probe's answer may take, by which it may be lopsided; the
  // farthest clock of a node and, where clocks jump, an offset that has not followed yet.
  constexpr uint64_t kLopsidedMs = 800;
  const auto skew_ms = static_cast<uint64_t>(plan_.clock_skew_ms_max);
  return kLopsidedMs + (plan_.clocks_jump ? 3 * skew_ms : skew_ms);
}

/// A value is shown until its expiry by the cluster clock of the node that shows it.
void Oracle::check_not_expired(const State& state, uint64_t now_us) {
  for (const Sibling& sibling : state.siblings) {
    if (sibling.expire_at_ms != 0 &&
        sibling.expire_at_ms + clock_error_ms_max() < true_ms(now_us)) {
      return fail("expired, and still shown: " + text(sibling.dot) + " '" +
                  std::string(sibling.value.bytes()) + "'");
    }
  }
}

bool Oracle::may_have_expired(const Write& write, uint64_t now_us) const {
  return write.expire_at_ms != 0 && write.expire_at_ms <= true_ms(now_us) + clock_error_ms_max();
}

/// An acknowledged write made a version after all that could delete one had ended, and no flush
/// came.
bool Oracle::must_be_live(uint32_t key) const {
  if (!plan_.is_strict(key) || plan_.quorum.is_sloppy || plan_.keys[key] == KeyClass::kShortLived) {
    return false;
  }
  uint64_t deletes_over_us = 0;
  for (const Flush& flush : flushes_) {
    deletes_over_us = std::max(deletes_over_us, flush.fate == Fate::kRefused ? 0 : flush.done_us);
  }
  for (const uint32_t number : keys_[key].writes) {
    const Write& write = writes_[number];
    if (write.may_delete() && write.fate != Fate::kRefused) {
      deletes_over_us = std::max(deletes_over_us, write.acked_us);
    }
  }
  return std::any_of(keys_[key].writes.begin(), keys_[key].writes.end(), [&](uint32_t number) {
    const Write& write = writes_[number];
    const bool makes_version = write.kind == OpKind::kPut || write.kind == OpKind::kSet ||
                               write.modification == Modification::kSet ||
                               write.modification == Modification::kIncrement ||
                               write.modification == Modification::kAppend;
    return makes_version && write.fate == Fate::kAcked && write.applied &&
           write.invoked_us > deletes_over_us;
  });
}

bool Oracle::may_delete_since(uint32_t key, uint64_t since_us) const {
  return std::any_of(flushes_.begin(), flushes_.end(),
                     [since_us](const Flush& flush) { return flush.began_us >= since_us; }) ||
         std::any_of(keys_[key].writes.begin(), keys_[key].writes.end(), [&](uint32_t number) {
           return writes_[number].may_delete() && writes_[number].invoked_us >= since_us;
         });
}

ScanCheck Oracle::begin_scan(uint64_t now_us) const {
  ScanCheck check;
  check.began_us = now_us;
  for (uint32_t key = 0; key < keys_.size(); ++key) {
    check.must_show.push_back(must_be_live(key));
  }
  check.seen.resize(keys_.size());
  return check;
}

/// A key that lived all the time must have been seen.
void Oracle::end_scan(const ScanCheck& check) {
  for (uint32_t key = 0; key < keys_.size(); ++key) {
    if (check.must_show[key] && !check.seen[key] && !may_delete_since(key, check.began_us)) {
      return fail("a scan misses key " + std::to_string(key) + ", which lived all the time");
    }
    if (check.seen[key] && keys_[key].writes.empty()) {
      return fail("a scan shows key " + std::to_string(key) + ", which nobody ever wrote");
    }
  }
}

}  // namespace kindred::sim
