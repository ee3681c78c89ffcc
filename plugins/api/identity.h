// The ENGINE file beside an engine's data: who wrote it, in which format. It keeps a node from
// opening another engine's directory, or one of a version that it can't read.
#pragma once

#include <cstdint>
#include <string>

#include "plugins/api/status.h"

namespace kindred::plugins {

struct Identity {
  std::string engine;
  std::uint32_t engine_format = 0;
  std::uint32_t host_layout = 0;

  bool operator==(const Identity&) const = default;
};

inline constexpr char kIdentityFile[] = "ENGINE";

// A new or empty `dir` becomes `expected`'s: it is created with its parents, the file is written to
// the side, synced and renamed. Otherwise the file must be there and equal; kInvalidArgument says
// what was found and what was expected, kCorruption that the file can't be read as one.
Status claim_directory(const std::string& dir, const Identity& expected);

// kNotFound when the directory has no ENGINE file.
Status read_identity(const std::string& dir, Identity* identity);
Status write_identity(const std::string& dir, const Identity& identity);

// For checkpoints: `to_dir` becomes what `from_dir` is. No error when `from_dir` has no identity.
Status copy_identity(const std::string& from_dir, const std::string& to_dir);

}  // namespace kindred::plugins
