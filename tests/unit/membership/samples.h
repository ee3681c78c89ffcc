#pragma once

#include <utility>
#include <vector>

#include "replication/membership/messages.h"
#include "replication/ring/claim.h"

namespace kindred::membership_test {

inline Member sample_member(NodeId id) {
  Member member;
  member.id = id;
  member.directory = id + 1000;
  member.name = "node-" + std::to_string(id);
  member.client_address = {"127.0.0.1", static_cast<uint16_t>(7000 + id)};
  member.peer_address = {"127.0.0.1", static_cast<uint16_t>(17000 + id)};
  member.zone = "default";
  return member;
}

inline std::shared_ptr<const ClusterDocument> sample_document() {
  auto document = std::make_shared<ClusterDocument>();
  document->cluster_id = 77;
  document->epoch = 1;
  std::vector<ClaimMember> claims;
  for (NodeId id = 1; id <= 3; ++id) {
    document->members.push_back(sample_member(id));
    claims.push_back({id, 1, "default"});
  }
  document->ring = BalancedClaim().place(nullptr, claims, {8, 3});
  document->flush_stamp = 12345;
  document->tag_keys.push_back({1, {9, 8, 7}});
  return document;
}

inline Hello sample_hello() {
  return {{1, 1001, 0},
          false,
          {"127.0.0.1", 17002},
          sample_member(1),
          {{"127.0.0.1", 17002}, {"::1", 17003}},
          {2, 1002, {"127.0.0.1", 17002}},
          Joining::kOnRequest,
          77};
}

inline SwimMessage sample_ping() {
  SwimMessage message;
  message.kind = SwimKind::kPing;
  message.sequence = 5;
  message.subject = 2;
  message.incarnation = 3;
  message.flags = 1;
  message.rumours = {{2, 4, SwimState::kSuspect, 1}, {3, 1, SwimState::kAlive, 0}};
  return message;
}

inline SwimMessage sample_digest() {
  SwimMessage message;
  message.kind = SwimKind::kDigest;
  message.incarnation = 3;
  for (uint64_t bucket = 0; bucket < Swim::kBuckets; ++bucket) {
    message.digests.push_back(bucket * 0x0101010101010101);
  }
  return message;
}

inline SwimMessage sample_exchange() {
  SwimMessage message = sample_ping();
  message.kind = SwimKind::kExchange;
  message.buckets = 0x80000001;
  return message;
}

inline std::vector<MembershipMessage> sample_messages() {
  const Sender sender{1, 1001, 77};
  return {sample_hello(),
          DocumentOffer{sender, sample_document()},
          DocumentRequest{sender},
          Gossip{sender, 1'700'000'000'000, {1, 2, 3, 4}, sample_ping()},
          Gossip{sender, 1'700'000'000'000, {1, 2, 3, 4}, sample_digest()},
          Gossip{sender, 1'700'000'000'000, {1, 2, 3, 4}, sample_exchange()},
          StampQuery{sender, 6},
          StampAnswer{sender, 6, 7, 8},
          Flush{sender, 6, 9},
          FlushAck{sender, 6},
          Prepare{sender, {1, 2}, {3, 1}},
          Prepared{sender, {1, 2}, {3, 1}, {}, nullptr},
          Prepared{sender, {1, 2}, {3, 1}, {2, 4}, sample_document()},
          Accept{sender, {1, 2}, {3, 1}, sample_document()},
          Accepted{sender, {1, 2}, {3, 1}},
          Refused{sender, {1, 2}, {3, 1}, {4, 2}},
          ProgressReport{sender, {5, {0, 1, 7}, true, 2}},
          JoinRequest{sender, 8, 77, sample_member(4), true},
          JoinReply{sender, 8, "ERR no", 3}};
}

inline NodeRecord sample_record() {
  return {1,
          1001,
          "willow",
          {2, 1002, {"127.0.0.1", 17002}},
          sample_document(),
          -12,
          true,
          {{1, 2}, {3, 1}, {2, 4}, sample_document()},
          true};
}

}  // namespace kindred::membership_test
