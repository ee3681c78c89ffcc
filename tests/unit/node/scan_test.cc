#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/node/node.h"

namespace kindred {
namespace {

using namespace node_test;

constexpr unsigned kDroppedHashBits = 64 - ScanRequest::kHashBits;

struct Entry {
  std::string name;
  uint64_t place = 0;  // the part of the hash that a cursor holds
  State state;
};

KeyRef ref_of(const Entry& entry) {
  KeyRef key = Node::key(entry.name);
  key.hash = entry.place << kDroppedHashBits;
  return key;
}

/// What a copy with `entries` (in order) gives for one range request.
struct Page {
  std::vector<RangeEntry> entries;
  bool done = true;
  std::vector<std::string> records;
  std::vector<Entry> kept;  // the entries view its names

  Page(Node& node, const FetchRange& range, const std::vector<Entry>& held) : kept(held) {
    records.reserve(kept.size());
    for (const Entry& one : kept) {
      const KeyRef key = ref_of(one);
      if (std::pair(key.slot, key.hash) < std::pair(range.from_slot, range.from_hash)) {
        continue;
      }
      if (entries.size() >= range.entries_max) {
        done = false;
        return;
      }
      records.push_back(node.ports.records.add(one.state));
      entries.push_back({key, records.back()});
    }
  }
};

uint64_t start_cursor() {
  return uint64_t{slot_range(kPartition, kPartitions).first} << ScanRequest::kHashBits;
}
uint64_t end_cursor() {
  return uint64_t{slot_range(kPartition + 1, kPartitions).first} << ScanRequest::kHashBits;
}

/// Scans the partition to its end at a single node that holds `held`.
std::vector<std::string> scan_all(Node& node, const std::vector<Entry>& held, uint32_t count,
                                  int* pages) {
  std::vector<std::string> names;
  uint64_t cursor = start_cursor();
  for (ClientToken token = 1; cursor != end_cursor(); ++token) {
    node.shard().submit_scan(token, ScanRequest{cursor, count, 0}, node.now);
    while (!node.ports.range_reads.empty()) {
      const RangeRead read = node.ports.range_reads.back();
      node.ports.range_reads.pop_back();
      const Page page(node, read.range, held);
      node.shard().range_read(read.token, true, page.entries, page.done, node.now);
    }
    EXPECT_TRUE(node.ports.scanned(token));
    if (!node.ports.scanned(token) || !node.ports.page(token).ok || ++*pages > 1000) {
      break;
    }
    for (const ScannedKey& key : node.ports.page(token).keys) {
      names.push_back(key.key);
    }
    cursor = node.ports.page(token).cursor;
  }
  return names;
}

State live_state() {
  return put_state({1000, 9}, "");
}

TEST(Scan, GivesEveryKeyOnceOverItsPages) {
  Node node({1});
  std::vector<Entry> held;
  for (uint64_t i = 0; i < 50; ++i) {
    held.push_back({"key" + std::to_string(100 + i), i * 3, live_state()});
  }
  int pages = 0;
  const std::vector<std::string> names = scan_all(node, held, 7, &pages);
  ASSERT_EQ(names.size(), held.size());
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(pages, 7) << "six of 7, and 8 in the last one";
}

TEST(Scan, GivesTiesInOneReply) {
  Node node({1});
  std::vector<Entry> held{{"a", 1, live_state()}};
  for (int i = 0; i < 40; ++i) {
    held.push_back({"tie" + std::to_string(100 + i), 5, live_state()});
  }
  held.push_back({"z", 9, live_state()});
  int pages = 0;
  EXPECT_EQ(scan_all(node, held, 3, &pages).size(), held.size());
}

/// The partition that a scan reads now, with `held` in all and only those of the slots' own layer
/// given; returns what it was asked for.
FetchRange answer_read(Node& node, const std::vector<Entry>& held) {
  EXPECT_EQ(node.ports.range_reads.size(), 1U);
  const RangeRead read = node.ports.range_reads.back();
  node.ports.range_reads.clear();
  const Page page(node, read.range, held);
  node.shard().range_read(read.token, true, page.entries, page.done, node.now);
  return read.range;
}

TEST(Scan, LooksInOtherLayersOnlyAsFarAsThePageGoes) {
  Node node({1});
  node.add_layer("few:*");
  const std::vector<Entry> many{{"a", 1, live_state()},
                                {"b", 4, live_state()},
                                {"c", 6, live_state()},
                                {"d", 9, live_state()}};
  node.shard().submit_scan(1, ScanRequest{start_cursor(), 2, 0}, node.now);
  EXPECT_EQ(answer_read(node, many).partition, kPartition);
  const FetchRange rest = answer_read(node, {{"few:a", 2, live_state()}});
  EXPECT_EQ(rest.partition, kPartition + kPartitions);
  EXPECT_EQ(rest.last_slot, slot_range(kPartition, kPartitions).first);
  EXPECT_EQ(rest.last_hash >> kDroppedHashBits, 5U) << "c is in the page that comes next";
  ASSERT_TRUE(node.ports.scanned(1));
  EXPECT_EQ(node.ports.page(1).keys.size(), 3U);
  EXPECT_EQ(node.ports.page(1).cursor, start_cursor() + 6);
}

TEST(Scan, BeginsWithTheLayerThatHasMostKeys) {
  Node node({1});
  node.add_layer("many:*");
  const std::vector<Entry> many{
      {"many:a", 1, live_state()}, {"many:b", 4, live_state()}, {"many:c", 6, live_state()}};
  for (const Entry& one : many) {
    KeyRef key = ref_of(one);
    key.partition = kPartition + kPartitions;
    node.shard().count_existing(key, one.state, node.now);
  }
  node.shard().submit_scan(1, ScanRequest{start_cursor(), 1, 0}, node.now);
  EXPECT_EQ(answer_read(node, many).partition, kPartition + kPartitions);
  const FetchRange rest = answer_read(node, {});
  EXPECT_EQ(rest.partition, kPartition);
  EXPECT_EQ(rest.last_hash >> kDroppedHashBits, 3U);
  ASSERT_TRUE(node.ports.scanned(1));
  EXPECT_EQ(node.ports.page(1).keys.size(), 1U);
}

TEST(Scan, LeavesOutWhatIsNotAlive) {
  Node node({1});
  State deleted;
  apply_register(deleted, {1000, 9}, nullptr);
  State expired = live_state();
  expired.siblings[0].expire_at_ms = node.now.cluster_ms;
  const std::vector<Entry> held{
      {"a", 1, live_state()}, {"b", 2, deleted}, {"c", 3, expired}, {"d", 4, live_state()}};
  int pages = 0;
  EXPECT_EQ(scan_all(node, held, 10, &pages), (std::vector<std::string>{"a", "d"}));
}

TEST(Scan, MergesEnoughCopiesToMeetEveryWrite) {
  Node node;
  node.shard().submit_scan(1, ScanRequest{start_cursor(), 10, 0}, node.now);
  ASSERT_EQ(node.ports.range_reads.size(), 1U);
  const std::vector<Sent> asked = node.ports.take<FetchRange>();
  ASSERT_EQ(asked.size(), 1U);
  const FetchRange& range = *asked[0].as<FetchRange>();
  EXPECT_FALSE(range.values_wanted);
  const Page mine(node, range, {{"a", 1, live_state()}});
  node.shard().range_read(node.ports.range_reads[0].token, true, mine.entries, true, node.now);
  EXPECT_FALSE(node.ports.scanned(1));
  const Page theirs(node, range, {{"a", 1, live_state()}, {"b", 2, live_state()}});
  node.shard().receive(
      asked[0].to,
      FetchRangeReply{range.id, {}, FetchStatus::kOk, range.partition, true, theirs.entries},
      node.now);
  ASSERT_TRUE(node.ports.scanned(1));
  EXPECT_EQ(node.ports.page(1).keys.size(), 2U);
  EXPECT_EQ(node.ports.page(1).cursor, end_cursor());
}

TEST(Scan, StopsBeforeWhatASourceMayNotHaveTold) {
  Node node;
  node.shard().submit_scan(1, ScanRequest{start_cursor(), 2, 0}, node.now);
  const Sent asked = node.ports.take<FetchRange>()[0];
  const FetchRange& range = *asked.as<FetchRange>();
  const Page mine(node, range, {{"a", 1, live_state()}, {"z", 90, live_state()}});
  node.shard().range_read(node.ports.range_reads[0].token, true, mine.entries, true, node.now);
  const Page theirs(node, range,
                    {{"a", 1, live_state()},
                     {"b", 2, live_state()},
                     {"c", 3, live_state()},
                     {"d", 4, live_state()}});
  EXPECT_FALSE(theirs.done);
  node.shard().receive(
      asked.to,
      FetchRangeReply{range.id, {}, FetchStatus::kOk, range.partition, theirs.done, theirs.entries},
      node.now);
  ASSERT_TRUE(node.ports.scanned(1));
  EXPECT_EQ(node.ports.page(1).keys.size(), 2U) << "a and b; z must wait for c and d";
}

TEST(Scan, AsksAnotherThenFails) {
  Node node;
  node.shard().submit_scan(1, ScanRequest{start_cursor(), 10, 0}, node.now);
  node.shard().range_read(node.ports.range_reads[0].token, true, {}, true, node.now);
  node.shard().set_alive(2, false, node.now);
  EXPECT_FALSE(node.ports.scanned(1));
  ASSERT_EQ(node.ports.take<FetchRange>().size(), 2U);
  node.shard().set_alive(3, false, node.now);
  ASSERT_TRUE(node.ports.scanned(1));
  EXPECT_FALSE(node.ports.page(1).ok);
  EXPECT_EQ(node.ports.page(1).needed, 2);
  EXPECT_EQ(node.ports.page(1).seen, 1);
  node.shard().submit_scan(2, ScanRequest{start_cursor(), 10, 0}, node.now);
  EXPECT_TRUE(node.ports.page(2).no_replicas);
}

// What a copy can't read it can't tell: its answer must not count, neither here nor elsewhere.
TEST(Scan, DoesNotCountACopyWithADamagedRecord) {
  Node node;
  node.shard().submit_scan(1, ScanRequest{start_cursor(), 10, 0}, node.now);
  const Page mine(node, node.ports.take<FetchRange>()[0].as<FetchRange>()[0],
                  {{"a", 1, live_state()}});
  std::vector<RangeEntry> entries = mine.entries;
  entries[0].record = "rotten";
  node.shard().range_read(node.ports.range_reads[0].token, true, entries, true, node.now);
  EXPECT_EQ(node.ports.quarantined, std::vector<std::string>{"a"});
  EXPECT_FALSE(node.ports.scanned(1));
  EXPECT_FALSE(node.ports.take<FetchRange>().empty()) << "the third copy, or sources of a fill";

  FetchRange asked;
  asked.id = 77;
  asked.partition = kPartition;
  asked.entries_max = 10;
  node.shard().receive(2, asked, node.now);
  node.shard().range_read(node.ports.range_reads.back().token, true, entries, true, node.now);
  const std::vector<Sent> answers = node.ports.take<FetchRangeReply>();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_NE(answers[0].as<FetchRangeReply>()->status, FetchStatus::kOk);
  EXPECT_TRUE(answers[0].as<FetchRangeReply>()->entries.empty());
}

TEST(Scan, TimesOutByTicksAlone) {
  Node node;
  node.shard().submit_scan(1, ScanRequest{start_cursor(), 10, 100}, node.now);
  node.pass_ms(95);
  EXPECT_FALSE(node.ports.scanned(1));
  node.pass_ms(10);
  ASSERT_TRUE(node.ports.scanned(1));
  EXPECT_FALSE(node.ports.page(1).ok);
  EXPECT_FALSE(node.shard().needs_tick());
}

// A key of some megabytes right at the cursor fills a page: the page must grow, or the scan stays.
TEST(Scan, PagesGrowInBytesToo) {
  Node node({1});
  const std::vector<Entry> held{{"large", 5, live_state()}, {"next", 6, live_state()}};
  const uint64_t cursor = start_cursor() | 5;
  node.shard().submit_scan(1, ScanRequest{cursor, 10, 0}, node.now);
  const RangeRead first = node.ports.range_reads[0];
  const Page page(node, first.range, {held[0]});
  node.shard().range_read(first.token, true, page.entries, /*done=*/false, node.now);
  ASSERT_EQ(node.ports.range_reads.size(), 2U);
  EXPECT_GT(node.ports.range_reads[1].range.bytes_max, first.range.bytes_max);
}

}  // namespace
}  // namespace kindred
