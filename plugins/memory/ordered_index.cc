#include "plugins/memory/ordered_index.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>
#include <utility>

namespace kindred::plugins::memory {
namespace {

constexpr std::ptrdiff_t kCacheLineBytes = 64;
// Twice two and a half standard deviations of the guess among 500 chunks and 90 entries.
constexpr std::size_t kFirstsWindow = 16;
constexpr std::size_t kEntriesWindow = 24;

// Shorter keys are filled up with zeros.
std::uint64_t prefix_of(std::string_view key) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t bytes = 0;
  if (key.size() >= sizeof(bytes)) [[likely]] {
    std::memcpy(&bytes, key.data(), sizeof(bytes));
  } else if (!key.empty()) {
    std::memcpy(&bytes, key.data(), key.size());
  }
  return __builtin_bswap64(bytes);
}

// Where `value` would lie among `count` numbers spread evenly from `low` to `high`.
std::size_t interpolate(std::uint64_t value, std::uint64_t low, std::uint64_t high,
                        std::size_t count) {
  if (value <= low || count == 0) {
    return 0;
  }
  if (value >= high) {
    return count - 1;
  }
  // Halved, so that the conversions are of signed numbers, which the CPU has instructions for.
  const auto offset = static_cast<double>(static_cast<std::int64_t>((value - low) >> 1));
  const auto width = static_cast<double>(static_cast<std::int64_t>((high - low) >> 1) + 1);
  const auto guess = static_cast<std::size_t>(offset / width * static_cast<double>(count));
  return std::min(guess, count - 1);
}

// The first index whose number is not below `value`, by doubling strides outwards from `guess`.
template <typename NumberAt>
std::size_t gallop(std::size_t guess, std::size_t count, std::uint64_t value, NumberAt number_at) {
  std::size_t low = 0;
  std::size_t high = count;
  if (number_at(guess) < value) {
    low = guess + 1;
    for (std::size_t stride = 8; low + stride < high; stride *= 2) {
      if (number_at(low + stride) >= value) {
        high = low + stride;
        break;
      }
      low += stride + 1;
    }
  } else {
    high = guess;
    for (std::size_t stride = 8; stride < high; stride *= 2) {
      if (number_at(high - stride) < value) {
        low = high - stride + 1;
        break;
      }
      high -= stride;
    }
  }
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (number_at(middle) < value) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// The same for numbers that are in the CPU's caches: halves a window around the guess, which is
// right nearly always, by conditional moves.
template <std::size_t kWindow, typename NumberAt>
std::size_t halve_near(std::size_t guess, std::size_t count, std::uint64_t value,
                       NumberAt number_at) {
  static_assert((kWindow & (kWindow - 1)) == 0);
  if (count <= kWindow) {
    return gallop(guess, count, value, number_at);
  }
  const std::size_t start = std::min(guess - std::min(guess, kWindow / 2), count - kWindow);
  const bool settled_below = start == 0 || number_at(start) < value;
  const bool settled_above = start + kWindow == count || number_at(start + kWindow - 1) >= value;
  if (!settled_below || !settled_above) [[unlikely]] {
    return gallop(guess, count, value, number_at);
  }
  std::size_t low = start;
  for (std::size_t half = kWindow / 2; half > 0; half /= 2) {
    low += number_at(low + half - 1) < value ? half : 0;
  }
  return low + (number_at(low) < value ? 1 : 0);
}

// How many of kWindow numbers from `start` on are smaller, without a loop: a comparison and an
// addition each.
template <typename NumberAt, std::size_t... kOffsets>
std::size_t count_below(std::size_t start, std::uint64_t value, NumberAt number_at,
                        std::index_sequence<kOffsets...>) {
  return (... + static_cast<std::size_t>(number_at(start + kOffsets) < value));
}

// As gallop, but counts the smaller numbers in a window around the guess first, which is right
// nearly always. It has no branch that waits for a cache miss and is then mispredicted, so the CPU
// goes on to the next operation meanwhile; that halves the time of a lookup.
template <std::size_t kWindow, typename NumberAt>
std::size_t lower_bound_near(std::size_t guess, std::size_t count, std::uint64_t value,
                             NumberAt number_at) {
  if (count <= kWindow) {
    std::size_t below = 0;
    for (std::size_t i = 0; i < count; ++i) {
      below += number_at(i) < value ? 1 : 0;
    }
    return below;
  }
  const std::size_t start = std::min(guess - std::min(guess, kWindow / 2), count - kWindow);
  const std::size_t below =
      count_below(start, value, number_at, std::make_index_sequence<kWindow>());
  const bool settled_below = below > 0 || start == 0;
  const bool settled_above = below < kWindow || start + kWindow == count;
  if (settled_below && settled_above) [[likely]] {
    return start + below;
  }
  return gallop(guess, count, value, number_at);
}

// The last of the sorted first numbers that is not above `prefix`, or 0.
std::size_t last_not_above(const boost::container::vector<std::uint64_t>& firsts,
                           std::uint64_t prefix) {
  const std::size_t count = firsts.size();
  if (count <= 1 || prefix < firsts[0]) {
    return 0;
  }
  if (prefix >= firsts[count - 1]) {
    return count - 1;
  }
  const std::size_t guess = interpolate(prefix, firsts[0], firsts[count - 1], count);
  return halve_near<kFirstsWindow>(guess, count, prefix + 1,
                                   [&](std::size_t i) { return firsts[i]; }) -
         1;
}

// `candidate` is the last whose number is not above; where numbers are equal, keys decide.
template <typename KeyAt>
std::size_t settle_by_key(std::size_t candidate,
                          const boost::container::vector<std::uint64_t>& firsts,
                          std::uint64_t prefix, std::string_view key, KeyAt key_at) {
  if (candidate == 0 || firsts[candidate] != prefix || key_at(candidate) <= key) {
    return candidate;
  }
  std::size_t low = 0;
  std::size_t high = candidate;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (firsts[middle] < prefix || (firsts[middle] == prefix && key_at(middle) <= key)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == 0 ? 0 : low - 1;
}

}  // namespace

OrderedIndex::OrderedIndex() = default;

OrderedIndex::~OrderedIndex() {
  for (Group& group : groups_) {
    for (Chunk& chunk : group.chunks) {
      for (Entry& entry : chunk) {
        free_record(entry.record);
      }
    }
  }
}

std::size_t OrderedIndex::group_of(std::uint64_t prefix, std::string_view key) const {
  return settle_by_key(last_not_above(group_firsts_, prefix), group_firsts_, prefix, key,
                       [this](std::size_t i) { return first_key(groups_[i]); });
}

std::size_t OrderedIndex::chunk_of(std::size_t group, std::uint64_t prefix,
                                   std::string_view key) const {
  const Group& in = groups_[group];
  return settle_by_key(last_not_above(in.firsts, prefix), in.firsts, prefix, key,
                       [&in](std::size_t i) { return first_key(in.chunks[i]); });
}

// Neighbouring chunks bound the guess, so that it costs no look at the entries.
std::size_t OrderedIndex::guess_entry(std::size_t group, std::size_t chunk,
                                      std::uint64_t prefix) const {
  const Group& in = groups_[group];
  const Chunk& entries = in.chunks[chunk];
  std::uint64_t next = 0;
  if (chunk + 1 < in.firsts.size()) {
    next = in.firsts[chunk + 1];
  } else if (group + 1 < group_firsts_.size()) {
    next = group_firsts_[group + 1];
  } else {
    next = entries.back().prefix;
  }
  return interpolate(prefix, in.firsts[chunk], next, entries.size());
}

OrderedIndex::Position OrderedIndex::lower_bound(std::string_view key) const {
  Position position;
  if (groups_.empty()) {
    return position;
  }
  const std::uint64_t prefix = prefix_of(key);
  const Hint& hint = hint_slot(prefix);
  if (hint.prefix == prefix && hint.layout == layout_) {
    position.group = hint.group;
    position.chunk = hint.chunk;
    return lower_bound_in_chunk(position, prefix, key, hint.entry);
  }
  position.group = group_of(prefix, key);
  position.chunk = chunk_of(position.group, prefix, key);
  position = lower_bound_in_chunk(position, prefix, key,
                                  guess_entry(position.group, position.chunk, prefix));
  remember(prefix, position);
  return position;
}

// Keeps where a prefix is, unless a chunk begins with it: then its keys may lie in two chunks.
void OrderedIndex::remember(std::uint64_t prefix, const Position& position) const {
  const Group& in = groups_[position.group];
  const bool shared =
      in.firsts[position.chunk] == prefix ||
      (position.chunk + 1 < in.firsts.size() ? in.firsts[position.chunk + 1] == prefix
                                             : position.group + 1 < group_firsts_.size() &&
                                                   group_firsts_[position.group + 1] == prefix);
  if (!shared) {
    hint_slot(prefix) = Hint{prefix, layout_, static_cast<std::uint32_t>(position.group),
                             static_cast<std::uint16_t>(position.chunk),
                             static_cast<std::uint16_t>(position.entry)};
  }
}

OrderedIndex::Position OrderedIndex::lower_bound_in_chunk(Position position, std::uint64_t prefix,
                                                          std::string_view key,
                                                          std::size_t guess) const {
  const Chunk& entries = groups_[position.group].chunks[position.chunk];
  const Entry* data = entries.data();
  const std::size_t count = entries.size();
  const bool guessed = guess < count && data[guess].prefix == prefix &&
                       (guess == 0 || data[guess - 1].prefix != prefix);
  std::size_t low =
      guessed ? guess
              : lower_bound_near<kEntriesWindow>(std::min(guess, count - 1), count, prefix,
                                                 [data](std::size_t i) { return data[i].prefix; });
  if (low < count && data[low].prefix == prefix) {
    __builtin_prefetch(data[low].record + kCacheLineBytes);
    int order = key.compare(record_key(data[low].record));
    if (order > 0) {
      std::size_t high = count;
      ++low;
      while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        if (data[middle].prefix == prefix && key.compare(record_key(data[middle].record)) > 0) {
          low = middle + 1;
        } else {
          high = middle;
        }
      }
      order =
          low < count && data[low].prefix == prefix && key == record_key(data[low].record) ? 0 : -1;
    }
    position.found = order == 0;
  }
  position.entry = low;
  return position;
}

Record OrderedIndex::find(std::string_view key) const {
  const Position position = lower_bound(key);
  return position.found ? at(position) : nullptr;
}

// In two passes, because a record's address is known only once its entry is loaded.
void OrderedIndex::prefetch(std::span<const std::string_view> keys) const {
  constexpr std::size_t kAtOnce = 16;
  while (keys.size() > kAtOnce) {
    prefetch(keys.first(kAtOnce));
    keys = keys.subspan(kAtOnce);
  }
  if (groups_.empty()) {
    return;
  }
  struct Search {
    Position position;
    std::size_t guess;
    std::uint64_t prefix;
  };
  std::array<Search, kAtOnce> searches;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::uint64_t prefix = prefix_of(keys[i]);
    const std::size_t group = group_of(prefix, keys[i]);
    const std::size_t chunk = chunk_of(group, prefix, keys[i]);
    const std::size_t guess = guess_entry(group, chunk, prefix);
    searches[i] = {{group, chunk, 0, false}, guess, prefix};
    const auto* at = reinterpret_cast<const char*>(groups_[group].chunks[chunk].data() + guess);
    constexpr std::ptrdiff_t kHalfWindowBytes = kEntriesWindow / 2 * sizeof(Entry);
    for (std::ptrdiff_t offset = -kHalfWindowBytes; offset <= kHalfWindowBytes;
         offset += kCacheLineBytes) {
      __builtin_prefetch(at + offset);
    }
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Position& position = searches[i].position;
    const Chunk& entries = groups_[position.group].chunks[position.chunk];
    const std::size_t entry = lower_bound_near<kEntriesWindow>(
        searches[i].guess, entries.size(), searches[i].prefix,
        [data = entries.data()](std::size_t at) { return data[at].prefix; });
    position.entry = entry;
    remember(searches[i].prefix, position);
    if (entry < entries.size()) {
      // Header, key and the value's beginning: half of all blocks straddle a line.
      __builtin_prefetch(entries[entry].record);
      __builtin_prefetch(entries[entry].record + kCacheLineBytes);
    }
  }
}

