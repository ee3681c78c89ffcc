#pragma once

#include <boost/container/small_vector.hpp>
#include <span>
#include <utility>

#include "replication/causal/dot.h"

namespace kindred {

/// Which events somebody knows: for each actor the highest stamp up to which it knows them all
/// (the version vector), and single dots beyond that. Both lists are kept sorted and disjoint, so
/// equal knowledge is equal content.
class CausalContext {
 public:
  struct Entry {
    ActorId actor = 0;
    Stamp stamp = 0;
    friend constexpr auto operator<=>(const Entry&, const Entry&) = default;
  };

  CausalContext() = default;
  CausalContext(const CausalContext&) = default;
  CausalContext(CausalContext&&) = default;
  ~CausalContext() = default;
  /// Keeps the room it has: contexts of requests are reused, and most have no single dots.
  CausalContext& operator=(const CausalContext& other) {
    if (this != &other) {
      vector_.assign(other.vector_.begin(), other.vector_.end());
      if (!dots_.empty() || !other.dots_.empty()) {
        dots_.assign(other.dots_.begin(), other.dots_.end());
      }
    }
    return *this;
  }
  /// What lies inside the object is cheaper copied than moved one by one.
  CausalContext& operator=(CausalContext&& other) noexcept {
    if (other.vector_.size() <= kEntriesInside && other.dots_.empty()) {
      return *this = std::as_const(other);
    }
    vector_ = std::move(other.vector_);
    dots_ = std::move(other.dots_);
    return *this;
  }

  bool empty() const { return vector_.empty() && dots_.empty(); }
  std::span<const Entry> vector() const { return {vector_.data(), vector_.size()}; }
  std::span<const Dot> dots() const { return {dots_.data(), dots_.size()}; }

  /// The vector's stamp for `actor`, 0 where it has none.
  Stamp stamp_of(ActorId actor) const;
  bool vector_covers(const Dot& dot) const { return stamp_of(dot.actor) >= dot.stamp; }
  bool covers(const Dot& dot) const;
  /// The highest stamp in vector and dots, 0 when empty.
  Stamp highest_stamp() const;

  /// Raises the vector's entry for `actor` to at least `stamp`; drops dots that it then covers.
  void raise(ActorId actor, Stamp stamp);
  /// Adds one single dot, unless it is covered already.
  void add_dot(const Dot& dot);
  /// Takes in all that `other` knows.
  void join(const CausalContext& other);
  void clear() {
    vector_.clear();
    dots_.clear();
  }

  /// For decoders: appends in canonical order; false (nothing changed) where the order is broken.
  [[nodiscard]] bool append_entry(const Entry& entry);
  [[nodiscard]] bool append_dot(const Dot& dot);
  /// For decoders: replaces everything by `count` entries, entry_at(0) the first; false where they
  /// are not in canonical order, the context is then empty.
  template <typename EntryAt>
  [[nodiscard]] bool assign_entries(size_t count, EntryAt entry_at) {
    clear();
    vector_.reserve(count);
    ActorId before = 0;
    for (size_t i = 0; i < count; ++i) {
      const Entry entry = entry_at(i);
      if (entry.actor <= before || entry.stamp == 0) {
        vector_.clear();
        return false;
      }
      before = entry.actor;
      vector_.push_back(entry);
    }
    return true;
  }

  friend bool operator==(const CausalContext&, const CausalContext&) = default;

 private:
  void drop_covered_dots();

  static constexpr size_t kEntriesInside = 4;

  boost::container::small_vector<Entry, kEntriesInside> vector_;  // sorted by actor
  boost::container::small_vector<Dot, 1> dots_;                   // sorted; none covered by vector_
};

}  // namespace kindred
