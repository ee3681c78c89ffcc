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

/// Whether its values may be others' than the newest.
bool resolves(std::string_view resolver) {
  return resolver != kResolverLww && resolver != kResolverSiblings;
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
  write.is_strict = outcome->strict;
  if (write.modification == Modification::kIncrement ||
      write.modification == Modification::kAppend) {
    write.applied = true;
  }
  if (write.expire_at_ms != 0 && outcome->dot.is_zero()) {
    write.applied = false;  // it had expired before it was to be stored
  }
  if (write.applied && outcome->dot.is_zero() && write.kind != OpKind::kRemove) {
    return fail("acknowledged without a dot: " + name(write));
  }
  KeyHistory& history = keys_[write.key];
  const bool orders = !write.is_put() && write.applied && write.is_strict &&
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
  record.modify = cause.modify;
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
    // Where it is no register write it replaces what its read showed, which may be less.
    record.direct = plan_.has_registers(key) ? cause.shown_before : nullptr;
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
      // Computed again, it stores what the resolver made of its first round and others.
      const bool is_made = dot.modify != kNone && resolves(plan_.resolver(key));
      bind(key, number, is_made ? dot.modify : written->second);
    }
    if (key_class == KeyClass::kShortLived &&
        sibling.expire_at_ms != writes_[written->second].expire_at_ms) {
      return fail("an expiry that nobody asked for: " + name(writes_[written->second]));
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

void Oracle::check_copies(uint32_t number, const CopiesSeen& copies) {
  const Write& write = writes_[number];
  if (copies.held < copies.needed || copies.durable < copies.durable_needed) {
    fail("acknowledged with " + std::to_string(copies.held) + " copies of " +
         std::to_string(copies.needed) + " needed, " + std::to_string(copies.durable) + " of " +
         std::to_string(copies.durable_needed) + " synced: " + name(write));
  }
}

void Oracle::reaped(uint32_t key, const State& state, const Knowledge& met, uint64_t now_us) {
  KeyHistory& history = keys_[key];
  history.reaped_met = join(history.reaped_met, met);
  history.reaped_floor = std::max(history.reaped_floor, state.floor);
  for (const Sibling& sibling : state.siblings) {
    const uint32_t number = number_of(key, sibling.dot);
    const bool may_go =
        sibling.expire_at_ms != 0 && sibling.expire_at_ms <= true_ms(now_us) + clock_error_ms_max();
    if (number != kNone && may_go) {
      history.reaped_dots = with(history.reaped_dots, number);
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

}  // namespace kindred::sim
