#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "replication/entropy/tree.h"
#include "replication/entropy/tree_build.h"

namespace kindred {

/// What a copy's tree knows of a key in this state; 0: never written.
[[nodiscard]] Digest tree_digest(const State& state);

/// The Merkle tree of one copy, and its rebuilding while it goes on serving.
class CopyTree {
 public:
  /// Must come before anything else; the copy is empty.
  void shape(SlotRange slots);
  bool is_shaped() const { return tree_.level() != 0; }

  void change(KeyPosition key, Digest before, Digest after) {
    tree_.update(key, before, after);
    if (build_ != nullptr) {
      build_->note(key, before, after);
    }
  }
  /// Something changed that change() was not told of.
  void doubt();
  /// An exchange found that this tree and a peer's differ, and no key that does. Twice while this
  /// tree stays as it is: one of them is wrong. Then it is in doubt, unless it was built from what
  /// is stored and has not changed since. True where it came into doubt.
  [[nodiscard]] bool note_fruitless_exchange();
  /// The copy is empty now, or gone.
  void reset();

  /// Makes the tree of an empty copy as deep as a tree may be, for many keys that come before the
  /// next fit().
  void deepen(uint8_t level_max);

  /// The copy holds what `saved` says, as far as anybody knows: is_unchecked() until a check or a
  /// rebuild has gone over what is stored.
  void restore(MerkleTree&& saved);
  bool is_unchecked() const { return is_unchecked_; }
  /// As begin_build(), to compare with.
  void begin_check();
  /// The check is complete. False: the tree was wrong. What was found is the tree from now on.
  [[nodiscard]] bool finish_check();

  /// Whether it tells what the copy holds. Where not, it is to be built anew.
  bool is_exact() const { return is_exact_; }
  /// Folds a tree that is deeper than suits. True where it should be built anew: in doubt, or with
  /// many more keys than leaves.
  [[nodiscard]] bool fit(uint8_t level_max);

  /// Begins a rebuild at the level that suits. It is over when finish() took it, or at the next
  /// doubt(), after which building() is null.
  void begin_build(uint8_t level_max);
  TreeBuild* building() { return build_.get(); }
  /// The rebuild is complete: it is the tree from now on.
  void finish_build();
  void abandon_build() { build_.reset(); }

  const MerkleTree& tree() const { return tree_; }
  size_t bytes() const { return tree_.bytes(); }

 private:
  MerkleTree tree_;
  bool is_exact_ = true;
  bool is_unchecked_ = false;
  std::unique_ptr<TreeBuild> build_;
  std::optional<uint64_t> fruitless_root_;  // at the last exchange that found no key
  std::optional<uint64_t> built_root_;      // when it was last built from what is stored
};

}  // namespace kindred
