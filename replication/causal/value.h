#pragma once

#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace kindred {

/// A reference-counted block of bytes. The count is atomic, so a block may be released on another
/// thread than the one that made it; the bytes themselves are written once, before sharing.
class ByteBlock {
 public:
  static boost::intrusive_ptr<ByteBlock> make(uint32_t size) {
    void* memory = std::malloc(sizeof(ByteBlock) + size);
    if (memory == nullptr) {
      throw std::bad_alloc();
    }
    return boost::intrusive_ptr<ByteBlock>(new (memory) ByteBlock(size));
  }

  char* data() { return reinterpret_cast<char*>(this + 1); }
  uint32_t size() const { return size_; }

 private:
  explicit ByteBlock(uint32_t size) : size_(size) {}

  friend void intrusive_ptr_add_ref(ByteBlock* block) {
    block->references_.fetch_add(1, std::memory_order_relaxed);
  }
  friend void intrusive_ptr_release(ByteBlock* block) {
    if (block->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      block->~ByteBlock();
      std::free(block);
    }
  }

  std::atomic<uint32_t> references_{0};
  uint32_t size_;
};

/// Bytes of a value. Either owned (shares a ByteBlock) or borrowed: a borrowed value is a view of
/// somebody's buffer and is good only until the step that made it ends. Whoever keeps a value past
/// its step calls own().
class Value {
 public:
  Value() = default;

  static Value borrowed(std::string_view bytes) {
    Value value;
    value.bytes_ = bytes;
    return value;
  }

  /// A slice of `owner`; `bytes` must lie inside it.
  static Value shared(boost::intrusive_ptr<ByteBlock> owner, std::string_view bytes) {
    Value value;
    value.bytes_ = bytes;
    value.owner_ = std::move(owner);
    return value;
  }

  static Value copied(std::string_view bytes) {
    Value value;
    if (!bytes.empty()) {
      value.owner_ = ByteBlock::make(static_cast<uint32_t>(bytes.size()));
      std::memcpy(value.owner_->data(), bytes.data(), bytes.size());
      value.bytes_ = {value.owner_->data(), bytes.size()};
    }
    return value;
  }

  std::string_view bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool is_owned() const { return owner_ != nullptr || bytes_.empty(); }

  /// Copies the bytes if they are only borrowed.
  void own() {
    if (!is_owned()) {
      *this = copied(bytes_);
    }
  }

  friend bool operator==(const Value& a, const Value& b) { return a.bytes_ == b.bytes_; }

 private:
  std::string_view bytes_;
  boost::intrusive_ptr<ByteBlock> owner_;
};

}  // namespace kindred
