#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "replication/membership/cluster.h"
#include "replication/membership/node_record.h"
#include "replication/membership/paxos.h"
#include "replication/membership/ring_plan.h"
#include "replication/membership/swim.h"

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

/// Whether a node without a cluster lets itself be taken into one.
enum class Joining : uint8_t {
  kBound = 0,      // no: it saw no cluster yet, or may be a founding member of another one
  kOnRequest = 1,  // when an operator asks for it
  kAtOnce = 2,
};

/// Introduces a node to another, before and while founding, and while it waits to be taken in.
struct Hello {
  Sender sender;
  bool is_reply = false;
  Address dialed;  // where the asker sent its Hello; a reply repeats it, so that aliases are known
  Member member;   // the sender as it wants to be listed
  std::vector<Address> seeds;
  Promise promised_to;
  Joining joining = Joining::kBound;
  ClusterId joining_cluster = 0;  // the only one that may take it in
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

/// A probe, its answer, or other words on who is up; and what every member tells on the side.
struct Gossip {
  Sender sender;
  uint64_t unix_ms = 0;  // the sender's wall clock, uncorrected
  DocumentVersion version;
  SwimMessage message;
  friend bool operator==(const Gossip&, const Gossip&) = default;
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

/// FLUSHALL, second phase: the stamp is committed; asks the receiver to tell once it goes by it.
struct Flush {
  Sender sender;
  uint64_t flush_id = 0;
  Stamp flush_stamp = 0;
  friend bool operator==(const Flush&, const Flush&) = default;
};

/// The sender has installed a document with the flush stamp, and all its shards stamp above it.
struct FlushAck {
  Sender sender;
  uint64_t flush_id = 0;
  friend bool operator==(const FlushAck&, const FlushAck&) = default;
};

/// Paxos, first phase: asks a voter to accept nothing below the ballot.
struct Prepare {
  Sender sender;
  DocumentNumber instance;
  Ballot ballot;
  friend bool operator==(const Prepare&, const Prepare&) = default;
};

/// The sender promised, synced, and tells what it had accepted.
struct Prepared {
  Sender sender;
  DocumentNumber instance;
  Ballot ballot;
  Ballot accepted;                                  // none: nothing
  std::shared_ptr<const ClusterDocument> document;  // null: nothing
};

/// Paxos, second phase: asks a voter to accept the document.
struct Accept {
  Sender sender;
  DocumentNumber instance;
  Ballot ballot;
  std::shared_ptr<const ClusterDocument> document;  // never null
};

/// The sender accepted the ballot's document, synced.
struct Accepted {
  Sender sender;
  DocumentNumber instance;
  Ballot ballot;
  friend bool operator==(const Accepted&, const Accepted&) = default;
};

/// The sender has promised a higher ballot.
struct Refused {
  Sender sender;
  DocumentNumber instance;
  Ballot ballot;
  Ballot promised;
  friend bool operator==(const Refused&, const Refused&) = default;
};

/// Tells the driver how far the sender has come, while partitions move or members leave.
struct ProgressReport {
  Sender sender;
  MemberProgress progress;
  friend bool operator==(const ProgressReport&, const ProgressReport&) = default;
};

/// A waiting node asks a member to have it taken in, as its operator told it.
struct JoinRequest {
  Sender sender;
  uint64_t request_id = 0;
  ClusterId cluster = 0;  // that it waits for
  Member member;
  bool now = false;  // committed at once, else staged
  friend bool operator==(const JoinRequest&, const JoinRequest&) = default;
};

struct JoinReply {
  Sender sender;
  uint64_t request_id = 0;
  std::string error;  // an error line, or empty
  uint64_t epoch = 0;
  friend bool operator==(const JoinReply&, const JoinReply&) = default;
};

using MembershipMessage = std::variant<Hello, DocumentOffer, DocumentRequest, Gossip, StampQuery,
                                       StampAnswer, Flush, FlushAck, Prepare, Prepared, Accept,
                                       Accepted, Refused, ProgressReport, JoinRequest, JoinReply>;

}  // namespace kindred
