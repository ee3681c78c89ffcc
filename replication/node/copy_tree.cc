#include "replication/node/copy_tree.h"

#include <algorithm>
#include <utility>

namespace kindred {

namespace {

// A tree is built anew, eight times as deep, when its leaves hold four times what suits: a few
// rebuilds in the life of a copy that grows.
constexpr uint64_t kKeysPerLeafMax = 4 * MerkleTree::kKeysPerLeaf;
constexpr uint64_t kGrowth = 4;

}  // namespace

Digest tree_digest(const State& state) {
  return state.never_written() ? 0 : std::max<Digest>(digest(state), 1);
}

void CopyTree::shape(SlotRange slots) {
  tree_ = MerkleTree(slots);
  is_exact_ = true;
  is_unchecked_ = false;
  build_.reset();
}

void CopyTree::restore(MerkleTree&& saved) {
  tree_ = std::move(saved);
  is_exact_ = true;
  is_unchecked_ = true;
  build_.reset();
}

void CopyTree::doubt() {
  is_exact_ = false;
  is_unchecked_ = false;  // it is built anew
  build_.reset();
}

bool CopyTree::note_fruitless_exchange() {
  const uint64_t root = tree_.root();
  const bool is_again = fruitless_root_ == root;
  fruitless_root_ = root;
  if (!is_again || built_root_ == root || !is_exact_) {
    return false;
  }
  doubt();
  return true;
}

void CopyTree::reset() {
  shape(tree_.slots());
}

void CopyTree::deepen(uint8_t level_max) {
  if (tree_.keys() == 0 && tree_.level() < level_max) {
    tree_ = MerkleTree(tree_.slots(), level_max);
  }
}

bool CopyTree::fit(uint8_t level_max) {
  const uint8_t suits = MerkleTree::level_for(tree_.keys() * kGrowth, level_max);
  if (tree_.level() > suits) {
    tree_.fold(suits);
  }
  const bool is_crowded =
      tree_.level() < level_max && tree_.keys() >> tree_.level() > kKeysPerLeafMax;
  return build_ == nullptr && (!is_exact_ || is_crowded);
}

void CopyTree::begin_build(uint8_t level_max) {
  build_ = std::make_unique<TreeBuild>(tree_.slots(),
                                       MerkleTree::level_for(tree_.keys() * kGrowth, level_max));
}

void CopyTree::begin_check() {
  build_ = std::make_unique<TreeBuild>(tree_.slots(), tree_.level());
}

bool CopyTree::finish_check() {
  MerkleTree found = build_->take();
  build_.reset();
  is_unchecked_ = false;
  found.fold(tree_.level());
  const bool is_right = found == tree_;
  tree_ = std::move(found);
  built_root_ = tree_.root();
  return is_right;
}

void CopyTree::finish_build() {
  tree_ = build_->take();
  build_.reset();
  is_exact_ = true;
  is_unchecked_ = false;
  built_root_ = tree_.root();
}

}  // namespace kindred
