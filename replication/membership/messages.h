#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "replication/membership/cluster.h"
#include "replication/membership/node_record.h"

namespace kindred {

inline constexpr std::size_t kSeedsMax = 64;

/// Who sent a message. In front of every one.
struct Sender {
  NodeId node = 0;
  DirectoryId directory = 0;
  ClusterId cluster = 0;  // 0: in none yet
  friend bool operator==(const Sender&, const Sender&) = default;
};

/// How far a node's document has come. Ordered as documents supersede each other.
struct DocumentVersion {
  uint32_t generation = 0;
  uint64_t epoch = 0;
  Stamp flush_stamp = 0;
  uint64_t ring_hash = 0;
  friend bool operator==(const DocumentVersion&, const DocumentVersion&) = default;
};

/// Introduces a node to another, before and while founding.
struct Hello {
  Sender sender;
  bool is_reply = false;
  Address dialed;  // where the asker sent its Hello; a reply repeats it, so that aliases are known
  Member member;   // the sender as it wants to be listed
  std::vector<Address> seeds;
  Promise promised_to;
  friend bool operator==(const Hello&, const Hello&) = default;
};

/// Hands a document over. To a node that is no member the tag keys are left out.
struct DocumentOffer {
  Sender sender;
  std::shared_ptr<const ClusterDocument> document;  // never null
};

struct DocumentRequest {
  Sender sender;
  friend bool operator==(const DocumentRequest&, const DocumentRequest&) = default;
};

/// "Are you there?", and its answer: the same fields, seen from the other side.
struct Probe {
  Sender sender;
  bool is_reply = false;
  uint64_t sequence = 0;  // a reply repeats the probe's
  uint64_t unix_ms = 0;   // the sender's wall clock, uncorrected
  DocumentVersion version;
  bool is_whole = false;  // all copies of the sender are whole
  friend bool operator==(const Probe&, const Probe&) = default;
};

/// FLUSHALL, first phase: asks how high a member's stamps have come.
struct StampQuery {
  Sender sender;
  uint64_t flush_id = 0;
  friend bool operator==(const StampQuery&, const StampQuery&) = default;
};

struct StampAnswer {
  Sender sender;
  uint64_t flush_id = 0;
  Stamp highest = 0;
  uint64_t cluster_ms = 0;
  friend bool operator==(const StampAnswer&, const StampAnswer&) = default;
};

/// FLUSHALL, second phase: everything at or below the stamp is dead.
struct Flush {
  Sender sender;
  uint64_t flush_id = 0;
  Stamp flush_stamp = 0;
  friend bool operator==(const Flush&, const Flush&) = default;
};

/// The sender has stored the flush stamp, and all its shards stamp above it.
struct FlushAck {
  Sender sender;
  uint64_t flush_id = 0;
  friend bool operator==(const FlushAck&, const FlushAck&) = default;
};

using MembershipMessage = std::variant<Hello, DocumentOffer, DocumentRequest, Probe, StampQuery,
                                       StampAnswer, Flush, FlushAck>;

}  // namespace kindred
