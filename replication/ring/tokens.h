#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "replication/ring/claim.h"
#include "replication/ring/ring.h"

namespace kindred {

/// The nodes' tokens: positions on a ring of 2^64 points, on which slot s of the 16384 begins at
/// s * 2^50. They are hashes of node id and token number, so every machine draws the same ones, and
/// a member's tokens stay when others come and go. A value that never changes once made.
class TokenRing {
 public:
  /// Each member draws `tokens_per_weight` (>= 1) times its weight; that product over all members
  /// is what the ring keeps in memory.
  TokenRing(std::span<const ClaimMember> members, std::uint32_t tokens_per_weight);

  std::size_t token_count() const { return tokens_.size(); }
  /// How many distinct nodes have tokens: no preference list is longer.
  std::uint32_t node_count() const { return static_cast<std::uint32_t>(nodes_.size()); }
  /// Rises with `token` < token_count().
  std::uint64_t position(std::size_t token) const { return tokens_[token].position; }
  /// The first token at or after `position`, around the ring. There is at least one.
  std::size_t token_after(std::uint64_t position) const;
  /// The first `replicas` distinct nodes clockwise from `token`, a node of a zone not met yet
  /// before further nodes of one that was (Dynamo paper, section 4.3). Fewer where fewer exist.
  std::vector<NodeId> preference_list(std::size_t token, std::uint32_t replicas) const;

 private:
  struct Token {
    std::uint64_t position;
    std::uint32_t node;  // index into nodes_
  };

  std::vector<NodeId> nodes_;           // rising
  std::vector<std::uint32_t> zone_of_;  // beside nodes_
  std::uint32_t zone_count_ = 0;
  std::vector<Token> tokens_;  // by position
};

/// Strategy 1 of the Dynamo paper, section 6.2: random tokens, and a token's node holds first what
/// lies between its predecessor and it. A ring has equal partitions, so the ends of these ranges
/// are rounded to the nearest partition's; with kSlotCount partitions that is the finest that a
/// key's slot tells apart. `previous` plays no part: tokens stay where they are.
class TokenRanges final : public Placement {
 public:
  explicit TokenRanges(std::uint32_t tokens_per_weight) : tokens_per_weight_(tokens_per_weight) {}
  std::string_view name() const override { return "token-ranges"; }
  Ring place(const Ring* previous, std::span<const ClaimMember> members,
             PlacementParams params) const override;

 private:
  std::uint32_t tokens_per_weight_;
};

/// Strategy 2: random tokens and equal partitions; a partition goes to the first N distinct nodes
/// clockwise from its end. `previous` plays no part.
class TokenPartitions final : public Placement {
 public:
  explicit TokenPartitions(std::uint32_t tokens_per_weight)
      : tokens_per_weight_(tokens_per_weight) {}
  std::string_view name() const override { return "token-partitions"; }
  Ring place(const Ring* previous, std::span<const ClaimMember> members,
             PlacementParams params) const override;

 private:
  std::uint32_t tokens_per_weight_;
};

}  // namespace kindred
