// Puts and deletes that an engine applies as one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace kindred::plugins {

// Copies keys and values into one arena, so the caller's buffers are free at once. Build it, apply
// it, clear() it and build the next: after a few rounds it no longer allocates. One thread at a
// time.
class WriteBatch {
 public:
  enum class Kind : std::uint8_t { kPut, kDelete };

  // Views into the batch: valid until it is next changed, cleared or destroyed.
  struct Operation {
    Kind kind;
    std::string_view key;
    std::string_view value;  // empty for kDelete
  };

  void put(std::string_view key, std::string_view value) { add(Kind::kPut, key, value); }
  // Deleting a key that is not there is no error.
  void remove(std::string_view key) { add(Kind::kDelete, key, {}); }

  // Keeps the memory for the next batch.
  void clear() {
    arena_.clear();
    operations_.clear();
    well_formed_ = true;
  }

  std::size_t size() const { return operations_.size(); }
  bool empty() const { return operations_.empty(); }
  // Bytes of all keys and values together.
  std::size_t payload_bytes() const { return arena_.size(); }
  // False when a key was empty, or a key or value over 4 GiB - 1; engines refuse such a batch
  // whole.
  bool well_formed() const { return well_formed_; }

  // The order of iteration is the order of adding; of two operations on a key the later one wins.
  Operation operator[](std::size_t index) const {
    const Slot& slot = operations_[index];
    const char* key = arena_.data() + slot.offset;
    return {slot.kind, {key, slot.key_size}, {key + slot.key_size, slot.value_size}};
  }

  class Iterator {
   public:
    Iterator(const WriteBatch* batch, std::size_t index) : batch_(batch), index_(index) {}
    Operation operator*() const { return (*batch_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return index_ == other.index_; }

   private:
    const WriteBatch* batch_;
    std::size_t index_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, operations_.size()}; }

 private:
  struct Slot {
    std::size_t offset;
    std::uint32_t key_size;
    std::uint32_t value_size;
    Kind kind;
  };

  void add(Kind kind, std::string_view key, std::string_view value) {
    constexpr std::size_t kSizeMax = std::numeric_limits<std::uint32_t>::max();
    if (key.empty() || key.size() > kSizeMax || value.size() > kSizeMax) {
      well_formed_ = false;
      return;
    }
    operations_.push_back({arena_.size(), static_cast<std::uint32_t>(key.size()),
                           static_cast<std::uint32_t>(value.size()), kind});
    arena_.insert(arena_.end(), key.begin(), key.end());
    arena_.insert(arena_.end(), value.begin(), value.end());
  }

  std::vector<char> arena_;
  std::vector<Slot> operations_;
  bool well_formed_ = true;
};

}  // namespace kindred::plugins
