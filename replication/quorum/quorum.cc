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

void AckSet::remove(NodeId node) {
  acks_.erase(std::remove_if(acks_.begin(), acks_.end(),
                             [node](const Ack& ack) { return ack.node == node; }),
              acks_.end());
}

bool AckSet::contains(NodeId node) const {
  return std::any_of(acks_.begin(), acks_.end(),
                     [node](const Ack& ack) { return ack.node == node; });
}

namespace {

struct Counted {
  size_t copies = 0;
  size_t durable = 0;
  size_t primary = 0;
  size_t empty = 0;  // fallbacks that would count if a primary answered
};

Counted count(const AckSet& acks, const QuorumRule& rule) {
  Counted counted;
  for (const Ack& ack : acks.all()) {
    const bool counts = ack.is_primary || !rule.is_strict;
    counted.primary += ack.is_primary ? 1 : 0;
    counted.empty += counts && ack.is_empty ? 1 : 0;
    counted.copies += counts && !ack.is_empty ? 1 : 0;
    counted.durable += counts && ack.durability == Durability::kSynced ? 1 : 0;
  }
  // What was written before an empty fallback stood in, a primary may know.
  if (counted.primary > 0 || KINDRED_BUG(empty_fallback_counts)) {
    counted.copies += counted.empty;
    counted.empty = 0;
  }
  return counted;
}

Shortfall first_unmet(const QuorumRule& rule, const Counted& counted) {
  if (counted.copies >= rule.needed && counted.primary < rule.primary) {
    return {QuorumPart::kPrimaries, rule.primary, static_cast<uint8_t>(counted.primary)};
  }
  if (counted.copies >= rule.needed && counted.durable < rule.durable) {
    return {QuorumPart::kDurable, rule.durable, static_cast<uint8_t>(counted.durable)};
  }
  return {QuorumPart::kCopies, rule.needed, static_cast<uint8_t>(counted.copies)};
}

}  // namespace

Shortfall shortfall(const AckSet& acks, const QuorumRule& rule) {
  return first_unmet(rule, count(acks, rule));
}

Shortfall shortfall(uint8_t in_reach, uint8_t primaries, const QuorumRule& rule) {
  return first_unmet(rule, {in_reach, in_reach, primaries, 0});
}

Verdict judge(const AckSet& acks, const QuorumRule& rule, Outstanding outstanding) {
  const Counted counted = count(acks, rule);
  auto missing = [](size_t have, size_t need) { return have < need ? need - have : 0; };
  const size_t copies_missing = missing(counted.copies, rule.needed);
  const size_t durable_missing = missing(counted.durable, rule.durable);
  const size_t primary_missing = missing(counted.primary, rule.primary);
  if (copies_missing + durable_missing + primary_missing == 0) {
    return Verdict::kMet;
  }
  const size_t all_left = outstanding.primaries + (rule.is_strict ? 0 : outstanding.fallbacks);
  // A primary that answers makes the empty fallbacks count.
  const size_t woken = outstanding.primaries > 0 ? counted.empty : 0;
  const bool possible = copies_missing <= all_left + woken && durable_missing <= all_left &&
                        primary_missing <= outstanding.primaries;
  return possible ? Verdict::kPending : Verdict::kImpossible;
}

bool is_strictly_met(const AckSet& acks, QuorumRule rule) {
  const std::span<const Ack> all = acks.all();
  const bool are_primaries =
      std::all_of(all.begin(), all.end(), [](const Ack& ack) { return ack.is_primary; });
  if (are_primaries && all.size() >= std::max(rule.needed, rule.primary) && rule.durable == 0)
      [[likely]] {
    return true;
  }
  rule.is_strict = true;
  return judge(acks, rule, Outstanding{}) == Verdict::kMet;
}

Verdict judge_both(const AckSet& acks, const QuorumRule& of_old, const QuorumRule& of_new,
                   const OutstandingOfLists& outstanding) {
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

bool are_strictly_met(const AckSet& acks, QuorumRule of_old, QuorumRule of_new) {
  of_old.is_strict = of_new.is_strict = true;
  return judge_both(acks, of_old, of_new, OutstandingOfLists{}) == Verdict::kMet;
}

namespace {

/// How many of a list's `copies` hold, between them, all that W of N acknowledged. Of N, not of the
/// copies there are: a member that was removed takes a part of older quorums with it.
uint8_t beside_write(uint8_t replicas, uint8_t write, uint8_t copies) {
  const uint8_t without = static_cast<uint8_t>(replicas - std::min(write, replicas));
  return std::min<uint8_t>(without + 1, copies);
}

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
  result.read.is_strict = !defaults.is_sloppy;
  result.write.is_strict = !defaults.is_sloppy;
  result.write.needed = std::max<uint8_t>(1, choose(spec.w, defaults.write, copies));
  result.write.primary = spec.pw;
  result.write.durable = choose(spec.dw, defaults.durable, copies);
  // What it has to meet was written with the configured W: a larger one of its own helps no read.
  const uint8_t earlier = KINDRED_BUG(modify_read_by_own_write)
                              ? result.write.needed
                              : std::min(result.write.needed, std::max<uint8_t>(1, defaults.write));
  result.modify_read = std::max(result.read.needed, beside_write(replicas, earlier, copies));
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

uint8_t fill_sources_needed(const QuorumDefaults& defaults, uint8_t replicas, uint8_t copies,
                            bool is_member) {
  const auto sources = static_cast<uint8_t>(copies - (is_member ? 1 : 0));
  if (KINDRED_BUG(fill_from_one)) {
    return std::min<uint8_t>(1, sources);
  }
  return beside_write(replicas, std::max<uint8_t>(1, defaults.write), sources);
}

}  // namespace kindred
