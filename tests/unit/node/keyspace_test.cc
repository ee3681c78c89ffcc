// What keyspaces change about requests.
#include <gtest/gtest.h>

#include "tests/unit/node/node.h"

namespace kindred {
namespace {

using namespace node_test;

Keyspace keyspace_of_k() {
  Keyspace keyspace;
  keyspace.pattern = "k*";
  return keyspace;
}

Keyspace resolved_by(const std::string& resolver) {
  Keyspace keyspace = keyspace_of_k();
  keyspace.resolver = resolver;
  return keyspace;
}

Keyspace without_registers() {
  Keyspace keyspace = keyspace_of_k();
  keyspace.has_registers = false;
  return keyspace;
}

/// Alone, with two siblings of "k": "a", and "b", which is newer.
class Alone {
 public:
  explicit Alone(const Keyspace& keyspace) : node({1}) {
    node.set_keyspaces({keyspace});
    const State a = put_state({stamp_ms_from(node.now, -5), 9}, "a");
    const State b = put_state({stamp_ms_from(node.now, -4), 8}, "b");
    node.ports.hold("k", merge(a, b));
  }
  Outcome run(const Operation& operation) { return node.outcome(node.submit(operation)); }
  Outcome read(uint16_t flags = 0) {
    Operation operation = Node::read();
    operation.flags = flags;
    return run(operation);
  }
  std::vector<std::string> held() {
    std::vector<std::string> values;
    for (const Sibling& sibling : node.ports.held("k").siblings) {
      values.push_back(text(sibling.value));
    }
    return values;
  }

