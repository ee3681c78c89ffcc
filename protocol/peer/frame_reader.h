#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "protocol/peer/frame.h"
#include "protocol/peer/link_auth.h"

namespace kindred {

enum class FrameStatus : uint8_t {
  kFrame,
  kNeedMore,
  kError,  // error() says why; close the link
};

/// Cuts a peer's bytes into verified frames; owns the receive buffer, copies no payload. The same
/// bytes give the same frames and errors however they are cut into reads.
///
/// Memory: the buffer never grows by more than max(64 KiB, twice the bytes received of the current
/// frame) beyond these bytes and the room asked for, however long a payload is announced.
///
/// One owner, one thread.
class FrameReader {
 public:
  explicit FrameReader(uint32_t payload_bytes_max = kFramePayloadBytesMax)
      : payload_bytes_max_(payload_bytes_max) {}
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  /// The cluster whose frames are taken; 0, as at the start: any cluster's, as a node that is about
  /// to join one is sent data before it knows. Hello and membership frames come through whatever
  /// their cluster. Their readers judge these.
  void set_cluster(ClusterId cluster_id) { cluster_id_ = cluster_id; }

  /// Payloads from now on may be so long.
  void set_payload_max(uint32_t bytes) { payload_bytes_max_ = bytes; }
  /// From now on each frame is followed by its tag, which must be right.
  void expect_tags(FrameMac mac) { mac_.emplace(std::move(mac)); }

  /// Room for at least `min_bytes` bytes at the end of the buffer. Ends the life of all payloads.
  [[nodiscard]] std::span<char> writable(size_t min_bytes);
  /// Says that the first `size` bytes of the last writable() were filled.
  void commit(size_t size);

  /// The next frame. Its payload lives until the next writable() or shrink_idle(). After kError it
  /// answers the same for ever.
  [[nodiscard]] FrameStatus next(Frame* frame);
  FrameError error() const { return error_; }

  /// Bytes received and not yet handed out.
  size_t buffered_bytes() const { return end_ - begin_; }
  size_t capacity_bytes() const { return capacity_; }

  /// Frees the memory beyond `retain_bytes` if nothing is buffered. Ends the life of all payloads.
  void shrink_idle(size_t retain_bytes = 0);

 private:
  size_t wanted_capacity(size_t min_bytes) const;
  FrameStatus fail(FrameError error);

  uint32_t payload_bytes_max_;
  ClusterId cluster_id_ = 0;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t begin_ = 0;        // start of the frame being received
  size_t end_ = 0;          // end of the received bytes
  size_t frame_bytes_ = 0;  // of the frame at begin_, once its header was read
  FrameHeader header_;      // likewise
  std::optional<FrameMac> mac_;
  FrameError error_ = FrameError::kNone;
};

}  // namespace kindred
