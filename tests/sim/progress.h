#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace kindred::sim {

/// How far a long run has come, so that it can be taken up again.
struct Progress {
  std::string commit;
  uint64_t first_seed = 0;
  uint64_t seeds = 0;
  uint32_t seconds = 0;
  uint64_t done = 0;
  std::vector<uint64_t> failed_seeds;
  std::map<std::string, uint64_t> probes;
};

/// Goes on from `file`: fills in what was done there. A file that is not there is a run that has
/// not begun. Else what is wrong: it is unreadable, or of another run or another build.
[[nodiscard]] std::string take_up(const std::string& file, Progress* progress);

/// Replaces `file` as a whole.
[[nodiscard]] bool write_down(const std::string& file, const Progress& progress);

}  // namespace kindred::sim
