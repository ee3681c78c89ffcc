#include "tests/sim/progress.h"

#include <cstdio>
#include <fstream>

namespace kindred::sim {

namespace {

/// A line a fact: a word, then its values.
bool read_line(std::istream& stream, Progress* progress) {
  std::string word;
  if (!(stream >> word)) {
    return false;
  }
  uint64_t number = 0;
  if (word == "commit") {
    stream >> progress->commit;
  } else if (word == "first-seed") {
    stream >> progress->first_seed;
  } else if (word == "seeds") {
    stream >> progress->seeds;
  } else if (word == "seconds") {
    stream >> progress->seconds;
  } else if (word == "done") {
    stream >> progress->done;
  } else if (word == "failed") {
    stream >> number;
    progress->failed_seeds.push_back(number);
  } else if (word == "probe") {
    std::string name;
    stream >> name >> number;
    progress->probes[name] = number;
  } else {
    stream.setstate(std::ios::failbit);
  }
  return !stream.fail();
}

}  // namespace

std::string take_up(const std::string& file, Progress* progress) {
  std::ifstream stream(file);
  if (!stream) {
    return "";
  }
  Progress found;
  while (read_line(stream, &found)) {
  }
  if (!stream.eof()) {
    return file + " is no file of a run's progress";
  }
  if (found.first_seed != progress->first_seed || found.seeds != progress->seeds ||
      found.seconds != progress->seconds) {
    return file + " is of another run: --first-seed " + std::to_string(found.first_seed) +
           " --seeds " + std::to_string(found.seeds) + " --seconds " +
           std::to_string(found.seconds);
  }
  if (found.commit != progress->commit) {
    return file + " is of commit " + found.commit + ", this is " + progress->commit +
           ": a seed means something else there";
  }
  *progress = std::move(found);
  return "";
}

bool write_down(const std::string& file, const Progress& progress) {
  const std::string draft = file + ".new";
  {
    std::ofstream stream(draft);
    stream << "commit " << progress.commit << "\nfirst-seed " << progress.first_seed << "\nseeds "
           << progress.seeds << "\nseconds " << progress.seconds << "\ndone " << progress.done
           << "\n";
    for (const uint64_t seed : progress.failed_seeds) {
      stream << "failed " << seed << "\n";
    }
    for (const auto& [name, count] : progress.probes) {
      stream << "probe " << name << " " << count << "\n";
    }
    if (!stream.flush()) {
      return false;
    }
  }
  return std::rename(draft.c_str(), file.c_str()) == 0;
}

}  // namespace kindred::sim