  Node node;
};

using Values = std::vector<std::string>;

TEST(Keyspaces, APlainReadIsTheResolversWord) {
  Alone alone(resolved_by("join"));
  const Outcome outcome = alone.read();
  ASSERT_EQ(outcome.state.siblings.size(), 1U);
  EXPECT_EQ(text(outcome.state.siblings[0].value), "a+b");
  EXPECT_EQ(alone.held(), (Values{"a", "b"})) << "reading writes nothing";
  EXPECT_EQ(alone.node.shard().metrics().conflicts_hidden, 1U);
}

TEST(Keyspaces, WhoAsksForTheStateIsShownAll) {
  Alone alone(resolved_by("join"));
  EXPECT_EQ(alone.read(op_flag::kWantState).state.siblings.size(), 2U);
  EXPECT_EQ(alone.node.shard().metrics().conflicts_hidden, 0U);
  const Outcome both = alone.read(op_flag::kWantState | op_flag::kWantResolved);
  EXPECT_EQ(both.state.siblings.size(), 2U);
  EXPECT_EQ(text(both.value), "a+b");
}

TEST(Keyspaces, OtherKeysAreLeftAlone) {
  Keyspace other = resolved_by("join");
  other.pattern = "x*";
  Alone alone(other);
  EXPECT_EQ(alone.read().state.siblings.size(), 2U);
}

TEST(Keyspaces, AReadModifyWriteBuildsOnTheResolversWord) {
  Alone alone(resolved_by("join"));
  EXPECT_EQ(alone.run(Node::modify(Modification::kAppend, 0, "!")).integer, 4);
  EXPECT_EQ(alone.held(), Values{"a+b!"});
}

TEST(Keyspaces, EqualValuesAreNoConflict) {
  Alone alone(resolved_by(std::string(kResolverSiblings)));
  const State a = put_state({stamp_ms_from(alone.node.now, -5), 9}, "same");
  const State b = put_state({stamp_ms_from(alone.node.now, -4), 8}, "same");
  alone.node.ports.hold("k", merge(a, b));
  EXPECT_EQ(alone.run(Node::modify(Modification::kAppend, 0, "!")).integer, 5);
}

TEST(Keyspaces, SiblingsLeftToTheApplicationAreNotComputedOn) {
  for (const std::string resolver : {"siblings", "one that is not loaded here"}) {
    Alone alone(resolved_by(resolver));
    EXPECT_EQ(alone.read().state.siblings.size(), 2U) << "the newest is what a GET shows";
    const Outcome refused = alone.run(Node::modify(Modification::kAppend, 0, "!"));
    EXPECT_EQ(refused.code, OutcomeCode::kConflict);
    EXPECT_EQ(refused.seen, 2);
    EXPECT_EQ(alone.run(Node::modify(Modification::kGetDelete)).code, OutcomeCode::kConflict);
    EXPECT_EQ(alone.held(), (Values{"a", "b"}));
    EXPECT_EQ(alone.run(Node::modify(Modification::kExpire)).code, OutcomeCode::kOk);
    EXPECT_EQ(alone.run(Node::set("c")).code, OutcomeCode::kOk) << "an order to replace them";
    EXPECT_EQ(alone.held(), Values{"c"});
  }
}

TEST(Keyspaces, AValueWithoutAnExpiryGetsTheKeyspaces) {
  Keyspace keyspace = keyspace_of_k();
  keyspace.ttl_ms = 60'000;
  Alone alone(keyspace);
  const uint64_t expires_ms = alone.node.now.cluster_ms + 60'000;
  const auto held_expiry = [&] { return alone.node.ports.held("k").siblings[0].expire_at_ms; };
  alone.run(Node::set("c"));
  EXPECT_EQ(held_expiry(), expires_ms);
  alone.run(Node::modify(Modification::kPersist));
  EXPECT_EQ(held_expiry(), 0U) << "PERSIST means it";
  alone.run(Node::modify(Modification::kAppend, 0, "!"));
  EXPECT_EQ(held_expiry(), 0U) << "it is the same value's life";
  alone.run(Node::modify(Modification::kDelete));
  alone.run(Node::modify(Modification::kIncrement, 1));
  EXPECT_EQ(held_expiry(), expires_ms) << "a new one";
  Operation own = Node::set("d");
  own.expire_at_ms = expires_ms + 5;
  alone.run(own);
  EXPECT_EQ(held_expiry(), expires_ms + 5);
}

TEST(Keyspaces, OwnNumbersRuleTheQuorum) {
  Keyspace keyspace = keyspace_of_k();
  keyspace.read = 1;
  keyspace.write = 3;
  Node node;
  node.set_keyspaces({keyspace});
  EXPECT_TRUE(node.replied(node.submit(Node::read()))) << "R=1";
  const ClientToken write = node.submit(Node::set("v"));
  const std::vector<Sent> sent = node.ports.take<Replicate>();
  node.ack(sent[0]);
  EXPECT_FALSE(node.replied(write)) << "W=3";
  node.ack(sent[1]);
  EXPECT_TRUE(node.replied(write));
}

// R=3 and W=1: only a read of all meets what one copy acknowledged.
TEST(Keyspaces, AReadModifyWriteReadsForTheKeyspacesW) {
  Keyspace keyspace = keyspace_of_k();
  keyspace.read = 1;
  keyspace.write = 1;
  Node node;
  node.set_keyspaces({keyspace});
  node.submit(Node::modify(Modification::kIncrement, 1));
  EXPECT_EQ(node.ports.take<Fetch>().size(), 2U);
}

TEST(Keyspaces, ASetWithoutRegistersReplacesWhatAReadShows) {
  Node node;
  node.set_keyspaces({without_registers()});
  const State elsewhere = put_state({stamp_ms_from(node.now, -5), 9}, "before");
  const ClientToken token = node.submit(Node::set("after"));
  EXPECT_TRUE(node.ports.stores.empty()) << "it reads first";
  node.answer(node.ports.take<Fetch>()[0], elsewhere);
  node.answer(node.ports.take<Fetch>()[0], elsewhere);
  const std::vector<Sent> sent = node.ports.take<Replicate>();
  ASSERT_EQ(sent.size(), 2U);
  node.ack(sent[0]);
  EXPECT_TRUE(node.replied(token));
  const State written = node.state_in(sent[0]);
  EXPECT_TRUE(written.floor.is_zero());
  ASSERT_EQ(written.siblings.size(), 1U);
  EXPECT_FALSE(written.siblings[0].is_register);
  EXPECT_EQ(merge(elsewhere, written).siblings.size(), 1U) << "what it read is replaced";
  const State meanwhile = put_state({stamp_ms_from(node.now, 5), 7}, "at once");
  EXPECT_EQ(merge(meanwhile, written).siblings.size(), 2U) << "what it did not is kept";
}

// What comes to the copy between its read and its write was not read.
TEST(Keyspaces, ASetWithoutRegistersKeepsWhatCameAfterItsRead) {
  Node node;
  node.set_keyspaces({without_registers()});
  node.submit(Node::set("first"));
  node.submit(Node::set("second"));
  const std::vector<Sent> reads = node.ports.take<Fetch>();
  ASSERT_EQ(reads.size(), 2U);
  node.answer(reads[0], State{});
  node.answer(reads[1], State{});
  EXPECT_EQ(node.ports.held("k").siblings.size(), 2U);
}

TEST(Keyspaces, ASetThatCanNotReadIsRefusedAndNotApplied) {
  Node node;
  node.set_keyspaces({without_registers()});
  const ClientToken token = node.submit(Node::set("v"));
  for (int i = 0; i < 2; ++i) {
    for (const Sent& fetch : node.ports.take<Fetch>()) {
      node.answer(fetch, State{}, FetchStatus::kFailed);
    }
  }
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kNoQuorumRead);
  EXPECT_TRUE(node.ports.stores.empty());
}

TEST(Keyspaces, DelWithoutRegistersRemovesWhatItRead) {
  Alone alone(without_registers());
  EXPECT_EQ(alone.run(Node::modify(Modification::kDelete)).integer, 1);
  const State held = alone.node.ports.held("k");
  EXPECT_TRUE(held.siblings.empty());
  EXPECT_TRUE(held.floor.is_zero());
}

// A keyspace with W=1 acknowledges on one copy, so a copy that lost something has to ask all
// others.
TEST(Keyspaces, ACopyIsFilledForTheLowestW) {
  ShardConfig config = Node::default_config();
  config.quorum.write = 3;
  Keyspace keyspace = keyspace_of_k();
  Node node({1, 2, 3}, config);
  keyspace.write = 1;
  node.set_keyspaces({keyspace});
  node.shard().found_corrupt(Node::key("lost"));
  node.pass_ms(200);
  answer_range(node, range_requests(node).at(0), {}, true);
  node.pass_ms(200);
  EXPECT_EQ(node.copy_state(), CopyState::kFilling);
  answer_range(node, range_requests(node).at(0), {}, true);
  node.pass_ms(200);
  EXPECT_EQ(node.copy_state(), CopyState::kWhole);
}

}  // namespace
}  // namespace kindred
