#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/api/engine.h"
#include "server/node/node_directory.h"

namespace kindred {

/// Names of what a node keeps in its directory, and a backup in its own.
inline constexpr char kNodeRecordFile[] = "node";
inline constexpr char kBackupsDirectory[] = "backups";
/// Of SAVE and BGSAVE: holds the last checkpoint, and while the next is made, that one.
inline constexpr char kSavesDirectory[] = "saves";

/// The directory of an engine's files: one, or one a worker.
std::string engine_directory(const std::string& dir, const std::string& engine, unsigned index);

/// Makes the directory `target` with a backup of the engines' data and the node record, synced;
/// there is all of it or nothing. Returns what went wrong, or nothing. Blocks.
std::string write_backup(const std::string& target, const std::string& engine,
                         const std::vector<std::unique_ptr<plugins::Engine>>& engines,
                         std::string_view node_record);

/// Removes all that stands beside the backup `kept`. Returns what went wrong, or nothing. Blocks.
std::string remove_other_backups(const std::string& kept);

/// Copies a backup into `dir`, which must hold no node's data. Where an earlier start did that, or
/// was cut short in it, nothing is done, or it is done again. Returns what went wrong, or nothing.
std::string restore_backup(const std::string& backup, const std::string& dir,
                           const std::string& engine);

}  // namespace kindred
