#include "replication/membership/rumours.h"

#include <algorithm>
#include <tuple>

namespace kindred {

bool Rumour::overrides(const Rumour& other) const {
  return std::tie(incarnation, state, flags) >
         std::tie(other.incarnation, other.state, other.flags);
}

void RumourQueue::add(const Rumour& rumour) {
  std::erase_if(waiting_, [&](const Waiting& each) { return each.rumour.node == rumour.node; });
  waiting_.push_back({rumour, 0, ++last_added_});
}

void RumourQueue::tell(std::size_t count, uint32_t tellings, std::vector<Rumour>* out) {
  const auto sooner = [](const Waiting& a, const Waiting& b) {
    return a.told != b.told ? a.told < b.told : a.added > b.added;
  };
  const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(count, waiting_.size()));
  if (end != waiting_.end()) {
    std::nth_element(waiting_.begin(), end, waiting_.end(), sooner);
  }
  for (auto each = waiting_.begin(); each != end; ++each) {
    out->push_back(each->rumour);
    ++each->told;
  }
  std::erase_if(waiting_, [&](const Waiting& each) { return each.told >= tellings; });
}

}  // namespace kindred
