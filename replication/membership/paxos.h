#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "replication/causal/bug_bank.h"
#include "replication/membership/cluster.h"

namespace kindred {

/// Orders the proposals of one instance: unique to a proposer, who never uses one twice.
struct Ballot {
  uint64_t round = 0;
  NodeId node = 0;

  bool is_none() const { return round == 0; }
  friend auto operator<=>(const Ballot&, const Ballot&) = default;
};

/// Names an instance: the document that it chooses. Ordered as documents supersede each other.
struct DocumentNumber {
  uint32_t generation = 0;
  uint64_t epoch = 0;
  friend auto operator<=>(const DocumentNumber&, const DocumentNumber&) = default;
};

DocumentNumber number_of(const ClusterDocument& document);
/// The instance that the members of `document` vote in.
DocumentNumber number_after(const ClusterDocument& document);

/// A directory that votes in the instance after the document that lists it.
struct Voter {
  NodeId node = 0;
  DirectoryId directory = 0;
  friend auto operator<=>(const Voter&, const Voter&) = default;
};

/// What an acceptor has promised and accepted in one instance. Each change is synced before it is
/// answered. (Source: Lamport, "Paxos Made Simple", section 2.2.)
struct Acceptor {
  DocumentNumber instance;
  Ballot promised;
  Ballot accepted;                                  // none: nothing accepted
  std::shared_ptr<const ClusterDocument> document;  // the accepted one

  friend bool operator==(const Acceptor&, const Acceptor&) = default;

  /// Promises to accept nothing below `ballot`; false, and nothing changes, where a higher one was
  /// promised. The same ballot may be promised again. What an earlier instance left is forgotten:
  /// to be asked only by members of the document before `asked`, while this node holds it.
  [[nodiscard]] bool prepare(DocumentNumber asked, Ballot ballot);
  /// Accepts `proposed` under `ballot`; false, and nothing changes, where a higher ballot was
  /// promised.
  [[nodiscard]] bool accept(DocumentNumber asked, Ballot ballot,
                            std::shared_ptr<const ClusterDocument> proposed);
};

/// One attempt to have a document chosen in one instance. Sends nothing itself: the caller sends
/// Prepare to all voters, and Accept to all once a majority has promised. Not thread-safe.
class Proposer {
 public:
  /// `before` is the document whose members vote; `own`, the document after it, is proposed unless
  /// another may have been chosen already.
  Proposer(const ClusterDocument& before, Ballot ballot,
           std::shared_ptr<const ClusterDocument> own);

  DocumentNumber instance() const { return instance_; }
  Ballot ballot() const { return ballot_; }
  /// Whether a majority has promised, so that document() is to be accepted.
  bool is_accepting() const { return is_accepting_; }
  /// The document that is proposed; its own until a majority has promised.
  const std::shared_ptr<const ClusterDocument>& document() const { return document_; }
  /// Nodes that have not answered in the present phase.
  std::vector<NodeId> awaited() const;
  std::size_t majority() const {
    return voters_.size() / 2 + (KINDRED_BUG(minority_decides) ? 0 : 1);
  }
  /// Voters that have answered in the present phase.
  std::size_t answered() const { return answered_.size(); }

  /// A voter promised `ballot`, and told what it had accepted before. True once, when that makes a
  /// majority.
  [[nodiscard]] bool prepared(Voter voter, Ballot ballot, Ballot accepted,
                              const std::shared_ptr<const ClusterDocument>& document);
  /// A voter accepted the document. True once, when that chooses it.
  [[nodiscard]] bool accepted(Voter voter, Ballot ballot);

 private:
  DocumentNumber instance_;
  Ballot ballot_;
  std::shared_ptr<const ClusterDocument> document_;
  Ballot highest_accepted_;
  std::set<Voter> voters_;
  std::set<Voter> answered_;
  bool is_accepting_ = false;
  bool is_chosen_ = false;
};

}  // namespace kindred
