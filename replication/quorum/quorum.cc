#include "replication/quorum/quorum.h"

#include <algorithm>

#include "replication/causal/bug_bank.h"

namespace kindred {

bool AckSet::add(const Ack& ack) {
  if (contains(ack.node) && !KINDRED_BUG(duplicate_ack_counts)) {
    return false;
  }
  acks_.push_back(ack);
  return true;
}

bool AckSet::contains(NodeId node) const {
  return std::any_of(acks_.begin(), acks_.end(),
                     [node](const Ack& ack) { return ack.node == node; });
}

namespace {

struct Counted {
  size_t durable = 0;
  size_t primary = 0;
};

Counted count(const AckSet& acks) {
  Counted counted;
  for (const Ack& ack : acks.all()) {
    counted.durable += ack.durability == Durability::kSynced ? 1 : 0;
    counted.primary += ack.is_primary ? 1 : 0;
  }
  return counted;
}

Shortfall first_unmet(const QuorumRule& rule, size_t copies, const Counted& counted) {
  if (copies >= rule.needed && counted.primary < rule.primary) {
    return {QuorumPart::kPrimaries, rule.primary, static_cast<uint8_t>(counted.primary)};
  }
  if (copies >= rule.needed && counted.durable < rule.durable) {
    return {QuorumPart::kDurable, rule.durable, static_cast<uint8_t>(counted.durable)};
  }
  return {QuorumPart::kCopies, rule.needed, static_cast<uint8_t>(copies)};
}

}  // namespace

Shortfall shortfall(const AckSet& acks, const QuorumRule& rule) {
  return first_unmet(rule, acks.size(), count(acks));
}

Shortfall shortfall(uint8_t in_reach, const QuorumRule& rule) {
  return first_unmet(rule, in_reach, {in_reach, in_reach});
}

Verdict judge(const AckSet& acks, const QuorumRule& rule, size_t outstanding) {
  const auto [durable, primary] = count(acks);
  auto missing = [](size_t have, size_t need) { return have < need ? need - have : 0; };
  const size_t deficit = std::max({missing(acks.size(), rule.needed),
                                   missing(durable, rule.durable), missing(primary, rule.primary)});
  if (deficit == 0) {
    return Verdict::kMet;
  }
  return deficit <= outstanding ? Verdict::kPending : Verdict::kImpossible;
}

Verdict judge_both(const AckSet& acks, const QuorumRule& of_old, const QuorumRule& of_new,
                   const Outstanding& outstanding) {
  AckSet old_acks;
  AckSet new_acks;
  for (const Ack& ack : acks.all()) {
    if (ack.is_old_owner) {
      old_acks.add(ack);
    }
    if (ack.is_new_owner) {
      new_acks.add(ack);
    }
  }
  const Verdict by_old = judge(old_acks, of_old, outstanding.of_old);
  if (KINDRED_BUG(write_quorum_of_old_only)) {
    return by_old;
  }
  const Verdict by_new = judge(new_acks, of_new, outstanding.of_new);
  if (by_old == Verdict::kImpossible || by_new == Verdict::kImpossible) {
    return Verdict::kImpossible;
  }
  return by_old == Verdict::kMet && by_new == Verdict::kMet ? Verdict::kMet : Verdict::kPending;
}

namespace {

/// A number of the command as it is, else the configured one capped at the copies there are.
uint8_t choose(uint8_t given, uint8_t configured, uint8_t copies) {
  return given != QuorumSpec::kAsConfigured ? given : std::min(configured, copies);
}

}  // namespace

ResolvedQuorum resolve_quorum(const QuorumSpec& spec, const QuorumDefaults& defaults,
                              uint8_t replicas, uint8_t copies) {
  ResolvedQuorum result;
  const auto given = {spec.r == QuorumSpec::kAsConfigured ? uint8_t{0} : spec.r,
                      spec.w == QuorumSpec::kAsConfigured ? uint8_t{0} : spec.w,
                      spec.dw == QuorumSpec::kAsConfigured ? uint8_t{0} : spec.dw, spec.pr,
                      spec.pw};
  const uint8_t largest = std::max(given);
  if (largest > copies) {
    result.error = largest > replicas ? RuleError::kAboveReplicas : RuleError::kAboveMembers;
    result.refused = largest;
    return result;
  }
  result.read.needed = std::max<uint8_t>(1, choose(spec.r, defaults.read, copies));
  result.read.primary = spec.pr;
  result.write.needed = std::max<uint8_t>(1, choose(spec.w, defaults.write, copies));
  result.write.primary = spec.pw;
  result.write.durable = choose(spec.dw, defaults.durable, copies);
  const auto beside_write =
      static_cast<uint8_t>(copies - std::min(result.write.needed, copies) + 1);
  result.modify_read = std::max(result.read.needed, beside_write);
  if (KINDRED_BUG(modify_without_quorum_read)) {
    result.modify_read = 1;
  }
  if (KINDRED_BUG(write_quorum_one_short)) {
    result.write.needed = std::max<uint8_t>(1, result.write.needed - 1);
  }
  if (KINDRED_BUG(read_quorum_one_short)) {
    result.read.needed = std::max<uint8_t>(1, result.read.needed - 1);
  }
  return result;
}

uint8_t fill_sources_needed(const QuorumDefaults& defaults, uint8_t copies, bool is_member) {
  const auto sources = static_cast<uint8_t>(copies - (is_member ? 1 : 0));
  if (KINDRED_BUG(fill_from_one)) {
    return std::min<uint8_t>(1, sources);
  }
  const uint8_t write = std::max<uint8_t>(1, std::min(defaults.write, copies));
  return std::min<uint8_t>(copies - write + 1, sources);
}

}  // namespace kindred
