#include "replication/membership/rumours.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace kindred {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Rumour alive(NodeId node, uint64_t incarnation) {
  return {node, incarnation, SwimState::kAlive, 0};
}

std::vector<NodeId> told(RumourQueue& queue, std::size_t count, uint32_t tellings = 100) {
  std::vector<Rumour> words;
  queue.tell(count, tellings, &words);
  std::vector<NodeId> nodes;
  for (const Rumour& word : words) {
    nodes.push_back(word.node);
  }
  return nodes;
}

TEST(Rumour, TheHigherIncarnationHoldsThenTheWorseWord) {
  const Rumour dead{1, 1, SwimState::kDead, 0};
  const Rumour suspect{1, 1, SwimState::kSuspect, 0};
  EXPECT_TRUE(suspect.overrides(alive(1, 1)));
  EXPECT_TRUE(dead.overrides(suspect));
  EXPECT_FALSE(alive(1, 1).overrides(suspect));
  EXPECT_TRUE(alive(1, 2).overrides(dead));
  EXPECT_FALSE(dead.overrides(alive(1, 2)));
  EXPECT_FALSE(dead.overrides(dead));
  EXPECT_TRUE(alive(1, 1).overrides(Rumour{1, 0, SwimState::kUnknown, 0}));
}

TEST(RumourQueue, TheLeastToldGoFirstAndOfThoseTheNewest) {
  RumourQueue queue;
  queue.add(alive(1, 1));
  queue.add(alive(2, 1));
  EXPECT_THAT(told(queue, 1), ElementsAre(2));
  EXPECT_THAT(told(queue, 1), ElementsAre(1));
  queue.add(alive(3, 1));
  EXPECT_THAT(told(queue, 1), ElementsAre(3));
  EXPECT_THAT(told(queue, 9), testing::UnorderedElementsAre(1, 2, 3));
}

TEST(RumourQueue, AWordGoesAfterItsTellings) {
  RumourQueue queue;
  queue.add(alive(1, 1));
  EXPECT_THAT(told(queue, 5, 2), ElementsAre(1));
  EXPECT_THAT(told(queue, 5, 2), ElementsAre(1));
  EXPECT_THAT(told(queue, 5, 2), IsEmpty());
  EXPECT_EQ(queue.size(), 0u);
}

TEST(RumourQueue, ANewWordTakesThePlaceOfTheOldOne) {
  RumourQueue queue;
  queue.add(alive(1, 1));
  queue.add(alive(1, 2));
  std::vector<Rumour> words;
  queue.tell(9, 100, &words);
  EXPECT_THAT(words, ElementsAre(alive(1, 2)));
}

}  // namespace
}  // namespace kindred
