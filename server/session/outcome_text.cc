#include "server/session/outcome_text.h"

namespace kindred {

namespace {

std::string counted(std::string_view before, unsigned needed, std::string_view between,
                    unsigned seen) {
  std::string text(before);
  text += std::to_string(needed);
  text += between;
  text += std::to_string(seen);
  return text;
}

std::string within(uint32_t timeout_ms) {
  return " within " + std::to_string(timeout_ms) + " ms";
}

/// "W", "PW", "DW", "R" or "PR".
std::string_view part_name(QuorumPart part, bool is_write) {
  switch (part) {
    case QuorumPart::kCopies:
      break;
    case QuorumPart::kPrimaries:
      return is_write ? "PW" : "PR";
    case QuorumPart::kDurable:
      return "DW";
  }
  return is_write ? "W" : "R";
}

std::string no_quorum(const Outcome& outcome, bool is_write, uint32_t timeout_ms) {
  const std::string before = (is_write ? "NOQUORUM write " : "NOQUORUM read ") +
                             std::string(part_name(outcome.unmet, is_write)) + "=";
  return counted(before, outcome.needed, is_write ? " acked=" : " answered=", outcome.seen) +
         within(timeout_ms);
}

std::string no_replicas(const Outcome& outcome, bool is_write) {
  const std::string before = (is_write ? "NOREPLICAS write needs " : "NOREPLICAS read needs ") +
                             std::string(part_name(outcome.unmet, is_write)) + "=";
  return counted(before, outcome.needed, " replicas, up=", outcome.seen);
}

}  // namespace

std::string outcome_error(const Outcome& outcome, bool is_write, uint32_t timeout_ms) {
  switch (outcome.code) {
    case OutcomeCode::kOk:
      break;
    case OutcomeCode::kNoReplicas:
      return no_replicas(outcome, is_write);
    case OutcomeCode::kNoQuorumWrite:
      return no_quorum(outcome, true, timeout_ms) + ", it may still take effect";
    case OutcomeCode::kNoQuorumRead:
      return no_quorum(outcome, false, timeout_ms);
    case OutcomeCode::kOverloaded:
      return "TRYAGAIN overloaded, nothing was applied";
    case OutcomeCode::kNotAReplica:
      return "ERR this node holds no copy of the key";
    case OutcomeCode::kNotWhole:
      return "TRYAGAIN the copies of the key are being filled, nothing was applied";
    case OutcomeCode::kQuorumTooLarge:
      return counted("ERR a quorum of ", outcome.needed,
                     " is more than the number of replicas N=", outcome.seen);
    case OutcomeCode::kTooManySiblings:
      return counted("ERR the key would have more than max-siblings=", outcome.needed,
                     " siblings, nothing was applied; siblings=", outcome.seen);
    case OutcomeCode::kCannotSync:
      return "ERR the storage engine cannot sync, so DW cannot be met; nothing was applied";
    case OutcomeCode::kStorageFailed:
      return "MISCONF the storage engine failed, nothing was applied";
    case OutcomeCode::kStorageFull:
      return "MISCONF the storage engine takes no writes: no space left, nothing was applied";
    case OutcomeCode::kStorageReadOnly:
      return "MISCONF the storage engine takes no writes: its device is read-only, nothing was "
             "applied";
    case OutcomeCode::kWrongType:
      return "WRONGTYPE Operation against a key holding the wrong kind of value";
    case OutcomeCode::kNotAnInteger:
      return "ERR value is not an integer or out of range";
    case OutcomeCode::kNotAFloat:
      return "ERR value is not a valid float";
    case OutcomeCode::kOverflow:
      return "ERR increment or decrement would overflow";
    case OutcomeCode::kNanOrInfinity:
      return "ERR increment would produce NaN or Infinity";
    case OutcomeCode::kTooLong:
      return "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    case OutcomeCode::kBadOffset:
      return "ERR offset is out of range";
    case OutcomeCode::kConflict:
      return "CONFLICT the key has " + std::to_string(outcome.seen) +
             " versions that its keyspace leaves to the application, nothing was applied; DGET "
             "shows them, DPUT with the context that it tells replaces them";
  }
  return "ERR internal error";
}

std::string partial_write_error(const Outcome& outcome, uint32_t timeout_ms) {
  const bool none_applied =
      outcome.code == OutcomeCode::kNoReplicas || outcome.code == OutcomeCode::kOverloaded;
  if (!none_applied) {
    return outcome_error(outcome, true, timeout_ms);
  }
  // Of the whole command it would be a lie that nothing was applied, and clients retry on it.
  const std::string before = "NOQUORUM write " + std::string(part_name(outcome.unmet, true)) + "=";
  return counted(before, outcome.needed, " up=", outcome.seen) +
         " for some of the keys, others may have been written";
}

std::string scan_error(const ScanPage& page, uint32_t timeout_ms) {
  Outcome outcome;
  outcome.needed = page.needed;
  outcome.seen = page.seen;
  return page.no_replicas ? no_replicas(outcome, false) : no_quorum(outcome, false, timeout_ms);
}

}  // namespace kindred
