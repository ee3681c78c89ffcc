#include "replication/entropy/descent.h"

#include <algorithm>

namespace kindred {

namespace {

// A child's hash is 8 bytes, a listed key some 30: so few keys are listed at once.
constexpr uint64_t kListedKeys = 16;
constexpr uint8_t kLevelsDown = 4;         // children asked for at a time: 16 a node
constexpr uint8_t kLevelsDownFromTop = 6;  // of the root
// Nodes looked into at a time: few until the first leaves have shown how much differs.
constexpr size_t kSampleNodes = 16;
constexpr size_t kBatchNodes = Descent::kNodesMax >> kLevelsDown;
constexpr size_t kSampleLeavesMin = 64;

}  // namespace

/// Where a node is better listed than looked into: nothing is below it, or little, or one side has
/// nothing at all.
bool Descent::is_leaf(const MerkleTree& mine, Node node) const {
  const uint64_t keys = std::max(mine.keys(), their_keys_);
  return straight_ || node.level >= std::min(mine.level(), their_level_) ||
         keys >> node.level <= kListedKeys || mine.keys() == 0 || their_keys_ == 0;
}

void Descent::list(Node node) {
  if (!runs_.empty() && runs_.back().level == node.level && runs_.back().last + 1 == node.index) {
    runs_.back().last = node.index;
  } else {
    runs_.push_back(Run{node.level, node.index, node.index});
  }
}

const NodesQuestion* Descent::next(const MerkleTree& mine) {
  if (is_asking_) {
    return nullptr;
  }
  asked_.nodes.clear();
  if (!has_root_) {
    asked_.level = 0;
    asked_.nodes.push_back(0);
  } else {
    while (!open_.empty() && is_leaf(mine, open_.back())) {
      list(open_.back());
      open_.pop_back();
    }
    ask_children(std::min(mine.level(), their_level_));
  }
  if (asked_.nodes.empty()) {
    return nullptr;
  }
  nodes_asked_ += asked_.nodes.size();
  is_asking_ = true;
  return &asked_;
}

void Descent::ask_children(uint8_t leaf_level) {
  if (open_.empty()) {
    return;
  }
  const uint8_t level = open_.back().level;
  const uint8_t down = std::min<uint8_t>(level == 0 ? kLevelsDownFromTop : kLevelsDown,
                                         static_cast<uint8_t>(leaf_level - level));
  const size_t batch = has_sample_ ? kBatchNodes : kSampleNodes;
  asked_.level = static_cast<uint8_t>(level + down);
  for (size_t i = 0; i < batch && !open_.empty() && open_.back().level == level; ++i) {
    const uint32_t first = open_.back().index << down;
    open_.pop_back();
    for (uint32_t child = 0; child < uint32_t{1} << down; ++child) {
      asked_.nodes.push_back(first + child);
    }
  }
}

bool Descent::answer(const MerkleTree& mine, const NodesAnswer& theirs) {
  if (!is_asking_ || theirs.hashes.size() != asked_.nodes.size() || asked_.level > mine.level() ||
      asked_.level > theirs.leaf_level || theirs.leaf_level > MerkleTree::kLevelMax) {
    return false;
  }
  is_asking_ = false;
  has_root_ = true;
  their_level_ = theirs.leaf_level;
  their_keys_ = theirs.keys;
  size_t differing = 0;
  // Backwards, so that the first ones are looked into first and spans come in order.
  for (size_t i = asked_.nodes.size(); i-- > 0;) {
    if (mine.node(asked_.level, asked_.nodes[i]) != theirs.hashes[i]) {
      open_.push_back(Node{asked_.level, asked_.nodes[i]});
      ++differing;
    }
  }
  if (asked_.level == std::min(mine.level(), their_level_) && asked_.level > 0) {
    has_sample_ = true;
    straight_ = straight_ ||
                (asked_.nodes.size() >= kSampleLeavesMin && differing * 2 > asked_.nodes.size());
  }
  return true;
}

std::optional<KeySpan> Descent::take_span(const MerkleTree& mine) {
  if (runs_.empty()) {
    return std::nullopt;
  }
  const Run run = runs_.front();
  runs_.pop_front();
  return mine.span_of(run.level, run.first, run.last);
}

}  // namespace kindred
