#pragma once

#include <map>

#include "replication/entropy/tree.h"

namespace kindred {

/// Builds the tree of a copy anew from pages of its stored order, while writes go on: what lies
/// behind the last page is counted by the writes, what lies before it will be read. Pure: whoever
/// owns it reads the pages. Not thread-safe.
class TreeBuild {
 public:
  TreeBuild(SlotRange slots, uint8_t level) : tree_(slots, level) {}

  /// A key's state was replaced, as MerkleTree::update().
  void note(KeyPosition key, Digest before, Digest after);

  /// The page behind the last one is asked for now. Writes from here on may show in it or not.
  void begin_page();
  /// One of its entries; those that were written meanwhile count as written.
  void add(KeyPosition key, Digest digest);
  /// The page held all entries up to `last`, at which the next one goes on. Keys of one position
  /// are taken for one: two keys of one hash in one slot only cost exchanges that find nothing.
  void end_page(KeyPosition last);
  /// The page held all entries that were left.
  void end_last_page();

  bool complete() const { return complete_; }
  /// Once complete.
  MerkleTree take() { return std::move(tree_); }

 private:
  void take_in(KeyPosition last);

  MerkleTree tree_;
  bool has_read_ = false;  // read_to_ holds
  bool complete_ = false;
  KeyPosition read_to_;
  std::map<KeyPosition, Digest> written_;  // since the page was asked for, behind read_to_
};

}  // namespace kindred
