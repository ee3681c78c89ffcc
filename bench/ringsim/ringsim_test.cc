// Small runs of every command, held against what can be worked out by hand.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "bench/ringsim/efficiency.h"
#include "bench/ringsim/gossip.h"
#include "bench/ringsim/hot_keys.h"
#include "bench/ringsim/loads.h"
#include "bench/ringsim/moves.h"
#include "bench/ringsim/options.h"
#include "bench/ringsim/table.h"

namespace kindred::bench {
namespace {

using testing::DoubleNear;
using testing::HasSubstr;

Options small() {
  Options options;
  options.nodes = 6;
  options.draws = 4;
  options.keys = 20'000;
  options.partitions = 64;
  options.tokens = 16;
  return options;
}

std::vector<std::size_t> rows_of(const Table& table, const std::string& name) {
  std::vector<std::size_t> found;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    if (std::get<std::string>(table.rows[row][0]) == name) {
      found.push_back(row);
    }
  }
  return found;
}

TEST(Ringsim, LoadsAddUpToOneAndExactRangesAreThoseOfFineSlots) {
  const auto members = cluster(9, 3, 7);
  const Loads exact = loads(TokenRing(members, 8), members, 3);
  const Loads rounded = loads(TokenRanges(8).place(nullptr, members, {kSlotCount, 3}), members);
  double copies = 0;
  double firsts = 0;
  for (std::size_t member = 0; member < members.size(); ++member) {
    copies += exact.copies[member];
    firsts += exact.firsts[member];
    EXPECT_THAT(exact.copies[member], DoubleNear(rounded.copies[member], 0.005));
    EXPECT_THAT(exact.firsts[member], DoubleNear(rounded.firsts[member], 0.005));
  }
  EXPECT_THAT(copies, DoubleNear(1, 1e-9));
  EXPECT_THAT(firsts, DoubleNear(1, 1e-9));
  EXPECT_DOUBLE_EQ(efficiency(std::vector<double>{1, 2, 3}), 2.0 / 3);
}

TEST(Ringsim, BalanceBeatsTokensForTheSameMetadata) {
  Options options = small();
  options.nodes = 30;
  const Table table = figure8(options);
  const auto ranges = rows_of(table, "1: token ranges");
  const auto partitions = rows_of(table, "2: token partitions");
  const auto balanced = rows_of(table, "3: balanced");
  ASSERT_EQ(ranges.size(), 11u);
  ASSERT_EQ(balanced.size(), 10u);
  // 30 nodes with one token each: far from even; a thousand tokens: nearly.
  EXPECT_LT(table.number(ranges.front(), "efficiency"), 0.6);
  EXPECT_GT(table.number(ranges.back(), "efficiency"), 0.85);
  EXPECT_GT(table.number(balanced.back(), "efficiency"), 0.999);
  for (const std::size_t row : partitions) {
    EXPECT_LT(table.number(row, "efficiency"), 0.95);
  }
}

TEST(Ringsim, AdviceIsTheSmallestCountThatStaysEven) {
  Options options = small();
  options.nodes = 4;
  options.grow = 1;
  const Table table = bench::partitions(options);
  EXPECT_EQ(table.number(0, "partitions"), 16);
  EXPECT_EQ(table.number(0, "per_node"), 12);
  EXPECT_EQ(table.number(0, "efficiency"), 1);
  EXPECT_EQ(table.number(0, "efficiency_first"), 1);
  EXPECT_EQ(table.number(0, "ring_bytes"), 16 * 3 * 8);
  EXPECT_THAT(table.remark, HasSubstr("Advice: 16 partitions."));
  options.grow = 2;  // 5, 6 and 7 nodes divide nothing evenly
  EXPECT_THAT(bench::partitions(options).remark, HasSubstr("Advice: 64 partitions."));
  EXPECT_THAT(bench::partitions(options).remark, testing::EndsWith("first places alike."));
  options.zones = 3;  // of five nodes, one is alone in its zone and has a copy of everything
  EXPECT_THAT(bench::partitions(options).remark, HasSubstr("0.6 of the copies is the best"));
}

TEST(Ringsim, HotKeysHeatOneNodeUnlessReadsAreSpread) {
  const Table table = hot_keys(small());
  EXPECT_DOUBLE_EQ(table.number(0, "hottest_key"), 1.0 / 20'000);
  EXPECT_LT(table.number(0, "first_place"), 1.1);
  const std::size_t last = table.rows.size() - 1;
  // The hottest of 20,000 keys takes a third of all requests at 1.4, so its node far more than
  // the average of six.
  EXPECT_GT(table.number(last, "first_place"), 6 * table.number(last, "hottest_key"));
  EXPECT_LT(table.number(last, "spread"), table.number(last, "first_place"));
}

TEST(Ringsim, ABalancedJoinMovesTheJoinersShare) {
  const Table table = moves(small());
  ASSERT_EQ(table.rows.size(), 6u);
  for (const std::size_t row : rows_of(table, "3: balanced")) {
    EXPECT_THAT(table.number(row, "moved"), DoubleNear(1.0 / 7, 0.01));
    EXPECT_GT(table.number(row, "efficiency"), 0.95);
  }
  const auto join = rows_of(table, "1: token ranges").front();
  EXPECT_EQ(table.number(join, "takers"), 1);
  EXPECT_EQ(table.number(join, "ranges_cut"), 48);
}

TEST(Ringsim, GossipOfTwentyIsQuickAndCalm) {
  Options options;
  options.nodes = 20;
  const Table table = gossip(options);
  ASSERT_EQ(table.rows.size(), 1u);
  EXPECT_EQ(table.number(0, "false_changes"), 0);
  EXPECT_LT(table.number(0, "hang_first_ms"), table.number(0, "hang_all_ms"));
  EXPECT_LE(table.number(0, "hang_all_ms"), 3'000);
  EXPECT_LE(table.number(0, "cut_all_ms"), 3'500);
  EXPECT_LE(table.number(0, "healed_ms"), 3'000);
  EXPECT_LE(table.number(0, "spread_ms"), 2'500);
  // Six questions and six answers, twice a second, and a digest now and then.
  EXPECT_THAT(table.number(0, "messages_s"), DoubleNear(24.5, 0.5));
}

TEST(Ringsim, TablesAreReadableByPeopleAndPrograms) {
  const Table table{{"name", "value"}, {{"a", 0.5}, {"b", 12.0}}, "So it is."};
  std::ostringstream text;
  print_text(table, text);
  EXPECT_EQ(text.str(), "name  value\n   a    0.5\n   b     12\n\nSo it is.\n");
  std::ostringstream json;
  print_json(table, json);
  EXPECT_EQ(json.str(),
            "[\n {\"name\": \"a\", \"value\": 0.5},\n {\"name\": \"b\", \"value\": 12}\n]\n");
}

TEST(Ringsim, OptionsAreCheckedBeforeUse) {
  Options options;
  EXPECT_EQ(parse_options({"partitions", "--nodes", "12", "--json"}, &options), "");
  EXPECT_EQ(options.nodes, 12u);
  EXPECT_TRUE(options.is_json);
  EXPECT_EQ(parse_options({}, &options), "a command is needed");
  EXPECT_EQ(parse_options({"moves", "--nodes"}, &options), "--nodes needs a value");
  EXPECT_EQ(parse_options({"moves", "--nodes", "0"}, &options), "--nodes 0 is not understood");
  EXPECT_EQ(parse_options({"moves", "--depth", "1"}, &options), "--depth 1 is not understood");
}

}  // namespace
}  // namespace kindred::bench
