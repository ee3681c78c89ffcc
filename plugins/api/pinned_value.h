// A value read without copying, and whatever keeps its bytes in place.
#pragma once

#include <cstddef>
#include <new>
#include <string_view>
#include <type_traits>

namespace kindred::plugins {

// Owned by the caller of Engine::try_get, filled by the engine. An engine whose records lie in
// memory sets a view of them and nothing else; one that has to hold something meanwhile (a block of
// its cache, a transaction) builds a holder inside, with no allocation of its own.
//
// The view is valid until the first of: the next apply or erase on the engine instance, the next
// use of this object in try_get, reset(), its destruction. It must not outlive the engine.
// It can't be copied or moved, because the holder may be pointed at.
class PinnedValue {
 public:
  static constexpr std::size_t kHolderBytesMax = 128;

  PinnedValue() = default;
  PinnedValue(const PinnedValue&) = delete;
  PinnedValue& operator=(const PinnedValue&) = delete;
  ~PinnedValue() { reset(); }

  std::string_view view() const { return view_; }
  // False when the bytes lie in the engine and nothing has to be let go.
  bool holds_resource() const { return destroy_holder_ != nullptr; }

  // Lets go of what is held. The object can be used again.
  void reset() {
    view_ = {};
    if (destroy_holder_ != nullptr) {
      destroy_holder_(storage_);
      destroy_holder_ = nullptr;
    }
  }

  // For engines: what follows is called inside try_get alone.
  void set_view(std::string_view view) { view_ = view; }

  // Lets go of the old holder and builds a new one.
  template <typename Holder>
  Holder& hold() {
    static_assert(sizeof(Holder) <= kHolderBytesMax, "the holder must fit into PinnedValue");
    static_assert(alignof(Holder) <= alignof(std::max_align_t));
    static_assert(std::is_nothrow_default_constructible_v<Holder>, "try_get must not throw");
    reset();
    Holder* holder = new (storage_) Holder();
    destroy_holder_ = [](void* storage) { static_cast<Holder*>(storage)->~Holder(); };
    return *holder;
  }

 private:
  std::string_view view_;
  void (*destroy_holder_)(void*) = nullptr;
  alignas(std::max_align_t) std::byte storage_[kHolderBytesMax];
};

}  // namespace kindred::plugins
