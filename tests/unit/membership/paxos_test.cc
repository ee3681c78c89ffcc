#include "replication/membership/paxos.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <random>

#include "tests/unit/membership/samples.h"

namespace kindred::membership_test {
namespace {

using DocumentPointer = std::shared_ptr<const ClusterDocument>;

DocumentPointer document_after(const ClusterDocument& before, uint64_t mark) {
  auto next = std::make_shared<ClusterDocument>(before);
  ++next->epoch;
  next->flush_stamp = mark;
  return next;
}

/// Acceptors and proposers on a network that loses, doubles and reorders. An acceptor's disk lags
/// behind its memory until it answers; a crash falls back to the disk, a wipe makes it a stranger.
class Instance {
 public:
  Instance(uint64_t prng_seed, std::size_t voters) : prng_(prng_seed) {
    before_.cluster_id = 1;
    before_.epoch = 7;
    for (NodeId id = 1; id <= voters; ++id) {
      before_.members.push_back(sample_member(id));
      nodes_.push_back({{id, sample_member(id).directory}, {}, {}, {}});
    }
  }

  void run(std::size_t acts) {
    for (std::size_t act = 0; act < acts; ++act) {
      switch (prng_() % 12) {
        case 0:
          propose(prng_() % nodes_.size());
          break;
        case 1:
          if (prng_() % 4 == 0) {
            crash(prng_() % nodes_.size());
          }
          break;
        default:
          deliver_one();
      }
    }
  }

  /// Nothing is lost any more and one proposer goes on: something is chosen.
  void finish() {
    for (int attempt = 0; attempt < 50 && chosen_.empty(); ++attempt) {
      propose(0);
      while (!network_.empty()) {
        deliver_at(0);
      }
    }
  }

  void wipe_one() {
    Node& node = nodes_.back();
    node = {{node.voter.node, node.voter.directory + 1}, {}, {}, {}};
  }

  /// The marks of all documents that any proposer saw chosen.
  const std::set<uint64_t>& chosen() const { return chosen_; }

 private:
  struct Node {
    Voter voter;
    Acceptor acceptor;
    uint64_t round = 0;
    std::optional<Proposer> proposer;
  };

  void propose(std::size_t at) {
    Node& node = nodes_[at];
    // Above all that it promised: so never a round used before, whatever a crash forgot.
    const Ballot ballot{node.acceptor.promised.round + 1 + prng_() % 2, node.voter.node};
    if (!node.acceptor.prepare(number_after(before_), ballot)) {
      return;
    }
    node.proposer.emplace(before_, ballot, document_after(before_, ++last_mark_));
    send_prepares(at);
  }

  void send_prepares(std::size_t from) {
    const Ballot ballot = nodes_[from].proposer->ballot();
    for (std::size_t to = 0; to < nodes_.size(); ++to) {
      network_.push_back([this, from, to, ballot] {
        Acceptor& acceptor = nodes_[to].acceptor;
        if (!acceptor.prepare(number_after(before_), ballot)) {
          return;
        }
        const Acceptor told = acceptor;
        const Voter voter = nodes_[to].voter;
        network_.push_back([this, from, voter, ballot, told] {
          auto& proposer = nodes_[from].proposer;
          if (proposer && proposer->prepared(voter, ballot, told.accepted, told.document)) {
            send_accepts(from);
          }
        });
      });
    }
  }

  void send_accepts(std::size_t from) {
    const Ballot ballot = nodes_[from].proposer->ballot();
    const DocumentPointer document = nodes_[from].proposer->document();
    for (std::size_t to = 0; to < nodes_.size(); ++to) {
      network_.push_back([this, from, to, ballot, document] {
        if (!nodes_[to].acceptor.accept(number_after(before_), ballot, document)) {
          return;
        }
        const Voter voter = nodes_[to].voter;
        network_.push_back([this, from, voter, ballot] {
          auto& proposer = nodes_[from].proposer;
          if (proposer && proposer->accepted(voter, ballot)) {
            chosen_.insert(proposer->document()->flush_stamp);
          }
        });
      });
    }
  }

  /// What was answered was synced, so a crash loses the proposer alone.
  void crash(std::size_t at) { nodes_[at].proposer.reset(); }

  void deliver_one() {
    if (network_.empty()) {
      return;
    }
    const std::size_t at = prng_() % network_.size();
    if (prng_() % 8 == 0) {
      network_.push_back(network_[at]);  // twice
    }
    if (prng_() % 8 == 0) {
      network_.erase(network_.begin() + static_cast<std::ptrdiff_t>(at));  // lost
      return;
    }
    deliver_at(at);
  }

