#include "server/session/reply_slot.h"

#include <utility>

#include "server/session/invariant.h"
#include "server/session/task.h"
#include "server/session/token.h"

namespace kindred {

namespace {
constexpr size_t kFirstSlots = 4;
constexpr size_t kRetainedReplyBytes = 512;
constexpr size_t kRetainedKeyBytes = 256;
}  // namespace

ReplySlot::ReplySlot() = default;
ReplySlot::~ReplySlot() = default;
ReplySlot::ReplySlot(ReplySlot&&) noexcept = default;
ReplySlot& ReplySlot::operator=(ReplySlot&&) noexcept = default;

void ReplySlot::reset() {
  if (task != nullptr) {
    task.reset();
  }
  if (early.capacity_bytes() != 0) {
    early.reset(kRetainedReplyBytes);
  }
  if (key.capacity() > kRetainedKeyBytes) {
    key = std::string();
  }
  shown.clear();
  if (shown.capacity() > kRetainedKeyBytes) {
    shown = std::string();
  }
  spec = nullptr;
  render = nullptr;
  number = 0;
  timeout_ms = 0;
  flags = 0;
  ready = false;
  suppressed = false;
  holds_key = false;
}

uint32_t ReplySlots::push() {
  if (size() == slots_.size()) {
    grow();
  }
  return tail_++;
}

void ReplySlots::unpush() {
  require(!empty(), "a reply slot is in use");
  --tail_;
  at(tail_).reset();
}

void ReplySlots::pop() {
  require(!empty(), "a reply slot is in use");
  at(head_).reset();
  ++head_;
}

uint32_t ReplySlots::sequence_of(uint32_t low_bits) const {
  return head_ + ((low_bits - head_) & (kSlotsMax - 1));
}

void ReplySlots::grow() {
  require(slots_.size() < kSlotsMax, "reply slots are bounded");
  std::vector<ReplySlot> wider(slots_.empty() ? kFirstSlots : slots_.size() * 2);
  for (uint32_t sequence = head_; sequence != tail_; ++sequence) {
    wider[sequence & (wider.size() - 1)] = std::move(at(sequence));
  }
  slots_.swap(wider);
}

}  // namespace kindred
