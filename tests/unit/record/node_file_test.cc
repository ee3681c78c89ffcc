#include "protocol/record/node_file.h"

#include <gtest/gtest.h>

#include <string>

#include "protocol/record/bytes.h"
#include "protocol/record/hash.h"
#include "tests/unit/record/random_state.h"

namespace kindred {
namespace {

ClusterDocument small_cluster() {
  ClusterDocument cluster;
  cluster.cluster_id = 0xc1;
  cluster.generation = 2;
  cluster.epoch = 3;
  cluster.replicas = 2;
  cluster.flush_stamp = 4;
  for (const NodeId id : {7, 8}) {
    Member member;
    member.id = id;
    member.directory = id * 10;
    member.name = "node-" + std::to_string(id);
    member.client_address = {"127.0.0.1", 7001};
    member.peer_address = {"127.0.0.1", 17001};
    member.zone = "z";
    member.weight = 5;
    cluster.members.push_back(member);
  }
  TagKey key;
  key.id = 1;
  key.secret.fill(0x5a);
  cluster.tag_keys.push_back(key);
  std::vector<NodeId> owners;
  for (int i = 0; i < 16; ++i) {
    owners.insert(owners.end(), {NodeId(7 + i % 2), NodeId(8 - i % 2)});
  }
  cluster.ring = *Ring::make(16, 2, 2, owners);
  cluster.members.back().is_leaving = true;
  cluster.moves = {{3, MovePhase::kReadOld, {8}}, {9, MovePhase::kReadNew, {8, 7}}};
  cluster.steps.assign(16, 1);
  cluster.steps[3] = 3;
  cluster.staged.push_back({ChangeKind::kReplace, 7, cluster.members.back()});
  cluster.staged.back().joining.is_leaving = false;
  cluster.ancestors = {{1, 2}};
  cluster.keyspaces = {{"cart:*", 5, 1, 3, false, "union", 60'000},
                       {"one", 0, 0, 0, true, "lww", 0}};
  cluster.users = {{"alice", "on ~* +@all"}, {"bob", ""}};
  return cluster;
}

std::string encode(const ClusterDocument& cluster) {
  std::string bytes;
  encode_cluster(cluster, &bytes);
  return bytes;
}

// Sums bytes anew, for what only a faulty encoder would write.
std::string summed(std::string bytes) {
  bytes.resize(bytes.size() - 8);
  const uint64_t sum = hash64(bytes);
  ByteWriter(&bytes).u64(sum);
  return bytes;
}

TEST(NodeFileTest, AClusterComesBack) {
  for (const ClusterDocument& cluster : {small_cluster(), ClusterDocument{}}) {
    ClusterDocument decoded = small_cluster();
    ASSERT_EQ(decode_cluster(encode(cluster), &decoded), ClusterBytes::kValid);
    EXPECT_EQ(decoded, cluster);
  }
}

TEST(NodeFileTest, AClusterWrittenBeforeThereWereMovesIsRead) {
  ClusterDocument cluster = small_cluster();
  cluster.members.back().is_leaving = false;
  cluster.moves.clear();
  cluster.steps.clear();
  cluster.staged.clear();
  cluster.ancestors.clear();
  cluster.keyspaces.clear();
  cluster.users.clear();
  std::string bytes = encode(cluster);
  constexpr size_t kAddedBytes = 2 + 7;  // two members' flags, seven empty lists
  bytes.erase(bytes.size() - 8 - kAddedBytes, kAddedBytes);
  bytes[8] = 1;
  ClusterDocument decoded;
  ASSERT_EQ(decode_cluster(summed(bytes), &decoded), ClusterBytes::kValid);
  EXPECT_EQ(decoded, cluster);
}

TEST(NodeFileTest, AClusterWrittenBeforeThereWereKeyspacesIsRead) {
  ClusterDocument cluster = small_cluster();
  cluster.keyspaces.clear();
  cluster.users.clear();
  std::string bytes = encode(cluster);
  bytes.erase(bytes.size() - 8 - 3, 3);
  bytes[8] = 2;
  ClusterDocument decoded;
  ASSERT_EQ(decode_cluster(summed(bytes), &decoded), ClusterBytes::kValid);
  EXPECT_EQ(decoded, cluster);
}

TEST(NodeFileTest, AClusterWrittenBeforeThereWereLayersIsRead) {
  ClusterDocument cluster = small_cluster();
  cluster.keyspaces.clear();
  std::string bytes = encode(cluster);
  bytes.erase(bytes.size() - 8 - 1, 1);
  bytes[8] = 3;
  ClusterDocument decoded;
  ASSERT_EQ(decode_cluster(summed(bytes), &decoded), ClusterBytes::kValid);
  EXPECT_EQ(decoded, cluster);
}

TEST(NodeFileTest, LayersOfTheRingComeBack) {
  ClusterDocument cluster = small_cluster();
  cluster.layers = {{"a*", 5, 2}};
  cluster.ring =
      *Ring::make(cluster.ring.partition_count(), cluster.ring.replicas(), cluster.ring.copies(),
                  {cluster.ring.flat_owners().begin(), cluster.ring.flat_owners().end()},
                  /*layers=*/2);
  ClusterDocument decoded;
  ASSERT_EQ(decode_cluster(encode(cluster), &decoded), ClusterBytes::kValid);
  EXPECT_EQ(decoded, cluster);
  cluster.layers.assign(4, {"a*", 5, 2});
  EXPECT_EQ(decode_cluster(encode(cluster), &decoded), ClusterBytes::kDamaged);
}

TEST(NodeFileTest, GoldenBytes) {
  const std::string bytes = encode(small_cluster());
  EXPECT_EQ(bytes.size(), 669U);
  EXPECT_EQ(testing_record::hex(bytes.substr(0, 84)),
            "4b494e44524544430400c10000000000000002000000030000000000000002000000040000000000"
            "00000207000000000000004600000000000000066e6f64652d37093132372e302e302e31591b0931"
            "32372e30");
  EXPECT_EQ(testing_record::hex(bytes.substr(bytes.size() - 8)), "972f31fea738551c");
}

TEST(NodeFileTest, EveryFlippedBitAndEveryCutIsRefused) {
  const std::string bytes = encode(small_cluster());
  ClusterDocument decoded;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(decode_cluster(flipped, &decoded),
              bit < 64 ? ClusterBytes::kForeign : ClusterBytes::kDamaged);
  }
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_NE(decode_cluster(bytes.substr(0, length), &decoded), ClusterBytes::kValid);
  }
}

TEST(NodeFileTest, WellSummedNonsenseIsRefused) {
  const std::string bytes = encode(small_cluster());
  ClusterDocument decoded;
  EXPECT_EQ(decode_cluster(summed(bytes + "12345678"), &decoded), ClusterBytes::kDamaged);
  std::string newer = bytes;
  newer[8] = 5;
  EXPECT_EQ(decode_cluster(summed(newer), &decoded), ClusterBytes::kVersionNewer);
  uint64_t valid = 0;
  for (size_t bit = 80; bit < (bytes.size() - 8) * 8; ++bit) {
    std::string spoilt = bytes;
    spoilt[bit / 8] = static_cast<char>(spoilt[bit / 8] ^ (1 << (bit % 8)));
    spoilt = summed(spoilt);
    if (decode_cluster(spoilt, &decoded) == ClusterBytes::kValid) {
      ++valid;
      EXPECT_EQ(encode(decoded), spoilt);
    }
  }
  EXPECT_GT(valid, 0U);
}

TEST(NodeFileTest, OverlongTextsAreRefused) {
  ClusterDocument cluster = small_cluster();
  ClusterDocument decoded;
  cluster.members[0].zone = std::string(kClusterTextBytesMax, 'z');
  EXPECT_EQ(decode_cluster(encode(cluster), &decoded), ClusterBytes::kValid);
  cluster.members[0].zone += 'z';
  EXPECT_EQ(decode_cluster(encode(cluster), &decoded), ClusterBytes::kDamaged);
}

}  // namespace
}  // namespace kindred