  void deliver_at(std::size_t at) {
    const auto call = std::move(network_[at]);
    network_.erase(network_.begin() + static_cast<std::ptrdiff_t>(at));
    call();
  }

  std::mt19937_64 prng_;
  ClusterDocument before_;
  std::vector<Node> nodes_;
  std::vector<std::function<void()>> network_;
  uint64_t last_mark_ = 0;
  std::set<uint64_t> chosen_;
};

TEST(Paxos, OneDocumentAnInstanceHoweverMessagesGo) {
  std::size_t chosen_in_disorder = 0;
  for (uint64_t prng_seed = 1; prng_seed <= 3'000; ++prng_seed) {
    SCOPED_TRACE("prng_seed " + std::to_string(prng_seed));
    Instance instance(prng_seed, 1 + prng_seed % 5);
    instance.run(20 + prng_seed % 300);
    chosen_in_disorder += !instance.chosen().empty();
    instance.finish();
    ASSERT_EQ(instance.chosen().size(), 1u);
  }
  EXPECT_GT(chosen_in_disorder, 300u);
}

TEST(Paxos, WipedDirectoryDoesNotVoteAndChangesNothing) {
  for (uint64_t prng_seed = 1; prng_seed <= 1'000; ++prng_seed) {
    SCOPED_TRACE("prng_seed " + std::to_string(prng_seed));
    Instance instance(prng_seed, 3 + prng_seed % 3);
    instance.run(60);
    instance.wipe_one();
    instance.run(100);
    instance.finish();
    ASSERT_EQ(instance.chosen().size(), 1u);
  }
}

TEST(Paxos, AcceptorRefusesBelowItsPromiseAndForgetsEarlierInstances) {
  const DocumentPointer before = sample_document();
  const DocumentPointer next = document_after(*before, 1);
  Acceptor acceptor;
  EXPECT_TRUE(acceptor.prepare({1, 2}, {5, 2}));
  EXPECT_FALSE(acceptor.prepare({1, 2}, {5, 1}));
  EXPECT_FALSE(acceptor.accept({1, 2}, {4, 9}, next));
  EXPECT_EQ(acceptor.document, nullptr);
  EXPECT_TRUE(acceptor.accept({1, 2}, {5, 2}, next));
  EXPECT_EQ(acceptor.accepted, (Ballot{5, 2}));
  EXPECT_TRUE(acceptor.prepare({1, 3}, {1, 1}));
  EXPECT_TRUE(acceptor.accepted.is_none());
  EXPECT_EQ(acceptor.document, nullptr);
}

TEST(Paxos, ProposerTakesTheDocumentOfTheHighestBallotMet) {
  const DocumentPointer before = sample_document();
  const auto own = document_after(*before, 1);
  const auto low = document_after(*before, 2);
  const auto high = document_after(*before, 3);
  Proposer proposer(*before, {9, 1}, own);
  EXPECT_EQ(proposer.majority(), 2u);
  EXPECT_FALSE(proposer.prepared({1, 1001}, {9, 1}, {3, 3}, high));
  EXPECT_FALSE(proposer.prepared({4, 1004}, {9, 1}, {}, nullptr)) << "no voter";
  EXPECT_FALSE(proposer.prepared({2, 9}, {9, 1}, {}, nullptr)) << "a wiped voter";
  EXPECT_FALSE(proposer.prepared({2, 1002}, {8, 1}, {}, nullptr)) << "an older attempt's";
  EXPECT_FALSE(proposer.accepted({2, 1002}, {9, 1})) << "nothing was proposed yet";
  EXPECT_TRUE(proposer.prepared({2, 1002}, {9, 1}, {2, 2}, low));
  EXPECT_EQ(proposer.document(), high);
  EXPECT_EQ(proposer.awaited().size(), 3u);
  EXPECT_FALSE(proposer.accepted({3, 1003}, {9, 1}));
  EXPECT_FALSE(proposer.accepted({3, 1003}, {9, 1})) << "the same voter twice";
  EXPECT_TRUE(proposer.accepted({1, 1001}, {9, 1}));
  EXPECT_FALSE(proposer.accepted({2, 1002}, {9, 1})) << "chosen once";
}

}  // namespace
}  // namespace kindred::membership_test
