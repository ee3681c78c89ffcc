#include "tests/sim/oracle.h"

#include <algorithm>

#include "tests/sim/trace.h"

namespace kindred::sim {

namespace {

bool covers(const CausalContext& context, const Dot& dot) {
  for (const CausalContext::Entry& entry : context.vector()) {
    if (entry.actor == dot.actor && entry.stamp >= dot.stamp) {
      return true;
    }
  }
  for (const Dot& single : context.dots()) {
    if (single == dot) {
      return true;
    }
  }
  return false;
}

const char* kind_name(const Write& write) {
  switch (write.kind) {
    case OpKind::kPut:
      return "DPUT";
    case OpKind::kRemove:
      return "DDEL";
    case OpKind::kSet:
      return "SET";
    default:
      break;
  }
  switch (write.modification) {
    case Modification::kDelete:
      return "DEL";
    case Modification::kIncrement:
      return "INCR";
    case Modification::kAppend:
      return "APPEND";
    case Modification::kExpire:
      return "EXPIRE";
    case Modification::kPersist:
      return "PERSIST";
    case Modification::kSet:
      return "SETNX";
    default:
      return "MODIFY";
  }
}

}  // namespace

void Oracle::fail(const std::string& verdict) {
  if (verdict_.empty()) {
    verdict_ = verdict;
  }
}

std::string Oracle::name(const Write& write) const {
  std::string result = std::string(kind_name(write)) + " #" + std::to_string(write.number) +
                       " of key " + std::to_string(write.key) + " ('" + write.value + "', ";
  for (uint32_t dot : write.dots) {
    result += text(keys_[write.key].dots[dot].dot) + " ";
  }
  return result + "began " + std::to_string(write.invoked_us / 1000) + " ms)";
}

uint32_t Oracle::begin_write(Write write) {
  write.number = static_cast<uint32_t>(writes_.size());
  KeyHistory& history = keys_[write.key];
  history.writes.push_back(write.number);
  if (!write.value.empty() && (write.kind == OpKind::kPut || write.kind == OpKind::kSet ||
                               write.modification == Modification::kSet)) {
    history.by_value[write.value] = write.number;
  }
  writes_.push_back(std::move(write));
  return writes_.back().number;
}

void Oracle::end_write(uint32_t number, Fate fate, const Outcome* outcome, uint64_t now_us) {
  Write& write = writes_[number];
  write.fate = fate;
  if (outcome != nullptr && !outcome->dot.is_zero()) {
    const uint32_t dot = number_of(write.key, outcome->dot);
    if (dot == kNone && fate == Fate::kUnknown) {
      return;  // its last round could not be stored
    }
    if (dot == kNone) {
      return fail("a reply names a dot that nobody stored: " + name(write));
    }
    bind(write.key, dot, number);
  }
  if (fate != Fate::kAcked) {
    return;
  }
  ++acked_;
  write.acked_us = now_us;
  write.applied = outcome->applied || write.kind == OpKind::kSet || write.is_put();
  write.integer = outcome->integer;
  if (write.modification == Modification::kIncrement ||
      write.modification == Modification::kAppend) {
    write.applied = true;
  }
  if (write.applied && outcome->dot.is_zero() && write.kind != OpKind::kRemove) {
    return fail("acknowledged without a dot: " + name(write));
  }
  KeyHistory& history = keys_[write.key];
  const bool orders = !write.is_put() && write.applied &&
                      write.modification != Modification::kExpire &&
                      write.modification != Modification::kPersist;
  if (orders && write.invoked_us >= history.newest_register_us) {
    history.newest_register_us = write.invoked_us;
    history.newest_register = number;
  }
}

uint32_t Oracle::number_of(uint32_t key, const Dot& dot) const {
  auto place = keys_[key].numbers.find(dot);
  return place == keys_[key].numbers.end() ? kNone : place->second;
}

void Oracle::bind(uint32_t key, uint32_t dot_number, uint32_t write_number) {
  DotRecord& record = keys_[key].dots[dot_number];
  Write& write = writes_[write_number];
  if (record.write == write_number) {
    return;
  }
  if (record.write != kNone) {
    return fail("one dot stands for two writes: " + name(write) + " and " +
                name(writes_[record.write]));
  }
  record.write = write_number;
  const bool first = write.dots.empty();
  write.dots.push_back(dot_number);
  if (first) {
    return;
  }
  const DotRecord& other = keys_[key].dots[write.dots.front()];
  if (write.is_put() || (write.kind == OpKind::kSet && other.dot.actor != record.dot.actor)) {
    fail("coordinated twice: " + name(write));
  }
}

uint32_t Oracle::add_dot(uint32_t key, const Dot& dot, const StoreCause& cause) {
  KeyHistory& history = keys_[key];
  auto [place, is_new] =
      history.numbers.try_emplace(dot, static_cast<uint32_t>(history.dots.size()));
  if (!is_new) {
    return place->second;
  }
  const uint32_t number = place->second;
  DotRecord record;
  record.dot = dot;
  if (cause.put != kNone) {
    record.is_put = true;
    record.past = writes_[cause.put].past;
    record.direct = writes_[cause.put].direct;
  } else if (cause.restamped_dot != kNone) {
    const DotRecord& first = history.dots[cause.restamped_dot];
    record.past = with(first.past, cause.restamped_dot);
    record.direct = with(first.direct, cause.restamped_dot);
  } else {
    record.past = cause.met;
    record.direct = cause.shown_before;
  }
  history.dots.push_back(std::move(record));
  if (cause.put != kNone) {
    bind(key, number, cause.put);
  }
  return number;
}

Knowledge Oracle::stored(uint32_t key, const State& state, ActorId actor, const StoreCause& cause) {
  Knowledge met = cause.met;
  bool added = false;
  auto add_own = [&](const Dot& dot) {
    if (dot.actor == actor && dot.stamp != 0 && number_of(key, dot) == kNone) {
      met = with(met, add_dot(key, dot, cause));
      added = true;
    }
  };
  for (const Sibling& sibling : state.siblings) {
    add_own(sibling.dot);
  }
  add_own(state.floor);
  for (const CausalContext::Entry& entry : state.context.vector()) {
    add_own(Dot{entry.stamp, entry.actor});
  }
  if (added && cause.put != kNone) {
    met = join(met, writes_[cause.put].past);
  }
  siblings_max_ = std::max<uint64_t>(siblings_max_, state.siblings.size());
  check_values(key, state, "a copy");
  check_claims(key, state.context, met, "a copy");
  return met;
}

void Oracle::check_values(uint32_t key, const State& state, const char* where) {
  KeyHistory& history = keys_[key];
  for (const Sibling& sibling : state.siblings) {
    const uint32_t number = number_of(key, sibling.dot);
    if (number == kNone) {
      return fail(std::string("phantom: ") + where + " shows a version that nobody wrote, " +
                  text(sibling.dot) + " '" + std::string(sibling.value.bytes()) + "'");
    }
    DotRecord& dot = history.dots[number];
    if (dot.has_value) {
      if (dot.value != sibling.value.bytes()) {
        return fail("one dot for two values: " + text(sibling.dot) + " '" + dot.value + "' and '" +
                    std::string(sibling.value.bytes()) + "'");
      }
      continue;
    }
    dot.has_value = true;
    dot.value.assign(sibling.value.bytes());
    const KeyClass key_class = plan_.keys[key];
    if (key_class == KeyClass::kLog) {
      check_tokens(dot.value);
    }
    if (key_class == KeyClass::kCounter || key_class == KeyClass::kLog) {
      continue;
    }
    auto written = history.by_value.find(dot.value);
    if (written == history.by_value.end()) {
      return fail("phantom: nobody wrote '" + dot.value + "'");
    }
    if (key_class != KeyClass::kExpiry && dot.write == kNone) {
      bind(key, number, written->second);
    }
  }
}

/// An APPEND's token stands in a value once, and never twice in a row.
void Oracle::check_tokens(const std::string& value) {
  std::vector<std::string> tokens;
  for (size_t begin = 0; begin < value.size();) {
    const size_t end = value.find(';', begin);
    if (end == std::string::npos) {
      return fail("phantom: half an APPEND in '" + value + "'");
    }
    tokens.push_back(value.substr(begin, end - begin));
    begin = end + 1;
  }
  // Where two nodes coordinate at once, one may build on the other's first round, which is then
  // computed again: read-modify-writes are exact only where they meet at one primary.
  if (is_calm_) {
    std::sort(tokens.begin(), tokens.end());
  }
  auto twice = std::adjacent_find(tokens.begin(), tokens.end());
  if (twice != tokens.end()) {
    fail("applied twice: APPEND of '" + *twice + ";'");
  }
}

void Oracle::check_claims(uint32_t key, const CausalContext& context, const Knowledge& met,
                          const std::string& whose) {
  const KeyHistory& history = keys_[key];
  for (uint32_t base = 0; base < history.dots.size(); base += 64) {
    uint64_t unmet = met == nullptr ? ~uint64_t{0} : ~met->word(base / 64);
    for (; unmet != 0; unmet &= unmet - 1) {
      const uint32_t number = base + static_cast<uint32_t>(__builtin_ctzll(unmet));
      if (number >= history.dots.size()) {
        break;
      }
      if (covers(context, history.dots[number].dot)) {
        return fail("a context covers what its holder never met: " + whose + " of key " +
                    std::to_string(key) + " covers " + text(history.dots[number].dot) + " '" +
                    history.dots[number].value + "'");
      }
    }
  }
}

Knowledge Oracle::shown(uint32_t key, const State& state) {
  Knowledge result;
  for (const Sibling& sibling : state.siblings) {
    const uint32_t number = number_of(key, sibling.dot);
    if (number != kNone) {
      result = with(result, number);
    }
  }
  return result;
}

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
  if (!plan_.is_strict() || !check.is_quorum || check.newest_register == kNone ||
      key_class == KeyClass::kExpiry) {
    return;
  }
  const Write& newest = writes_[check.newest_register];
  const KeyHistory& history = keys_[check.key];
  if (may_be_flushed(newest, now_us)) {
    return;
  }
  if (state.siblings.empty()) {
    const bool deleted =
        newest.may_delete() ||
        std::any_of(history.writes.begin(), history.writes.end(), [&](uint32_t number) {
          const Write& other = writes_[number];
          return other.may_delete() && other.fate != Fate::kRefused &&
                 other.acked_us >= newest.invoked_us;
        });
    if (!deleted) {
      fail("stale read: nothing, though acknowledged before: " + name(newest));
    }
    return;
  }
  const uint32_t top = number_of(check.key, state.siblings.back().dot);
  const DotRecord& dot = history.dots[top];
  if (dot.write == kNone || writes_[dot.write].acked_us >= newest.invoked_us) {
    return;
  }
  if (dot.is_put) {
    // A DDEL or DPUT may have covered the register and not this version: then it shows again.
    const bool uncovered =
        std::any_of(history.dots.begin(), history.dots.end(), [&](const DotRecord& other) {
          return other.is_put && std::any_of(newest.dots.begin(), newest.dots.end(),
                                             [&](uint32_t one) { return knows(other.past, one); });
        });
    if (uncovered) {
      return;
    }
  }
  fail("stale read: shows " + name(writes_[dot.write]) + ", acknowledged at " +
       std::to_string(writes_[dot.write].acked_us / 1000) + " ms, over the later " + name(newest) +
       ", acknowledged at " + std::to_string(newest.acked_us / 1000) + " ms");
}

