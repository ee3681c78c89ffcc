#include "protocol/command/introspection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/command/command_table.h"
#include "protocol/resp/reply_parser.h"

namespace kindred {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

using Args = std::vector<std::string_view>;

template <typename Write>
std::string written(RespVersion version, Write write) {
  ReplyWriter writer(version);
  write(writer);
  return std::string(writer.view());
}

// The one reply that was written; fails the test if it is none or more.
Reply parsed(std::string_view bytes) {
  ReplyParser parser;
  parser.feed(bytes);
  Reply reply;
  EXPECT_EQ(parser.next(reply), ReplyStatus::kReply);
  Reply rest;
  EXPECT_EQ(parser.next(rest), ReplyStatus::kNeedMore);
  return reply;
}

template <typename Write>
Reply reply_of(Write write) {
  return parsed(written(RespVersion::kResp3, write));
}

std::vector<std::string> texts(const Reply& reply) {
  std::vector<std::string> list;
  for (const Reply& element : reply.elements) {
    list.push_back(element.text);
  }
  return list;
}

std::vector<std::string> listed(const Args& args) {
  return texts(reply_of([&](ReplyWriter& w) { write_command_list(args, w); }));
}

Reply keys_of(const Args& args) {
  return reply_of([&](ReplyWriter& w) { write_command_getkeys(args, w); });
}

TEST(CommandInfo, HasRedisShapeInResp2) {
  const Args names = {"nosuch", "MEMORY|USAGE"};
  EXPECT_EQ(written(RespVersion::kResp2, [&](ReplyWriter& w) { write_command_info(names, w); }),
            "*2\r\n$-1\r\n*10\r\n$12\r\nmemory|usage\r\n:-3\r\n*1\r\n+readonly\r\n:2\r\n:2\r\n:1"
            "\r\n*2\r\n+@read\r\n+@slow\r\n*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*1\r\n+RO\r\n$12\r\n"
            "begin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n"
            ":2\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\n"
            "lastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n");
}

TEST(CommandInfo, HasRedisShapeInResp3) {
  const Args names = {"nosuch", "config|help"};
  EXPECT_EQ(written(RespVersion::kResp3, [&](ReplyWriter& w) { write_command_info(names, w); }),
            "*2\r\n_\r\n*10\r\n$11\r\nconfig|help\r\n:2\r\n~2\r\n+loading\r\n+stale\r\n:0\r\n:0\r\n"
            ":0\r\n~1\r\n+@slow\r\n~0\r\n~0\r\n~0\r\n");
}

TEST(CommandInfo, WithoutNamesTellsOfAll) {
  const auto info = [](ReplyWriter& w) { write_command_info({}, w); };
  const auto table = [](ReplyWriter& w) { write_command_table(w); };
  EXPECT_EQ(written(RespVersion::kResp2, info), written(RespVersion::kResp2, table));
  const Reply reply = reply_of(table);
  EXPECT_EQ(reply.elements.size(), all_commands().size());
  EXPECT_EQ(reply_of([](ReplyWriter& w) { write_command_count(w); }).integer,
            static_cast<int64_t>(all_commands().size()));
}

TEST(CommandDocs, HasRedisShape) {
  const Args names = {"mset", "nosuch"};
  const std::string bytes =
      written(RespVersion::kResp2, [&](ReplyWriter& w) { write_command_docs(names, w); });
  EXPECT_TRUE(bytes.starts_with("*2\r\n$4\r\nmset\r\n*10\r\n$7\r\nsummary\r\n")) << bytes;
  EXPECT_TRUE(
      bytes.ends_with("$9\r\narguments\r\n*1\r\n*8\r\n$4\r\nname\r\n$9\r\nkey_value\r\n$4\r\ntype"
                      "\r\n$5\r\nblock\r\n$5\r\nflags\r\n*1\r\n+multiple\r\n$9\r\narguments\r\n*2"
                      "\r\n*6\r\n$4\r\nname\r\n$3\r\nkey\r\n$4\r\ntype\r\n$3\r\nkey\r\n$14\r\n"
                      "key_spec_index\r\n:0\r\n*4\r\n$4\r\nname\r\n$5\r\nvalue\r\n$4\r\ntype\r\n"
                      "$6\r\nstring\r\n"))
      << bytes;
}

TEST(CommandDocs, TellsOfTokensDeprecationAndSubcommands) {
  const Reply docs = reply_of([](ReplyWriter& w) { write_command_docs({}, w); });
  EXPECT_EQ(docs.type, ReplyType::kMap);
  EXPECT_EQ(docs.elements.size(), 2 * all_commands().size());
  const Reply& count = docs.find("scan")->find("arguments")->elements[2];
  EXPECT_EQ(count.find("name")->text, "count");
  EXPECT_EQ(count.find("type")->text, "integer");
  EXPECT_EQ(count.find("token")->text, "COUNT");
  EXPECT_THAT(texts(*count.find("flags")), ElementsAre("optional"));
  EXPECT_EQ(docs.find("getset")->find("replaced_by")->text, "SET with GET");
  EXPECT_THAT(texts(*docs.find("getset")->find("doc_flags")), ElementsAre("deprecated"));
  EXPECT_NE(docs.find("config")->find("subcommands")->find("config|get"), nullptr);
  EXPECT_EQ(docs.find("multi")->find("arguments"), nullptr);
  EXPECT_EQ(docs.find("dget")->find("group")->text, "kindred");
}

TEST(CommandList, Filters) {
  EXPECT_THAT(listed({}), Contains("get"));
  EXPECT_THAT(listed({}), Contains("config|get"));
  EXPECT_THAT(listed({"filterby", "pattern", "GETD*"}), ElementsAre("getdel"));
  EXPECT_THAT(listed({"FILTERBY", "PATTERN", "cluster|k*"}), ElementsAre("cluster|keyslot"));
  EXPECT_THAT(listed({"FILTERBY", "ACLCAT", "TRANSACTION"}),
              ElementsAre("discard", "exec", "multi", "unwatch", "watch"));
  EXPECT_THAT(listed({"FILTERBY", "ACLCAT", "write"}), Not(Contains("get")));
  EXPECT_THAT(listed({"FILTERBY", "ACLCAT", "nosuch"}), ElementsAre());
  EXPECT_THAT(listed({"FILTERBY", "MODULE", "x"}), ElementsAre());
}

TEST(CommandList, RefusesOtherWords) {
  for (const Args& args : {Args{"x"}, Args{"FILTERBY"}, Args{"FILTERBY", "PATTERN"},
                           Args{"FILTERBY", "X", "y"}, Args{"FILTERBY", "PATTERN", "a", "b"}}) {
    const Reply reply = reply_of([&](ReplyWriter& w) { write_command_list(args, w); });
    EXPECT_TRUE(reply.is_error());
    EXPECT_EQ(reply.text, "ERR syntax error");
  }
}

TEST(CommandGetkeys, FindsTheKeys) {
  EXPECT_THAT(texts(keys_of({"get", "a"})), ElementsAre("a"));
  EXPECT_THAT(texts(keys_of({"MSET", "a", "1", "b", "2"})), ElementsAre("a", "b"));
  EXPECT_THAT(texts(keys_of({"mset", "a", "1", "b"})), ElementsAre("a", "b"));
  EXPECT_THAT(texts(keys_of({"del", "a", "b", "c"})), ElementsAre("a", "b", "c"));
  EXPECT_THAT(texts(keys_of({"memory", "usage", "a", "samples", "5"})), ElementsAre("a"));
  EXPECT_THAT(texts(keys_of({"dput", "k", "", "v", "W", "2"})), ElementsAre("k"));
}

TEST(CommandGetkeys, RefusesWhatHasNone) {
  EXPECT_EQ(keys_of({"nosuch", "a"}).text, "ERR Invalid command specified");
  EXPECT_EQ(keys_of({"config", "nosuch"}).text, "ERR Invalid command specified");
  EXPECT_EQ(keys_of({"ping", "a"}).text, "ERR The command has no key arguments");
  EXPECT_EQ(keys_of({"config", "get", "x"}).text, "ERR The command has no key arguments");
  EXPECT_EQ(keys_of({"get", "a", "b"}).text,
            "ERR Invalid number of arguments specified for command");
  EXPECT_TRUE(keys_of({}).is_error());
}

TEST(Help, ListsTheSubcommands) {
  const Reply reply = reply_of([](ReplyWriter& w) { write_help(*find_command("function"), w); });
  EXPECT_THAT(
      texts(reply),
      ElementsAre("FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
                  "FLUSH [ASYNC | SYNC]", "    Answers OK: there are no functions to delete.",
                  "HELP", "    Lists the subcommands."));
}

}  // namespace
}  // namespace kindred