bool OrderedIndex::normalize(Position* position) const {
  if (groups_.empty()) {
    return false;
  }
  if (position->entry < groups_[position->group].chunks[position->chunk].size()) {
    return true;
  }
  position->entry = 0;
  if (++position->chunk == groups_[position->group].chunks.size()) {
    position->chunk = 0;
    ++position->group;
  }
  return position->group < groups_.size();
}

void OrderedIndex::insert(Position position, Record record) {
  const Entry fresh{prefix_of(record_key(record)), record};
  if (groups_.empty()) {
    Group group;
    group.chunks.resize(1);
    group.chunks[0].reserve(kChunkStep);
    group.firsts.push_back(fresh.prefix);
    group_firsts_.reserve(1);
    groups_.push_back(std::move(group));
    group_firsts_.push_back(fresh.prefix);
  } else if (groups_[position.group].chunks[position.chunk].size() == kChunkEntriesMax) {
    position = split(position);
  }
  Chunk& entries = groups_[position.group].chunks[position.chunk];
  if (entries.size() == entries.capacity()) {
    entries.reserve(std::min(entries.capacity() + kChunkStep, kChunkEntriesMax));
  }
  entries.insert(entries.begin() + static_cast<std::ptrdiff_t>(position.entry), fresh);
  ++size_;
  if (position.entry == 0) {
    refresh_first(position.group, position.chunk);
  }
}

