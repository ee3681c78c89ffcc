#include "protocol/command/families.h"

namespace kindred {

namespace {

constexpr std::string_view kFacts = "nondeterministic_output";

/// What an operator asks about the ring.
constexpr CommandSpec question(std::string_view name, CommandId id, std::string_view summary,
                               std::string_view complexity) {
  return {.name = name,
          .id = id,
          .arity = 2,
          .flags = {CommandFlag::kAdmin, CommandFlag::kStale},
          .group = "ring",
          .since = "0.1.0",
          .complexity = complexity,
          .summary = summary,
          .tips = kFacts};
}

/// What an operator changes. `arity` and `syntax` as in CommandSpec.
constexpr CommandSpec change(std::string_view name, CommandId id, int arity,
                             std::string_view summary, std::string_view syntax) {
  return {.name = name,
          .id = id,
          .arity = arity,
          .flags = {CommandFlag::kAdmin, CommandFlag::kNoscript, CommandFlag::kStale,
                    CommandFlag::kNoMulti},
          .group = "ring",
          .since = "0.1.0",
          .complexity = "O(N) in the number of partitions",
          .summary = summary,
          .syntax = syntax};
}

constexpr CommandSpec kRingSubcommands[] = {
    {.name = "ring|backup",
     .id = CommandId::kRingBackup,
     .arity = 3,
     .flags = {CommandFlag::kAdmin, CommandFlag::kNoscript, CommandFlag::kNoMulti},
     .group = "ring",
     .since = "0.1.0",
     .complexity = "O(N) in the number of bytes not yet in files of their own",
     .summary = "Makes every node keep a copy of all that it holds now, under that name.",
     .syntax = "name",
     .tips = kFacts},
    change("ring|clear", CommandId::kRingClear, -2,
           "Drops the staged changes; GOSSIP: this node forgets what was said about the members.",
           "[GOSSIP]"),
    change("ring|commit", CommandId::kRingCommit, 2,
           "Commits the staged changes and answers the new epoch.", ""),
    change("ring|drain", CommandId::kRingDrain, 2,
           "Leaves coordination to other nodes until this one is restarted.", ""),
    {.name = "ring|help",
     .id = CommandId::kRingHelp,
     .arity = 2,
     .flags = {CommandFlag::kLoading, CommandFlag::kStale},
     .group = "ring",
     .since = "0.1.0",
     .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    question("ring|hints", CommandId::kRingHints,
             "Lists the hints that this node keeps, by the node they are for.",
             "O(N) in the number of members"),
    change("ring|join", CommandId::kRingJoin, -3,
           "Stages that a waiting node joins; asked at the waiting node, the member to join at.",
           "host:peerport [NOW]"),
    change("ring|leave", CommandId::kRingLeave, -2,
           "Stages that a node hands everything over and goes; this one, if none is named.",
           "[node] [NOW]"),
    question("ring|members", CommandId::kRingMembers,
             "Lists the members, what they hold and whether they are up.",
             "O(N) in the number of partitions"),
    question("ring|owners", CommandId::kRingOwners,
             "Lists for each partition its slots and the nodes that hold it.",
             "O(N) in the number of partitions"),
    {.name = "ring|preflist",
     .id = CommandId::kRingPreflist,
     .arity = 3,
     .flags = {CommandFlag::kAdmin, CommandFlag::kStale},
     .group = "ring",
     .since = "0.1.0",
     .complexity = "O(N) in the number of members",
     .summary = "Lists the nodes that a key lives on, and those that stand in for them, in order.",
     .syntax = "key",
     .tips = kFacts},
    question("ring|plan", CommandId::kRingPlan,
             "Shows what committing the staged changes would move.",
             "O(N) in the number of partitions"),
    change("ring|remove", CommandId::kRingRemove, -3,
           "Stages that a dead node is taken off the ring; FORCE: at once, without a majority.",
           "node [FORCE] [NOW]"),
    {.name = "ring|repair",
     .id = CommandId::kRingRepair,
     .arity = -2,
     .flags = {CommandFlag::kAdmin, CommandFlag::kNoscript, CommandFlag::kNoMulti},
     .group = "ring",
     .since = "0.1.0",
     .complexity = "O(N) in the number of keys that differ and of partitions",
     .summary =
         "Compares this node's copies, or the one of a partition, with the other owners' now "
         "and repairs what differs.",
     .syntax = "[partition]",
     .tips = kFacts},
    change("ring|replace", CommandId::kRingReplace, -4,
           "Stages that a waiting node takes the places of a dead one.",
           "dead host:peerport [NOW]"),
    question("ring|status", CommandId::kRingStatus,
             "Sums up the ring: its epoch, quorums, members and what is moving.",
             "O(N) in the number of partitions"),
    question("ring|transfers", CommandId::kRingTransfers, "Lists the partitions that are moving.",
             "O(N) in the number of moving partitions"),
};

constexpr CommandSpec kCommands[] = {
    {.name = "ring",
     .id = CommandId::kRing,
     .arity = -2,
     .flags = {CommandFlag::kAdmin},
     .group = "ring",
     .since = "0.1.0",
     .complexity = "Depends on the subcommand.",
     .summary = "Commands on the ring and its members.",
     .subcommands = kRingSubcommands},
};

}  // namespace

std::span<const CommandSpec> ring_commands() {
  return kCommands;
}

}  // namespace kindred
