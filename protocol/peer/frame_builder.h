#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "protocol/peer/frame.h"
#include "replication/node/messages.h"

namespace kindred {

/// Gathers the messages of one loop turn to one peer in one data frame. Messages are encoded where
/// they will be sent from; the buffer is used again. One owner, one thread. Movable, so that bytes
/// that could not be sent at once may be kept by moving the builder away.
class FrameBuilder {
 public:
  FrameBuilder() = default;
  FrameBuilder(FrameBuilder&& other) noexcept;
  FrameBuilder& operator=(FrameBuilder&& other) noexcept;

  /// Adds a message, starting a new frame if the last one was finished; nothing of `message` is
  /// kept. False, and nothing added, where the frame would grow past kFramePayloadBytesMax: finish
  /// and send this one first; a message that an empty frame can't take can't be sent at all.
  [[nodiscard]] bool append(const Message& message);

  /// Messages in the frame being built.
  uint32_t message_count() const { return is_finished_ ? 0 : message_count_; }
  /// Bytes that finish() would yield, 0 where there are no messages.
  size_t size_bytes() const { return message_count() == 0 ? 0 : size_; }

  /// Seals the frame; there must be a message in it. The bytes live until the next append(),
  /// clear() or move.
  [[nodiscard]] std::string_view finish(const FrameOrigin& origin);

  /// Drops what was gathered; gives back memory beyond kRetainedBytes.
  void clear();
  static constexpr size_t kRetainedBytes = size_t{1} << 20;

 private:
  void reserve(size_t bytes);

  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t size_ = 0;  // with the header's room
  uint32_t message_count_ = 0;
  bool is_finished_ = false;
};

}  // namespace kindred
