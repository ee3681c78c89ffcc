#include "replication/entropy/tree_build.h"

#include <gtest/gtest.h>

#include <iterator>

#include "tests/unit/entropy/copy.h"

namespace kindred {
namespace {

using entropy_test::Copy;
using entropy_test::kSlots;
using entropy_test::random_digest;
using entropy_test::random_key;

void write_both(Copy& copy, TreeBuild& build, std::mt19937_64& random) {
  KeyPosition key = random_key(random);
  if (random() % 2 == 0 && !copy.digests().empty()) {
    key = std::next(copy.digests().begin(), static_cast<long>(random() % copy.digests().size()))
              ->first;
  }
  const Digest before = copy.digest_of(key);
  const Digest after = random() % 4 == 0 ? 0 : random_digest(random);
  copy.write(key, after);
  build.note(key, before, after);
}

// A page shows the store at any moment between its asking and its coming: here at a random one.
void build_under_writes(uint64_t prng_seed) {
  std::mt19937_64 random(prng_seed);
  Copy copy;
  for (int i = 0; i < 300; ++i) {
    copy.write(random_key(random), random_digest(random));
  }
  TreeBuild build(kSlots, 9);
  bool is_first = true;
  KeyPosition read_to;
  while (!build.complete()) {
    write_both(copy, build, random);
    build.begin_page();
    for (uint64_t i = random() % 10; i > 0; --i) {
      write_both(copy, build, random);
    }
    auto place = is_first ? copy.digests().begin() : copy.digests().upper_bound(read_to);
    std::vector<std::pair<KeyPosition, Digest>> page;
    for (; place != copy.digests().end() && page.size() < 1 + random() % 40; ++place) {
      page.push_back(*place);
    }
    const bool done = place == copy.digests().end();
    for (uint64_t i = random() % 10; i > 0; --i) {
      write_both(copy, build, random);
    }
    if (random() % 5 == 0) {
      continue;  // the read failed: asked again
    }
    for (const auto& [key, digest] : page) {
      build.add(key, digest);
    }
    if (done) {
      build.end_last_page();
    } else {
      read_to = page.back().first;
      is_first = false;
      build.end_page(read_to);
    }
  }
  write_both(copy, build, random);
  ASSERT_EQ(build.take(), copy.built(9)) << "prng_seed " << prng_seed;
}

TEST(TreeBuild, IsExactWhileWritesGoOn) {
  for (uint64_t prng_seed = 1; prng_seed <= 300; ++prng_seed) {
    build_under_writes(prng_seed);
  }
}

TEST(TreeBuild, OfNothingIsEmpty) {
  TreeBuild build(kSlots, 8);
  build.begin_page();
  build.end_last_page();
  EXPECT_TRUE(build.complete());
  EXPECT_EQ(build.take(), MerkleTree(kSlots, 8));
}

}  // namespace
}  // namespace kindred
