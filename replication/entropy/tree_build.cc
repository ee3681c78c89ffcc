#include "replication/entropy/tree_build.h"

#include <limits>

namespace kindred {

void TreeBuild::note(KeyPosition key, Digest before, Digest after) {
  if (complete_ || (has_read_ && key <= read_to_)) {
    tree_.update(key, before, after);
  } else {
    written_[key] = after;
  }
}

void TreeBuild::begin_page() {
  written_.clear();
}

void TreeBuild::add(KeyPosition key, Digest digest) {
  if (written_.count(key) == 0) {
    tree_.update(key, 0, digest);
  }
}

void TreeBuild::take_in(KeyPosition last) {
  for (auto place = written_.begin(); place != written_.end() && place->first <= last; ++place) {
    tree_.update(place->first, 0, place->second);
  }
  has_read_ = true;
  read_to_ = last;
}

void TreeBuild::end_page(KeyPosition last) {
  take_in(last);
}

void TreeBuild::end_last_page() {
  take_in(KeyPosition{std::numeric_limits<SlotIndex>::max(), ~uint64_t{0}});
  complete_ = true;
}

}  // namespace kindred
