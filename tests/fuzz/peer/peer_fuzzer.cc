// What comes over a peer link may be anything. An even first byte: the rest is a stream of frames,
// cut as the first byte says. An odd one: the rest is a message count (a byte) and the payload of a
// frame whose checksum holds. What is read must be written back as it was.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "protocol/peer/frame_builder.h"
#include "protocol/peer/frame_reader.h"
#include "protocol/peer/message_reader.h"

namespace kindred {
namespace {

constexpr ClusterId kCluster = 0xabcdef;

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

// Reads all frames of a stream; the sum of what was read tells two ways of reading apart.
std::string read_stream(std::string_view stream, size_t cut) {
  FrameReader reader(/*payload_bytes_max=*/1 << 20);
  reader.set_cluster(kCluster);
  std::string read;
  for (size_t at = 0; at < stream.size();) {
    const size_t size = std::min(cut, stream.size() - at);
    const std::span<char> room = reader.writable(size);
    std::memcpy(room.data(), stream.data() + at, size);
    reader.commit(size);
    at += size;
    Frame frame;
    FrameStatus status = reader.next(&frame);
    for (; status == FrameStatus::kFrame; status = reader.next(&frame)) {
      read += frame.payload;
      read += '|';
    }
    require(reader.capacity_bytes() <= cut + 3 * stream.size() + (size_t{128} << 10));
    if (status == FrameStatus::kError) {
      return read + std::string(name_of(reader.error()));
    }
  }
  return read;
}

void check_payload(std::string_view payload, uint32_t message_count) {
  Frame frame;
  frame.payload = payload;
  frame.header.message_count = message_count;
  MessageReader reader(/*partition_count=*/256);
  reader.start(frame);
  FrameBuilder builder;
  while (const Message* message = reader.next()) {
    require(builder.append(*message));
  }
  if (reader.failed() || reader.skipped_count() > 0 || message_count == 0) {
    return;
  }
  const std::string_view again = builder.finish(FrameOrigin{kCluster, 1, 1});
  require(again.substr(kFrameHeaderBytes) == payload);
  const std::string stream(again);
  require(read_stream(stream, stream.size()) == std::string(payload) + '|');
}

}  // namespace
}  // namespace kindred

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.size() < 2) {
    return 0;
  }
  if (data[0] % 2 == 0) {
    const std::string_view stream = input.substr(1);
    if (kindred::read_stream(stream, size) != kindred::read_stream(stream, 1U + data[0] / 2)) {
      std::abort();
    }
  } else {
    kindred::check_payload(input.substr(2), data[1]);
  }
  return 0;
}
