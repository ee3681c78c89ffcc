#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "replication/membership/cluster.h"

namespace kindred {

/// What a frame between two nodes carries.
enum class FrameKind : uint8_t {
  kHello = 1,   // who the sender is; first on each link. Payload opaque here
  kMembership,  // liveness, founding, cluster documents. Payload opaque here
  kData,        // a batch of Message, see MessageReader
  kControl,     // questions between the nodes' servers. Payload opaque here
  kPart,        // the next piece of a large frame, so that others pass between. Payload opaque here
  kPublication,  // a message of PUBLISH. Sent only to peers that say they take it. Payload opaque
                 // here
  kChallenge,    // these three start a link where there is a cluster secret, see LinkHandshake
  kAnswer,
  kWelcome,
};

inline constexpr uint8_t kFrameVersion = 1;
inline constexpr size_t kFrameHeaderBytes = 48;
/// Above the longest value that a client may send (proto-max-bulk-len), its key and its siblings.
inline constexpr uint32_t kFramePayloadBytesMax = 1U << 30;

/// The cluster as the sender knows it.
struct FrameOrigin {
  ClusterId cluster_id = 0;  // 0: has none yet
  uint32_t generation = 0;
  uint64_t epoch = 0;
  friend bool operator==(const FrameOrigin&, const FrameOrigin&) = default;
};

struct FrameHeader {
  FrameKind kind = FrameKind::kData;
  uint16_t flags = 0;  // none is defined: must be 0
  uint32_t payload_bytes = 0;
  FrameOrigin origin;
  uint32_t message_count = 0;  // kData; else 0
};

/// A whole, verified frame.
struct Frame {
  FrameHeader header;
  std::string_view payload;
};

/// Writes the header of a frame to `frame`, its first byte; the payload stands behind it already.
/// `header.payload_bytes` says how long that is.
void seal_frame(const FrameHeader& header, char* frame);

/// Replaces `out` by a frame around an opaque payload of at most kFramePayloadBytesMax bytes.
void encode_frame(FrameKind kind, const FrameOrigin& origin, std::string_view payload,
                  std::string* out);

enum class FrameError : uint8_t {
  kNone = 0,
  kBadMagic,
  kBadVersion,
  kBadKind,
  kBadFlags,
  kTooLong,  // longer than the limit
  kBadChecksum,
  kBadTag,          // forged, replayed, out of order, or of another link
  kForeignCluster,  // a data frame of another cluster, or of a node that has none
};

/// For the log.
[[nodiscard]] std::string_view name_of(FrameError error);

/// Checks all of a header that can be checked before the payload is there. `bytes` holds at least
/// kFrameHeaderBytes.
[[nodiscard]] FrameError read_frame_header(std::string_view bytes, uint32_t payload_bytes_max,
                                           FrameHeader* header);

/// `frame` is header and payload, whole.
[[nodiscard]] bool frame_checksum_holds(std::string_view frame);

}  // namespace kindred
