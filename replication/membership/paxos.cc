#include "replication/membership/paxos.h"

#include <utility>

#include "replication/causal/bug_bank.h"

namespace kindred {

DocumentNumber number_of(const ClusterDocument& document) {
  return {document.generation, document.epoch};
}

DocumentNumber number_after(const ClusterDocument& document) {
  return {document.generation, document.epoch + 1};
}

bool Acceptor::prepare(DocumentNumber asked, Ballot ballot) {
  if (instance != asked) {
    *this = {};
    instance = asked;
  }
  if (ballot < promised) {
    return false;
  }
  promised = ballot;
  return true;
}

bool Acceptor::accept(DocumentNumber asked, Ballot ballot,
                      std::shared_ptr<const ClusterDocument> proposed) {
  if (!prepare(asked, ballot)) {
    return false;
  }
  accepted = ballot;
  document = std::move(proposed);
  return true;
}

Proposer::Proposer(const ClusterDocument& before, Ballot ballot,
                   std::shared_ptr<const ClusterDocument> own)
    : instance_(number_after(before)), ballot_(ballot), document_(std::move(own)) {
  for (const Member& member : before.members) {
    voters_.insert({member.id, member.directory});
  }
}

std::vector<NodeId> Proposer::awaited() const {
  std::vector<NodeId> nodes;
  for (const Voter& voter : voters_) {
    if (!answered_.contains(voter)) {
      nodes.push_back(voter.node);
    }
  }
  return nodes;
}

bool Proposer::prepared(Voter voter, Ballot ballot, Ballot accepted,
                        const std::shared_ptr<const ClusterDocument>& document) {
  if (is_accepting_ || ballot != ballot_ || !voters_.contains(voter)) {
    return false;
  }
  // It may have been chosen already; whoever has the highest ballot is sure to propose the same.
  if (document != nullptr && accepted > highest_accepted_ &&
      !KINDRED_BUG(accepted_document_ignored)) {
    highest_accepted_ = accepted;
    document_ = document;
  }
  answered_.insert(voter);
  is_accepting_ = answered_.size() >= majority();
  if (is_accepting_) {
    answered_.clear();
  }
  return is_accepting_;
}

bool Proposer::accepted(Voter voter, Ballot ballot) {
  if (!is_accepting_ || is_chosen_ || ballot != ballot_ || !voters_.contains(voter)) {
    return false;
  }
  answered_.insert(voter);
  is_chosen_ = answered_.size() >= majority();
  return is_chosen_;
}

}  // namespace kindred