Record OrderedIndex::replace(Position position, Record record) {
  Entry& entry = groups_[position.group].chunks[position.chunk][position.entry];
  return std::exchange(entry.record, record);
}

// Splits a full chunk in halves; at the end of the order it leaves the full one and begins anew,
// so that ascending inserts fill their chunks.
OrderedIndex::Position OrderedIndex::split(Position position) {
  if (groups_[position.group].chunks.size() == kGroupChunksMax) {
    split_group(position.group);
    const std::size_t half = groups_[position.group].chunks.size();
    if (position.chunk >= half) {
      ++position.group;
      position.chunk -= half;
    }
  }
  Group& group = groups_[position.group];
  Chunk& full = group.chunks[position.chunk];
  const bool at_the_end = position.entry == full.size() &&
                          position.chunk + 1 == group.chunks.size() &&
                          position.group + 1 == groups_.size();
  const std::size_t kept = at_the_end ? kChunkEntriesMax - 1 : kChunkEntriesMax / 2;

  Chunk upper;
  upper.reserve(kChunkEntriesMax - kept + kChunkStep);
  upper.assign(full.begin() + static_cast<std::ptrdiff_t>(kept), full.end());
  Chunk lower;
  lower.reserve(at_the_end ? kept : kept + kChunkStep);
  lower.assign(full.begin(), full.begin() + static_cast<std::ptrdiff_t>(kept));
  insert_chunk(position.group, position.chunk + 1, std::move(upper));
  groups_[position.group].chunks[position.chunk] = std::move(lower);

  if (position.entry > kept) {
    ++position.chunk;
    position.entry -= kept;
  }
  return position;
}