size_t Oracle::flush_began(uint64_t now_us) {
  Flush flush;
  flush.began_us = now_us;
  flushes_.push_back(flush);
  return flushes_.size() - 1;
}

void Oracle::flush_done(size_t flush, Stamp everywhere, uint64_t now_us) {
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
  if (write.may_delete()) {
    return;  // judged by what it deleted, in check_siblings()
  }
  if (is_covered(history, write.dots.back(), met)) {
    return;
  }
  if (write.is_put()) {
    return fail("lost: acknowledged and neither there nor covered by a write that had seen it: " +
                name(write));
  }
  if (state.floor <= last.dot) {
    return fail("lost: acknowledged, and nothing above it: " + name(write));
  }
  const uint32_t floor = number_of(key, state.floor);
  if (floor == kNone) {
    return fail("phantom: a floor that nobody wrote over " + name(write));
  }
  const uint32_t over = history.dots[floor].write;
  if (plan_.is_strict() && over != kNone && writes_[over].acked_us < write.invoked_us &&
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
    const Write& write = writes_[dot.write];
    if (write.fate == Fate::kRefused) {
      return fail("refused, and yet applied: " + name(write));
    }
    for (const Flush& flush : flushes_) {
      if (flush.fate == Fate::kAcked && write.acked_us < flush.began_us) {
        return fail("survived a flush: " + name(write));
      }
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
  if (was_flushed || 2 * plan_.quorum.write <= plan_.replicas) {
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
