// What a clean stop keeps of a shard's copies, and what a start makes of it.
#include <utility>

#include "replication/causal/bug_bank.h"
#include "replication/node/shard.h"

namespace kindred {

void Shard::seal() {
  core_.draining = true;
  if (!KINDRED_BUG(write_after_the_save)) {
    core_.storage = StorageTrouble::kFailing;
  }
}

std::optional<SavedCopy> Shard::saved_copy(uint16_t partition) {
  const Copy& copy = core_.copies.at(partition);
  // What is on its way out of the counts after a loss comes right when records are counted.
  const bool has_lost =
      core_.metrics.quarantined_records != 0 || core_.metrics.storage_failures != 0;
  if (has_lost || copy.state == CopyState::kNone || copy.sweep || !copy.tree.is_exact()) {
    return std::nullopt;
  }
  SavedCopy saved;
  saved.keys = copy.tree.tree().keys();
  if (saved.keys != 0) {
    saved.leaves = copy.tree.tree().leaves();
  }
  saved.count = copy.count.figures();
  return is_sound(saved) ? std::optional(std::move(saved)) : std::nullopt;
}

bool Shard::restore_copy(uint16_t partition, SavedCopy&& saved) {
  if (!is_sound(saved)) {
    return false;
  }
  Copy& copy = core_.copies.at(partition);
  if (saved.keys != 0) {
    note_found(partition);
  } else {
    saved.leaves.resize(size_t{1} << MerkleTree::kLevelMin);
  }
  const SlotRange slots = core_.partitions().slots_of(partition);
  copy.tree.restore(MerkleTree::restored(slots, std::move(saved.leaves), saved.keys));
  core_.has_unfit_tree = true;
  tree_keeper_.note_unchecked();
  copy.count.restore(saved.count);
  ++core_.metrics.restored_copies;
  return true;
}

}  // namespace kindred
