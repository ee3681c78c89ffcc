// The memory engine's order: records sorted by key, found almost as fast as in a hash table.
//
//   root     first prefixes:  | p | p | p |                one u64 a group
//            groups:          | G | G | G |
//   group    first prefixes:  | p | p | ... |              up to 512 chunks
//            chunks:          | C | C | ... |
//   chunk    entries:         | p record | p record | ... |  up to 128
//
// A prefix is a key's first eight bytes as a big-endian number, so numbers compare as keys do, and
// most steps touch no record. Stored keys begin with uniform hash bits; the place of a prefix is
// therefore guessed by interpolation and corrected by a galloping search: root and groups stay in
// the CPU's caches, and a lookup misses about twice, on the entry and on the record. Keys of any
// other distribution cost binary searches, and equal prefixes comparisons of records.
#pragma once

#include <array>
#include <boost/container/options.hpp>
#include <boost/container/vector.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "plugins/memory/record.h"

namespace kindred::plugins::memory {

// Owns its records. One thread at a time. Allocation failure throws std::bad_alloc before anything
// is changed, except where said.
class OrderedIndex {
 public:
  // A place in the order; any insert or erase makes it invalid.
  struct Position {
    std::size_t group = 0;
    std::size_t chunk = 0;
    std::size_t entry = 0;
    bool found = false;  // the entry's key is the one asked for
  };

  OrderedIndex();
  OrderedIndex(const OrderedIndex&) = delete;
  OrderedIndex& operator=(const OrderedIndex&) = delete;
  ~OrderedIndex();

  // The first entry whose key is not below `key`, or the place where it would be inserted: that
  // may be one past the chunk's last entry (see normalized).
  Position lower_bound(std::string_view key) const;

  // Null when there is none.
  Record find(std::string_view key) const;

  // Loads the cache lines that find will need for each of the keys, all at the same time.
  void prefetch(std::span<const std::string_view> keys) const;

  // `position` came from lower_bound(key of record) without found. Takes the record over unless it
  // throws.
  void insert(Position position, Record record);

  // `position` is at an entry; the old record is the caller's again.
  Record replace(Position position, Record record);

  // `position` is at an entry; its record is the caller's again.
  Record erase(Position position);

  // Frees records from `position` on while their key is below `end` (empty: all that follow), but
  // at most to the end of one chunk; *done tells that nothing is left. Never throws.
  struct Erased {
    std::size_t records = 0;
    std::size_t data_bytes = 0;
    std::size_t block_bytes = 0;
  };
  Erased erase_in_chunk(Position position, std::string_view end, bool* done);

  // Moves a position past a chunk's end to the next chunk's first entry; false at the very end.
  bool normalize(Position* position) const;

  Record at(Position position) const {
    return groups_[position.group].chunks[position.chunk][position.entry].record;
  }

  // Calls visit(record) in order from `begin`'s place on until it returns false.
  template <typename Visit>
  void walk(Position begin, Visit&& visit) const;

  std::size_t size() const { return size_; }
  // Of the index alone, records not counted.
  std::size_t memory_bytes() const;

 private:
  struct Entry {
    std::uint64_t prefix;
    Record record;
  };
  // Capacity is set in small steps: doubling would leave a third of the memory unused.
  using Chunk = boost::container::vector<
      Entry, boost::container::new_allocator<Entry>,
      boost::container::vector_options_t<boost::container::stored_size<std::uint16_t>>>;
  struct Group {
    boost::container::vector<std::uint64_t> firsts;
    boost::container::vector<Chunk> chunks;
  };

  static constexpr std::size_t kChunkEntriesMax = 128;
  static constexpr std::size_t kChunkEntriesMin = 32;
  static constexpr std::size_t kChunkStep = 16;
  static constexpr std::size_t kGroupChunksMax = 512;

  static std::string_view first_key(const Chunk& chunk) { return record_key(chunk[0].record); }
  static std::string_view first_key(const Group& group) { return first_key(group.chunks[0]); }

  std::size_t group_of(std::uint64_t prefix, std::string_view key) const;
  std::size_t chunk_of(std::size_t group, std::uint64_t prefix, std::string_view key) const;
  std::size_t guess_entry(std::size_t group, std::size_t chunk, std::uint64_t prefix) const;

  Position split(Position position);
  void split_group(std::size_t group);
  void insert_chunk(std::size_t group, std::size_t chunk, Chunk&& fresh);
  void remove_chunk(std::size_t group, std::size_t chunk);
  void settle_after_erase(std::size_t group, std::size_t chunk);
  void refresh_first(std::size_t group, std::size_t chunk);

  // Where a prefix was found last. A key is looked up up to three times in a row: prefetched, read,
  // written; the second and third time cost a comparison. All keys of the prefix are in the chunk
  // named, or there is no hint; `layout` tells whether the chunks are still what they were, and the
  // entry is only a guess.
  struct Hint {
    std::uint64_t prefix = 0;
    std::uint64_t layout = 0;
    std::uint32_t group = 0;
    std::uint16_t chunk = 0;
    std::uint16_t entry = 0;
  };
  static constexpr std::size_t kHints = 64;

  Hint& hint_slot(std::uint64_t prefix) const {
    return hints_[(prefix * 0x9e3779b97f4a7c15ULL) >> 58];
  }
  void remember(std::uint64_t prefix, const Position& position) const;
  Position lower_bound_in_chunk(Position position, std::uint64_t prefix, std::string_view key,
                                std::size_t guess) const;

  boost::container::vector<std::uint64_t> group_firsts_;
  boost::container::vector<Group> groups_;
  std::size_t size_ = 0;
  std::uint64_t layout_ = 1;  // grows when a chunk comes, goes or gets another first key
  mutable std::array<Hint, kHints> hints_{};
};

template <typename Visit>
void OrderedIndex::walk(Position begin, Visit&& visit) const {
  if (!normalize(&begin)) {
    return;
  }
  std::size_t entry = begin.entry;
  std::size_t chunk = begin.chunk;
  for (std::size_t group = begin.group; group < groups_.size(); ++group, chunk = 0) {
    for (; chunk < groups_[group].chunks.size(); ++chunk, entry = 0) {
      const Chunk& entries = groups_[group].chunks[chunk];
      for (; entry < entries.size(); ++entry) {
        if (!visit(static_cast<const char*>(entries[entry].record))) {
          return;
        }
      }
    }
  }
}

}  // namespace kindred::plugins::memory
