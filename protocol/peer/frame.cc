#include "protocol/peer/frame.h"

#include "protocol/record/bytes.h"
#include "protocol/record/hash.h"

namespace kindred {

namespace {

// "KINDREDP" as it lies in the frame.
constexpr uint64_t kMagic = 0x5044'4552'444e'494bULL;
// The checksum is over all that follows it: one stretch of bytes with the payload.
constexpr size_t kSummedFrom = 16;

}  // namespace

void seal_frame(const FrameHeader& header, char* frame) {
  char* at = store_le(frame + kSummedFrom, kFrameVersion);
  at = store_le(at, static_cast<uint8_t>(header.kind));
  at = store_le(at, header.flags);
  at = store_le(at, header.payload_bytes);
  at = store_le(at, header.origin.cluster_id);
  at = store_le(at, header.origin.epoch);
  at = store_le(at, header.origin.generation);
  store_le(at, header.message_count);
  const size_t summed = kFrameHeaderBytes - kSummedFrom + size_t{header.payload_bytes};
  store_le(store_le(frame, kMagic), hash64({frame + kSummedFrom, summed}));
}

void encode_frame(FrameKind kind, const FrameOrigin& origin, std::string_view payload,
                  std::string* out) {
  out->assign(kFrameHeaderBytes, '\0');
  out->append(payload);
  FrameHeader header;
  header.kind = kind;
  header.origin = origin;
  header.payload_bytes = static_cast<uint32_t>(payload.size());
  seal_frame(header, out->data());
}

std::string_view name_of(FrameError error) {
  switch (error) {
    case FrameError::kNone:
      return "none";
    case FrameError::kBadMagic:
      return "bad magic";
    case FrameError::kBadVersion:
      return "unknown version";
    case FrameError::kBadKind:
      return "unknown kind";
    case FrameError::kBadFlags:
      return "unknown flags";
    case FrameError::kTooLong:
      return "too long";
    case FrameError::kBadChecksum:
      return "bad checksum";
    case FrameError::kBadTag:
      return "forged, replayed or out of order";
    case FrameError::kForeignCluster:
      return "foreign cluster";
  }
  return "unknown";
}

FrameError read_frame_header(std::string_view bytes, uint32_t payload_bytes_max,
                             FrameHeader* header) {
  const char* const at = bytes.data();
  if (load_le<uint64_t>(at) != kMagic) {
    return FrameError::kBadMagic;
  }
  if (load_le<uint8_t>(at + 16) != kFrameVersion) {
    return FrameError::kBadVersion;
  }
  const auto kind = load_le<uint8_t>(at + 17);
  if (kind < static_cast<uint8_t>(FrameKind::kHello) ||
      kind > static_cast<uint8_t>(FrameKind::kWelcome)) {
    return FrameError::kBadKind;
  }
  header->kind = static_cast<FrameKind>(kind);
  header->flags = load_le<uint16_t>(at + 18);
  if (header->flags != 0) {
    return FrameError::kBadFlags;
  }
  header->payload_bytes = load_le<uint32_t>(at + 20);
  if (header->payload_bytes > payload_bytes_max) {
    return FrameError::kTooLong;
  }
  header->origin.cluster_id = load_le<uint64_t>(at + 24);
  header->origin.epoch = load_le<uint64_t>(at + 32);
  header->origin.generation = load_le<uint32_t>(at + 40);
  header->message_count = load_le<uint32_t>(at + 44);
  return FrameError::kNone;
}

bool frame_checksum_holds(std::string_view frame) {
  return load_le<uint64_t>(frame.data() + 8) == hash64(frame.substr(kSummedFrom));
}

}  // namespace kindred
