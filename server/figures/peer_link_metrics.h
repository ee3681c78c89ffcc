#pragma once

#include <cstdint>

namespace kindred {

/// What a node counts of its links to other nodes.
struct PeerLinkMetrics {
  uint64_t frames_sent = 0;
  uint64_t bytes_sent = 0;
  uint64_t frames_received = 0;
  uint64_t bytes_received = 0;
  uint64_t frames_dropped = 0;  // for a link that was not up or was full
  uint64_t rejected_frames = 0;
  uint64_t checksum_failures = 0;
  uint64_t unproven_links = 0;  // ended for want of the cluster's secret, or by a wrong tag
};

}  // namespace kindred
