#include "protocol/peer/frame_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace kindred {

namespace {

constexpr size_t kMinGrowthBytes = size_t{64} * 1024;

}  // namespace

std::span<char> FrameReader::writable(size_t min_bytes) {
  min_bytes = std::max<size_t>(min_bytes, 1);
  const size_t live = end_ - begin_;
  if (live == 0) {
    begin_ = end_ = 0;
  }
  const size_t wanted = wanted_capacity(min_bytes);
  if (capacity_ - begin_ < wanted) {
    if (wanted <= capacity_) {
      std::memmove(buffer_.get(), buffer_.get() + begin_, live);
    } else {
      auto fresh = std::make_unique_for_overwrite<char[]>(wanted);
      if (live > 0) {
        std::memcpy(fresh.get(), buffer_.get() + begin_, live);
      }
      buffer_ = std::move(fresh);
      capacity_ = wanted;
    }
    begin_ = 0;
    end_ = live;
  }
  return {buffer_.get() + end_, capacity_ - end_};
}

// What the frame being received needs of the buffer, as far as it may be granted in advance.
size_t FrameReader::wanted_capacity(size_t min_bytes) const {
  const size_t live = end_ - begin_;
  const size_t granted = live + std::max(kMinGrowthBytes, 2 * live);
  return std::max(live + min_bytes, std::min(frame_bytes_, granted));
}

void FrameReader::commit(size_t size) {
  end_ += std::min(size, capacity_ - end_);
}

FrameStatus FrameReader::next(Frame* frame) {
  if (error_ != FrameError::kNone) {
    return FrameStatus::kError;
  }
  const size_t tag_bytes = mac_ ? FrameMac::kTagBytes : 0;
  const std::string_view received(buffer_.get() + begin_, end_ - begin_);
  if (frame_bytes_ == 0) {
    if (received.size() < kFrameHeaderBytes) {
      return FrameStatus::kNeedMore;
    }
    const FrameError error = read_frame_header(received, payload_bytes_max_, &header_);
    if (error != FrameError::kNone) {
      return fail(error);
    }
    frame_bytes_ = kFrameHeaderBytes + header_.payload_bytes + tag_bytes;
  }
  if (received.size() < frame_bytes_) {
    return FrameStatus::kNeedMore;
  }
  const std::string_view whole = received.substr(0, frame_bytes_ - tag_bytes);
  if (!frame_checksum_holds(whole)) {
    return fail(FrameError::kBadChecksum);
  }
  if (mac_ && !mac_->accepts_next(whole, received.substr(whole.size(), tag_bytes))) {
    return fail(FrameError::kBadTag);
  }
  const bool is_for_strangers =
      header_.kind == FrameKind::kHello || header_.kind == FrameKind::kMembership ||
      header_.kind == FrameKind::kChallenge || header_.kind == FrameKind::kAnswer ||
      header_.kind == FrameKind::kWelcome;
  const bool is_foreign = header_.origin.cluster_id == 0 ||
                          (cluster_id_ != 0 && header_.origin.cluster_id != cluster_id_);
  if (!is_for_strangers && is_foreign) {
    return fail(FrameError::kForeignCluster);
  }
  frame->header = header_;
  frame->payload = whole.substr(kFrameHeaderBytes);
  begin_ += frame_bytes_;
  frame_bytes_ = 0;
  return FrameStatus::kFrame;
}

FrameStatus FrameReader::fail(FrameError error) {
  error_ = error;
  return FrameStatus::kError;
}

void FrameReader::shrink_idle(size_t retain_bytes) {
  if (begin_ == end_ && capacity_ > retain_bytes) {
    buffer_.reset();
    capacity_ = begin_ = end_ = 0;
  }
}

}  // namespace kindred
