#include <gmock/gmock.h>

#include "tests/unit/session/harness.h"
#include "tests/unit/session/scripted_service.h"

// The commands with versions: contexts, siblings, options.

namespace kindred {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

class DynamoTest : public OkTest {
 protected:
  std::string put(const std::string& key, const std::string& context, const std::string& value) {
    return parsed(talk(session_, request({"DPUT", key, context, value}))).text;
  }
  Reply get(const std::string& key) { return parsed(talk(session_, request({"DGET", key}))); }
};

TEST_F(DynamoTest, AKeyNeverWrittenHasAnEmptyContextAndNoValue) {
  EXPECT_EQ(say(session_, "DGET k"), "*2\r\n$0\r\n\r\n*0\r\n");
  EXPECT_EQ(say(session_, "DGET k WITHMETA"), "*3\r\n$0\r\n\r\n*0\r\n$6\r\nstrict\r\n");
}

TEST_F(DynamoTest, BlindWritesStayAsSiblingsUntilAContextCoversThem) {
  put("k", "", "a");
  put("k", "", "b");
  const Reply both = get("k");
  ASSERT_EQ(both.elements[1].elements.size(), 2U);
  put("k", both.elements[0].text, "merged");
  const Reply merged = get("k");
  ASSERT_EQ(merged.elements[1].elements.size(), 1U);
  EXPECT_EQ(merged.elements[1].elements[0].text, "merged");
}

TEST_F(DynamoTest, TheContextOfAPutCoversThatPutAlone) {
  const std::string first = put("k", "", "a");
  put("k", "", "b");
  put("k", first, "c");
  const Reply reply = get("k");
  ASSERT_EQ(reply.elements[1].elements.size(), 2U);
  EXPECT_EQ(reply.elements[1].elements[0].text, "b");
  EXPECT_EQ(reply.elements[1].elements[1].text, "c");
}

TEST_F(DynamoTest, ADeleteLeavesItsContext) {
  put("k", "", "a");
  const std::string context = get("k").elements[0].text;
  EXPECT_EQ(talk(session_, request({"DDEL", "k", ""})), "$0\r\n\r\n");
  EXPECT_EQ(get("k").elements[1].elements.size(), 1U);
  const Reply deleted = parsed(talk(session_, request({"DDEL", "k", context})));
  EXPECT_FALSE(deleted.text.empty());
  const Reply after = get("k");
  EXPECT_FALSE(after.elements[0].text.empty());
  EXPECT_TRUE(after.elements[1].elements.empty());
}

TEST_F(DynamoTest, MetaTellsDotTimeAndExpiry) {
  talk(session_, request({"DPUT", "k", "", "v", "PX", "5000"}));
  const Reply reply = parsed(say(session_, "DGET k WITHMETA"));
  const Reply& sibling = reply.elements[1].elements[0];
  ASSERT_EQ(sibling.elements.size(), 4U);
  EXPECT_EQ(sibling.elements[0].text, "v");
  EXPECT_THAT(sibling.elements[1].text, MatchesRegex("[0-9a-f]{16}@[0-9]+"));
  EXPECT_EQ(sibling.elements[2].integer, 1'700'000'000'000);
  EXPECT_EQ(sibling.elements[3].integer, 5000);
}

TEST_F(DynamoTest, ExpiredSiblingsAreHiddenButCovered) {
  talk(session_, request({"DPUT", "k", "", "v", "PX", "5000"}));
  put("k", "", "stays");
  worker_.service().set_now_ms(1'700'000'005'000);
  const Reply reply = get("k");
  ASSERT_EQ(reply.elements[1].elements.size(), 1U);
  EXPECT_EQ(reply.elements[1].elements[0].text, "stays");
  EXPECT_EQ(say(session_, "GET k"), "$5\r\nstays\r\n");
}

TEST_F(DynamoTest, PlainGetShowsTheLatestSibling) {
  put("k", "", "first");
  put("k", "", "second");
  EXPECT_EQ(say(session_, "GET k"), "$6\r\nsecond\r\n");
  EXPECT_EQ(say(session_, "STRLEN k"), ":6\r\n");
}

TEST_F(DynamoTest, ManyKeysAnswerAsOneByOne) {
  put("a", "", "1");
  EXPECT_EQ(say(session_, "DMGET a b"),
            "*2\r\n" + say(session_, "DGET a") + say(session_, "DGET b"));
}

TEST_F(DynamoTest, ForeignAndAlteredContextsAreRefused) {
  const std::string context = put("k", "", "a");
  EXPECT_THAT(talk(session_, request({"DPUT", "other", context, "v"})), StartsWith("-BADCONTEXT "));
  std::string altered = context;
  altered[altered.size() / 2] = altered[altered.size() / 2] == 'A' ? 'B' : 'A';
  for (const std::string& bad : {altered, std::string("nonsense"), context + "A"}) {
    EXPECT_THAT(talk(session_, request({"DPUT", "k", bad, "v"})), StartsWith("-BADCONTEXT "));
    EXPECT_THAT(talk(session_, request({"DDEL", "k", bad})), StartsWith("-BADCONTEXT "));
    EXPECT_THAT(talk(session_, request({"DCONTEXT", bad})), StartsWith("-BADCONTEXT "));
  }
  EXPECT_EQ(get("k").elements[1].elements.size(), 1U);
}

TEST_F(DynamoTest, ContextsAreExplained) {
  const std::string context = put("k", "", "a");
  const Reply reply = parsed(talk(session_, request({"DCONTEXT", context})));
  ASSERT_NE(reply.find("key_hash"), nullptr);
  EXPECT_EQ(reply.find("key_hash")->text.size(), 32U);
  ASSERT_EQ(reply.find("entries")->elements.size(), 1U);
  const Reply& entry = reply.find("entries")->elements[0];
  EXPECT_EQ(entry.find("actor")->text.size(), 16U);
  EXPECT_NE(entry.find("node"), nullptr);
  EXPECT_GT(entry.find("counter")->integer, 0);
  EXPECT_EQ(entry.find("covers")->text, "only");
  put("k", context, "b");
  const Reply read = parsed(talk(session_, request({"DCONTEXT", get("k").elements[0].text})));
  EXPECT_EQ(read.find("entries")->elements.at(0).find("covers")->text, "up to");
}

TEST_F(DynamoTest, CopiesAreExplained) {
  put("k", "", "a");
  const Reply reply = parsed(say(session_, "DEXPLAIN k"));
  EXPECT_EQ(reply.find("key")->text, "k");
  EXPECT_EQ(reply.find("slot")->integer, 7629);
  EXPECT_EQ(reply.find("partition")->integer, 7);
  EXPECT_EQ(reply.find("agree")->integer, 1);
  const Reply& preferred = reply.find("preference_list")->elements.at(0);
  EXPECT_EQ(preferred.find("role")->text, "primary");
  EXPECT_EQ(preferred.find("state")->text, "up");
  const Reply& replica = reply.find("replicas")->elements.at(0);
  EXPECT_EQ(replica.find("versions")->elements.at(0).find("size")->integer, 1);
  say(session_, "HELLO 3");
  EXPECT_THAT(say(session_, "DEXPLAIN k"), StartsWith("%7\r\n"));
}

TEST_F(DynamoTest, OptionsAreCheckedBeforeAnythingIsDone) {
  EXPECT_EQ(say(session_, "DGET k R"), "-ERR syntax error\r\n");
  EXPECT_EQ(say(session_, "DGET k W 1"), "-ERR syntax error\r\n");
  EXPECT_EQ(say(session_, "DGET k R x"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_THAT(say(session_, "DGET k R 0"), StartsWith("-ERR "));
  const std::string too_many = say(session_, "DGET k r 4");
  EXPECT_THAT(too_many, StartsWith("-ERR "));
  EXPECT_THAT(too_many, HasSubstr("R=4"));
  EXPECT_THAT(too_many, HasSubstr("N=1"));
  EXPECT_EQ(say(session_, "DGET k TIMEOUT -1"), "-ERR timeout is negative\r\n");
  EXPECT_EQ(say(session_, "DPUT k \"\" v EX 0"), "-ERR invalid expire time in 'dput' command\r\n");
  EXPECT_EQ(say(session_, "DPUT k \"\" v EX 1 PX 1"), "-ERR syntax error\r\n");
  EXPECT_EQ(say(session_, "DDEL k \"\" DW 1"), "-ERR syntax error\r\n");
  EXPECT_EQ(say(session_, "DGET k"), "*2\r\n$0\r\n\r\n*0\r\n");
}

TEST(DynamoOptionsTest, QuorumsReachTheNode) {
  Worker<ScriptedService> worker;
  Session& session = worker.connect();
  receive(session,
          line("DPUT k \"\" v W 1 DW 0 PW 1 TIMEOUT 77 PX 10") + line("DGET k R 1 PR 0 LOCAL"));
  ASSERT_EQ(worker.service().asked().size(), 2U);
  const Operation& put = worker.service().asked()[0].operation;
  EXPECT_EQ(put.kind, OpKind::kPut);
  EXPECT_EQ(put.quorum.w, 1);
  EXPECT_EQ(put.quorum.dw, 0);
  EXPECT_EQ(put.quorum.pw, 1);
  EXPECT_EQ(put.quorum.timeout_ms, 77U);
  EXPECT_EQ(put.expire_at_ms, 1'700'000'000'010U);
  EXPECT_EQ(worker.service().asked()[1].operation.kind, OpKind::kReadLocal);
}

}  // namespace
}  // namespace kindred
