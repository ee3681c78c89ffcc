#include "protocol/peer/frame_builder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "protocol/peer/message_bytes.h"

namespace kindred {

namespace {

constexpr size_t kFirstCapacity = size_t{16} * 1024;

}  // namespace

FrameBuilder::FrameBuilder(FrameBuilder&& other) noexcept {
  *this = std::move(other);
}

FrameBuilder& FrameBuilder::operator=(FrameBuilder&& other) noexcept {
  buffer_ = std::move(other.buffer_);
  capacity_ = std::exchange(other.capacity_, 0);
  size_ = std::exchange(other.size_, 0);
  message_count_ = std::exchange(other.message_count_, 0);
  is_finished_ = std::exchange(other.is_finished_, false);
  return *this;
}

bool FrameBuilder::append(const Message& message) {
  if (is_finished_) {
    clear();
  }
  if (!can_be_sent(message)) {
    return false;
  }
  const size_t begin = std::max(size_, kFrameHeaderBytes);
  const size_t needed = begin + message_bytes_max(message);
  if (needed > kFrameHeaderBytes + size_t{kFramePayloadBytesMax}) {
    return false;
  }
  reserve(needed);
  char* const end = store_message(buffer_.get() + begin, message);
  size_ = static_cast<size_t>(end - buffer_.get());
  ++message_count_;
  return true;
}

std::string_view FrameBuilder::finish(const FrameOrigin& origin) {
  FrameHeader header;
  header.kind = FrameKind::kData;
  header.origin = origin;
  header.payload_bytes = static_cast<uint32_t>(size_ - kFrameHeaderBytes);
  header.message_count = message_count_;
  seal_frame(header, buffer_.get());
  is_finished_ = true;
  return {buffer_.get(), size_};
}

void FrameBuilder::clear() {
  if (capacity_ > kRetainedBytes) {
    buffer_.reset();
    capacity_ = 0;
  }
  size_ = 0;
  message_count_ = 0;
  is_finished_ = false;
}

void FrameBuilder::reserve(size_t bytes) {
  if (bytes <= capacity_) {
    return;
  }
  const size_t capacity = std::max({bytes, capacity_ + capacity_ / 2, kFirstCapacity});
  auto fresh = std::make_unique_for_overwrite<char[]>(capacity);
  if (size_ > 0) {
    std::memcpy(fresh.get(), buffer_.get(), size_);
  }
  buffer_ = std::move(fresh);
  capacity_ = capacity;
}

}  // namespace kindred