void OrderedIndex::insert_chunk(std::size_t group, std::size_t chunk, Chunk&& fresh) {
  ++layout_;
  Group& in = groups_[group];
  if (in.chunks.size() == in.chunks.capacity()) {
    in.chunks.reserve(in.chunks.size() + in.chunks.size() / 2 + 4);
  }
  in.firsts.insert(in.firsts.begin() + static_cast<std::ptrdiff_t>(chunk), fresh[0].prefix);
  in.chunks.insert(in.chunks.begin() + static_cast<std::ptrdiff_t>(chunk), std::move(fresh));
}

void OrderedIndex::split_group(std::size_t group) {
  ++layout_;
  group_firsts_.reserve(group_firsts_.size() + 1);
  groups_.reserve(groups_.size() + 1);
  Group& lower = groups_[group];
  const auto half = static_cast<std::ptrdiff_t>(lower.chunks.size() / 2);
  Group upper;
  upper.firsts.reserve(kGroupChunksMax);
  upper.chunks.reserve(kGroupChunksMax);
  upper.firsts.assign(lower.firsts.begin() + half, lower.firsts.end());
  for (auto it = lower.chunks.begin() + half; it != lower.chunks.end(); ++it) {
    upper.chunks.push_back(std::move(*it));
  }
  lower.firsts.erase(lower.firsts.begin() + half, lower.firsts.end());
  lower.chunks.erase(lower.chunks.begin() + half, lower.chunks.end());
  const auto place = static_cast<std::ptrdiff_t>(group + 1);
  group_firsts_.insert(group_firsts_.begin() + place, upper.firsts[0]);
  groups_.insert(groups_.begin() + place, std::move(upper));
}

