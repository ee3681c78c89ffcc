#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "plugins/api/engine.h"
#include "protocol/record/saved_copy.h"
#include "replication/membership/cluster.h"

// What a clean stop leaves in an engine of trees and counts, and what a start takes from there
// (docs/design/anti-entropy.md). Blocking; on one thread, while nothing else uses the engine.

namespace kindred {

/// Whether copies can be saved there: what it holds must stay as it is while no node runs, and the
/// mark's removal must be safe before anything is written.
[[nodiscard]] bool can_save_copies(const plugins::Capabilities& engine);

/// After the last write of a run. The copies that `saved` tells nothing of are left out.
[[nodiscard]] plugins::Status save_copies(
    plugins::Engine& engine, const SaveMark& mark,
    const std::function<std::optional<SavedCopy>(uint16_t partition)>& saved);

/// The mark that was found: it is gone from the engine, synced.
struct TakenSave {
  plugins::Status status;
  std::optional<SaveMark> mark;
};
/// At a start, before the first write.
[[nodiscard]] TakenSave take_save(plugins::Engine& engine);

/// Whether copies saved under the mark can be those of a node that goes by the document.
[[nodiscard]] bool fits(const SaveMark& mark, const ClusterDocument& document);

/// False where the save has no such copy, or it is damaged.
[[nodiscard]] bool load_saved_copy(plugins::Engine& engine, const SaveMark& mark,
                                   uint16_t partition, SavedCopy* copy);

/// Frees their space.
[[nodiscard]] plugins::Status drop_saved_copies(plugins::Engine& engine);

}  // namespace kindred
