#include "replication/keyspace/keyspace.h"

#include <algorithm>
#include <utility>

#include "replication/ring/claim.h"

namespace kindred {

namespace {

bool is_valid(const Keyspace& keyspace) {
  return pattern_flaw(keyspace.pattern).empty() && !keyspace.resolver.empty() &&
         keyspace.resolver.size() <= kResolverBytesMax && keyspace.ttl_ms <= kKeyspaceTtlMsMax &&
         keyspace.copies <= kReplicasMax;
}

auto place_of(Keyspaces& keyspaces, std::string_view pattern) {
  return std::ranges::lower_bound(keyspaces, pattern, {}, &Keyspace::pattern);
}

QuorumRange range_of(const Keyspaces& keyspaces, uint8_t Keyspace::*number, uint8_t configured) {
  QuorumRange range{configured, configured};
  for (const Keyspace& keyspace : keyspaces) {
    if (const uint8_t own = keyspace.*number; own != 0) {
      range.least = std::min(range.least, own);
      range.most = std::max(range.most, own);
    }
  }
  return range;
}

}  // namespace

bool fits(std::string_view pattern, std::string_view key) {
  return pattern.ends_with('*') ? key.starts_with(pattern.substr(0, pattern.size() - 1))
                                : key == pattern;
}

bool is_closer(std::string_view pattern, std::string_view other) {
  if (pattern.ends_with('*') != other.ends_with('*')) {
    return other.ends_with('*');
  }
  return pattern.size() > other.size();
}

std::string_view pattern_flaw(std::string_view pattern) {
  if (pattern.empty()) {
    return "is empty";
  }
  if (pattern.size() > kPatternBytesMax) {
    return "is longer than 255 bytes";
  }
  if (pattern.find('*') < pattern.size() - 1) {
    return "has a '*' that is not its last character";
  }
  return {};
}

bool is_valid(const Keyspaces& keyspaces) {
  const auto disordered = [](const Keyspace& a, const Keyspace& b) {
    return a.pattern >= b.pattern;
  };
  return keyspaces.size() <= kKeyspacesMax &&
         std::ranges::adjacent_find(keyspaces, disordered) == keyspaces.end() &&
         std::ranges::all_of(keyspaces, [](const Keyspace& one) { return is_valid(one); });
}

const Keyspace* find_keyspace(const Keyspaces& keyspaces, std::string_view key) {
  const Keyspace* closest = nullptr;
  for (const Keyspace& keyspace : keyspaces) {
    if (fits(keyspace.pattern, key) &&
        (closest == nullptr || is_closer(keyspace.pattern, closest->pattern))) {
      closest = &keyspace;
    }
  }
  return closest;
}

const Keyspace* find_pattern(const Keyspaces& keyspaces, std::string_view pattern) {
  const auto found = std::ranges::lower_bound(keyspaces, pattern, {}, &Keyspace::pattern);
  return found != keyspaces.end() && found->pattern == pattern ? &*found : nullptr;
}

bool is_within(std::string_view inner, std::string_view outer) {
  if (!inner.ends_with('*')) {
    return fits(outer, inner);
  }
  return outer.ends_with('*') && fits(outer, inner.substr(0, inner.size() - 1));
}

uint32_t copies_wanted(const Keyspaces& keyspaces, std::string_view pattern, uint32_t configured) {
  const Keyspace* closest = nullptr;
  for (const Keyspace& keyspace : keyspaces) {
    if (keyspace.copies != 0 && is_within(pattern, keyspace.pattern) &&
        (closest == nullptr || is_closer(keyspace.pattern, closest->pattern))) {
      closest = &keyspace;
    }
  }
  return closest == nullptr ? configured : closest->copies;
}

bool put_keyspace(Keyspaces& keyspaces, Keyspace keyspace) {
  const auto place = place_of(keyspaces, keyspace.pattern);
  if (place != keyspaces.end() && place->pattern == keyspace.pattern) {
    *place = std::move(keyspace);
    return true;
  }
  if (keyspaces.size() >= kKeyspacesMax) {
    return false;
  }
  keyspaces.insert(place, std::move(keyspace));
  return true;
}

bool remove_keyspace(Keyspaces& keyspaces, std::string_view pattern) {
  const auto place = place_of(keyspaces, pattern);
  if (place == keyspaces.end() || place->pattern != pattern) {
    return false;
  }
  keyspaces.erase(place);
  return true;
}

QuorumRange read_range(const Keyspaces& keyspaces, uint8_t configured) {
  return range_of(keyspaces, &Keyspace::read, configured);
}

QuorumRange write_range(const Keyspaces& keyspaces, uint8_t configured) {
  return range_of(keyspaces, &Keyspace::write, configured);
}

bool quorums_differ(const Keyspaces& a, const Keyspaces& b) {
  const auto is_usual = [](const Keyspace& one) {
    return one.read == 0 && one.write == 0 && one.has_registers;
  };
  if (std::ranges::all_of(a, is_usual) && std::ranges::all_of(b, is_usual)) {
    return false;
  }
  // A row without numbers may stand before one that has some.
  return !std::ranges::equal(a, b, [](const Keyspace& one, const Keyspace& other) {
    return one.pattern == other.pattern && one.read == other.read && one.write == other.write &&
           one.has_registers == other.has_registers;
  });
}

}  // namespace kindred
