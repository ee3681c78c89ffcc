#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "replication/causal/bug_bank.h"
#include "replication/membership/ring_lists.h"
#include "replication/membership/ring_plan.h"

namespace kindred {
namespace {

using ring_plan_detail::Lists;

std::size_t count_stored(std::span<const NodeId> list, uint64_t epoch, const Progress& progress) {
  const auto stored = std::ranges::count_if(list, [&](NodeId node) {
    const auto told = progress.find(node);
    return told != progress.end() && told->second.epoch >= epoch;
  });
  return static_cast<std::size_t>(stored);
}

bool has_majority(std::span<const NodeId> list, uint64_t epoch, const Progress& progress) {
  return count_stored(list, epoch, progress) >= list.size() / 2 + 1;
}

/// No old owner that may go by an earlier step finds R of them that do: they would answer reads
/// without what the new owners alone acknowledge from now on. R is what each of them goes by, which
/// its own configuration says.
bool is_read_no_more(std::span<const NodeId> owners, uint64_t epoch, uint32_t read_quorum,
                     const Progress& progress) {
  std::size_t behind = 0;
  uint32_t least = std::numeric_limits<uint32_t>::max();
  for (const NodeId node : owners) {
    const auto told = progress.find(node);
    if (told != progress.end() && told->second.epoch >= epoch) {
      continue;
    }
    ++behind;
    const bool has_told = told != progress.end() && told->second.read_quorum != 0;
    least = std::min(least, has_told ? told->second.read_quorum : read_quorum);
  }
  return behind < std::max<uint32_t>(1, least) || KINDRED_BUG(old_owners_read_on);
}

bool all_whole(std::span<const NodeId> list, PartitionIndex partition, uint64_t epoch,
               const Progress& progress) {
  return std::ranges::all_of(list, [&](NodeId node) {
    const auto told = progress.find(node);
    return told != progress.end() && told->second.epoch >= epoch &&
           !std::ranges::binary_search(told->second.not_whole, partition);
  });
}

bool may_step(const Move& move, std::span<const NodeId> owners, uint64_t step, uint32_t read_quorum,
              const Progress& progress) {
  return has_majority(owners, step, progress) && has_majority(move.new_owners, step, progress) &&
         (move.phase == MovePhase::kReadNew
              ? is_read_no_more(owners, step, read_quorum, progress)
              : all_whole(move.new_owners, move.partition, step, progress));
}

/// A member that no list names goes once it said so of itself, under all steps there were.
bool drop_departed(const Progress& progress, ClusterDocument* document) {
  const uint64_t last_step =
      document->steps.empty() ? 1 : *std::ranges::max_element(document->steps);
  const Lists lists(document);
  return std::erase_if(document->members, [&](const Member& member) {
           const auto told = progress.find(member.id);
           return member.is_leaving && told != progress.end() && told->second.epoch >= last_step &&
                  !told->second.is_departing && !lists.names(member.id);
         }) != 0;
}

}  // namespace

bool take_steps(const Progress& progress, uint32_t read_quorum, ClusterDocument* document) {
  Lists lists(document);
  bool has_stepped = false;
  for (const Move& move : document->moves) {
    const PartitionIndex partition = move.partition;
    if (!may_step(move, lists.owners(partition), document->steps[partition], read_quorum,
                  progress)) {
      continue;
    }
    has_stepped = true;
    if (move.phase == MovePhase::kReadOld) {
      Move next = move;
      next.phase = MovePhase::kReadNew;
      lists.set_move(partition, std::move(next));
    } else {
      lists.set_owners(partition, move.new_owners);
      lists.set_move(partition, std::nullopt);
    }
  }
  // A member that this very step leaves without a place has yet to hand over what it holds.
  const bool has_dropped = drop_departed(progress, document);
  if (has_stepped) {
    lists.put_together();
  }
  if (has_stepped || has_dropped) {
    start_moves(document);
  }
  return has_stepped || has_dropped;
}

}  // namespace kindred