Record OrderedIndex::erase(Position position) {
  Chunk& entries = groups_[position.group].chunks[position.chunk];
  const Record record = entries[position.entry].record;
  entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(position.entry));
  --size_;
  settle_after_erase(position.group, position.chunk);
  return record;
}

OrderedIndex::Erased OrderedIndex::erase_in_chunk(Position position, std::string_view end,
                                                  bool* done) {
  Erased erased;
  *done = !normalize(&position);
  if (*done) {
    return erased;
  }
  Chunk& entries = groups_[position.group].chunks[position.chunk];
  std::size_t last = position.entry;
  for (; last < entries.size(); ++last) {
    const RecordView view = view_record(entries[last].record);
    if (!end.empty() && view.key >= end) {
      *done = true;
      break;
    }
    erased.data_bytes += view.key.size() + view.value.size();
    erased.block_bytes += block_bytes(entries[last].record);
    free_record(entries[last].record);
  }
  erased.records = last - position.entry;
  size_ -= erased.records;
  entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(position.entry),
                entries.begin() + static_cast<std::ptrdiff_t>(last));
  if (erased.records > 0) {
    settle_after_erase(position.group, position.chunk);
  }
  return erased;
}

// Keeps first prefixes true, removes what is empty, joins what is small. Needs no new memory to
// succeed: a join that would is left out.
void OrderedIndex::settle_after_erase(std::size_t group, std::size_t chunk) {
  Group& in = groups_[group];
  if (in.chunks[chunk].empty()) {
    remove_chunk(group, chunk);
    return;
  }
  refresh_first(group, chunk);
  if (in.chunks[chunk].size() >= kChunkEntriesMin || in.chunks.size() == 1) {
    return;
  }
  const std::size_t left = chunk == 0 ? 0 : chunk - 1;
  Chunk& lower = in.chunks[left];
  Chunk& upper = in.chunks[left + 1];
  if (lower.size() + upper.size() > kChunkEntriesMax - kChunkEntriesMin) {
    return;
  }
  try {
    lower.reserve(lower.size() + upper.size() + kChunkStep);
  } catch (const std::bad_alloc&) {
    return;
  }
  lower.insert(lower.end(), upper.begin(), upper.end());
  remove_chunk(group, left + 1);
}

void OrderedIndex::remove_chunk(std::size_t group, std::size_t chunk) {
  ++layout_;
  Group& in = groups_[group];
  in.chunks.erase(in.chunks.begin() + static_cast<std::ptrdiff_t>(chunk));
  in.firsts.erase(in.firsts.begin() + static_cast<std::ptrdiff_t>(chunk));
  if (in.chunks.empty()) {
    groups_.erase(groups_.begin() + static_cast<std::ptrdiff_t>(group));
    group_firsts_.erase(group_firsts_.begin() + static_cast<std::ptrdiff_t>(group));
  } else if (chunk == 0) {
    group_firsts_[group] = in.firsts[0];
  }
}

void OrderedIndex::refresh_first(std::size_t group, std::size_t chunk) {
  Group& in = groups_[group];
  const std::uint64_t first = in.chunks[chunk][0].prefix;
  if (in.firsts[chunk] != first) {
    ++layout_;
    in.firsts[chunk] = first;
  }
  group_firsts_[group] = in.firsts[0];
}

std::size_t OrderedIndex::memory_bytes() const {
  std::size_t bytes = groups_.capacity() * sizeof(Group) + group_firsts_.capacity() * 8;
  for (const Group& group : groups_) {
    bytes += group.firsts.capacity() * 8 + group.chunks.capacity() * sizeof(Chunk);
    for (const Chunk& chunk : group.chunks) {
      bytes += chunk.capacity() * sizeof(Entry) + sizeof(std::size_t);
    }
  }
  return bytes;
}

}  // namespace kindred::plugins::memory
