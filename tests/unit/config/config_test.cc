#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "server/config/directives.h"
#include "server/config/load.h"
#include "server/config/rewrite.h"
#include "server/config/value_text.h"

namespace kindred {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string error_of_text(std::string_view text) {
  Config config;
  return apply_config_text("k.conf", text, &config);
}

std::string error_of_flags(const std::vector<std::string>& arguments) {
  return load_config(arguments).error;
}

TEST(ConfigText, ReadsTheGrammarOfRedisConf) {
  Config config;
  ASSERT_EQ(apply_config_text("k.conf",
                              "# a comment\n"
                              "\n"
                              "  PORT 7001\r\n"
                              "dir \"/data/with space\"\n"
                              "requirepass 'it''s'\n",
                              &config),
            "k.conf, line 5: unbalanced quotes");
  EXPECT_EQ(config.port, 7001);
  EXPECT_EQ(config.dir, "/data/with space");
}

TEST(ConfigText, RepeatableDirectivesAddUp) {
  Config config;
  ASSERT_EQ(apply_config_text("k.conf", "seed 127.0.0.1:17001\nseed [::1]:17002", &config), "");
  EXPECT_EQ(config.seeds, (std::vector<SeedAddress>{{"127.0.0.1", 17001}, {"::1", 17002}}));
}

TEST(ConfigText, KeyspacesAreReadAndShownInTheSameWords) {
  Config config;
  ASSERT_EQ(apply_config_text("k.conf",
                              "keyspace cart:* registers off resolver union\n"
                              "keyspace session:* R 1 ttl 60000",
                              &config),
            "");
  ASSERT_EQ(config.keyspaces.size(), 2U);
  EXPECT_EQ(config.keyspaces[0], (Keyspace{"cart:*", 0, 0, 0, false, "union", 0}));
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(matching_directives(config, {"keyspace"}),
            (Pairs{{"keyspace", "cart:* registers off resolver union, session:* r 1 ttl 60000"}}));
  EXPECT_EQ(error_of_text("keyspace a*b"),
            "k.conf, line 1: directive 'keyspace' is wrong: the pattern has a '*' that is not its "
            "last character");
  EXPECT_EQ(error_of_text("keyspace a\nkeyspace a r 1"),
            "k.conf, line 2: directive 'keyspace' names 'a' twice");
}

TEST(ConfigText, ErrorsNameFileLineAndDirective) {
  EXPECT_EQ(error_of_text("port 7001\nprot 7002\n"),
            "k.conf, line 2: unknown directive 'prot' (kindred-server --help lists them)");
  EXPECT_EQ(error_of_text("\n\nport abc"),
            "k.conf, line 3: directive 'port' must be a number from 0 to 65535, not 'abc'");
  EXPECT_EQ(error_of_text("port"), "k.conf, line 1: directive 'port' needs a value: PORT");
  EXPECT_EQ(error_of_text("port 1 2"),
            "k.conf, line 1: directive 'port' must be a number from 0 to 65535, not '1 2'");
}

struct Refusal {
  const char* line;
  const char* error;
};

TEST(ConfigText, EveryKindOfValueIsChecked) {
  const Refusal refusals[] = {
      {"port 65536", "must be a number from 0 to 65535, not '65536'"},
      {"port -1", "must be a number from 0 to 65535, not '-1'"},
      {"ring-partitions 100", "must be a power of two from 16 to 16384, not '100'"},
      {"ring-partitions 8", "must be a power of two from 16 to 16384, not '8'"},
      {"durability always", "must be one of none, async, group, not 'always'"},
      {"loglevel loud", "must be one of debug, verbose, notice, warning, not 'loud'"},
      {"seed localhost", "must be HOST:PEERPORT, not 'localhost'"},
      {"seed localhost:0", "must be HOST:PEERPORT, not 'localhost:0'"},
      {"node-name a,b", "must be up to 64 letters, digits, '.', '_' or '-', not 'a,b'"},
      {"proto-max-bulk-len 12x",
       "must be a memory size such as 512mb, at least 1048576, not '12x'"},
      {"proto-max-bulk-len 1k", "must be a memory size such as 512mb, at least 1048576, not '1k'"},
      {"client-output-buffer-limit other 0 0 0",
       "must be CLASS HARD-SIZE SOFT-SIZE SOFT-SECONDS, CLASS being normal, pubsub or replica, and "
       "more of the kind, not 'other 0 0 0'"},
      {"client-output-buffer-limit normal 1mb 1mb", "not 'normal 1mb 1mb'"},
      {"storage-engine-setting alone", "must be a name and a value"},
      {"replicas 0", "must be a number from 1 to 16, not '0'"},
  };
  for (const Refusal& refusal : refusals) {
    EXPECT_THAT(error_of_text(refusal.line), HasSubstr(refusal.error)) << refusal.line;
  }
}

TEST(ConfigText, UsersAreReadAndTheirMistakesNamed) {
  Config config;
  ASSERT_EQ(
      apply_config_text("k.conf", "user alice on >pw ~* +@all\nuser bob off (+get ~a)\n", &config),
      "");
  EXPECT_EQ(config.users,
            (std::vector<std::vector<std::string>>{{"alice", "on", ">pw", "~*", "+@all"},
                                                   {"bob", "off", "(+get", "~a)"}}));
  EXPECT_EQ(error_of_text("user alice on\nuser alice off"),
            "k.conf, line 2: directive 'user' names 'alice' twice");
  EXPECT_EQ(
      error_of_text("user alice +nocmd"),
      "k.conf, line 1: directive 'user' Error in applying operation '+nocmd': Unknown command "
      "or category name in ACL");
  EXPECT_THAT(error_of_text("user alice <pw"), Not(HasSubstr("pw")));
  EXPECT_EQ(error_of_flags({"--user", "alice", "on", "--aclfile", "f"}),
            "command line: directives 'user' and 'aclfile' can't be given together");
  for (const auto& [name, value] : matching_directives(config, {"*"})) {
    EXPECT_NE(name, "user");
    EXPECT_THAT(value, Not(HasSubstr(">pw")));
  }
}

TEST(CommandLine, FlagsWinOverTheFile) {
  const auto file = std::filesystem::path(testing::TempDir()) / "kindred_config_test.conf";
  std::ofstream(file) << "port 7001\nseed 127.0.0.1:1\nseed 127.0.0.1:2\nmaxclients 5\n";
  const LoadedConfig loaded = load_config(
      {file.string(), "--port", "7002", "--seed", "127.0.0.1:3", "--seed", "127.0.0.1:4"});
  std::filesystem::remove(file);
  ASSERT_EQ(loaded.error, "");
  EXPECT_EQ(loaded.config.port, 7002);
  EXPECT_EQ(loaded.config.effective_peer_port(), 17002);
  EXPECT_EQ(loaded.config.maxclients, 5U);
  EXPECT_EQ(loaded.config.seeds, (std::vector<SeedAddress>{{"127.0.0.1", 3}, {"127.0.0.1", 4}}));
}

TEST(CommandLine, ErrorsAreOneLineThatNamesTheFlag) {
  EXPECT_EQ(error_of_flags({"--prot", "1"}),
            "command line, --prot: unknown directive 'prot' (kindred-server --help lists them)");
  EXPECT_EQ(error_of_flags({"--port"}),
            "command line, --port: directive 'port' needs a value: PORT");
  EXPECT_THAT(error_of_flags({"--port", "7001", "/no/such/file"}), HasSubstr("not '7001 /no/such"));
  EXPECT_EQ(error_of_flags({"/no/such/file.conf"}),
            "/no/such/file.conf: can't be read: No such file or directory");
}

TEST(CommandLine, ChecksWhatSingleDirectivesCantSee) {
  EXPECT_THAT(error_of_flags({"--bind", "0.0.0.0"}),
              HasSubstr("directive 'bind' beyond loopback ('0.0.0.0') needs a cluster-secret"));
  EXPECT_EQ(error_of_flags({"--bind", "192.0.2.7", "--tls-peers", "yes"}), "");
  EXPECT_THAT(error_of_flags({"--port", "0"}), HasSubstr("only where tls-port is not"));
  EXPECT_EQ(error_of_flags({"--port", "0", "--tls-port", "7001"}), "");
  EXPECT_THAT(error_of_flags({"--port", "7001", "--tls-port", "7001"}), HasSubstr("must differ"));
  EXPECT_EQ(error_of_flags({"--bind", "192.0.2.7", "--cluster-secret", "sixteen letters."}), "");
  EXPECT_THAT(error_of_flags({"--bind", "0.0.0.0", "--cluster-secret", "sixteen letters."}),
              HasSubstr("directive 'announce-host' must be given"));
  const std::string too_short = error_of_flags({"--cluster-secret", "hunter2"});
  EXPECT_THAT(too_short, HasSubstr("at least 16 characters"));
  EXPECT_THAT(too_short, Not(HasSubstr("hunter2")));
  EXPECT_THAT(error_of_flags({"--port", "60000"}),
              HasSubstr("directive 'peer-port' must be given"));
  EXPECT_THAT(error_of_flags({"--port", "7001", "--peer-port", "7001"}),
              HasSubstr("directive 'peer-port' must differ from port"));
  EXPECT_THAT(error_of_flags({"--replicas", "2", "--write-quorum", "3"}),
              HasSubstr("directive 'write-quorum' is 3, more than the 2 copies"));
  EXPECT_THAT(error_of_flags({"--replicas", "2", "--keyspace", "a*", "w", "3"}),
              HasSubstr("directive 'keyspace' asks for 3 copies of 'a*', more than the 2"));
  EXPECT_THAT(error_of_flags({"--port", "7001", "--admin-port", "17001"}),
              HasSubstr("directive 'admin-port' must differ from port, tls-port and peer-port"));
  EXPECT_EQ(error_of_flags({"--bind", "127.0.0.2", "--admin-port", "8080"}), "");
}

TEST(CommandLine, HelpNamesEveryDirective) {
  const std::string help = directives_help();
  for (const Directive& directive : directives()) {
    EXPECT_THAT(help, HasSubstr("--" + std::string(directive.name) + " "));
  }
}

TEST(DirectiveTable, NamesAreUniqueAndDefaultsAreTheConfigs) {
  const Config config;
  std::set<std::string_view> names;
  for (const Directive& directive : directives()) {
    EXPECT_TRUE(names.insert(directive.name).second) << directive.name;
    EXPECT_FALSE(directive.summary.empty()) << directive.name;
    if (directive.print == nullptr || directive.name == "peer-port" || directive.repeatable) {
      continue;
    }
    const std::string printed = directive.print(config);
    const auto as_size = parse_memory_size(directive.default_text);
    EXPECT_TRUE(printed == directive.default_text ||
                (as_size && printed == std::to_string(*as_size)))
        << directive.name << " prints " << printed;
  }
}

TEST(ConfigAtRuntime, SetsAllOrNone) {
  Config config;
  EXPECT_EQ(set_at_runtime(config, {{"maxclients", "7"}, {"timeout", "x"}}),
            "ERR CONFIG SET failed (possibly related to argument 'timeout') - must be a number "
            "from 0 to 2147483647, not 'x'");
  EXPECT_EQ(config.maxclients, 10000U);
  EXPECT_EQ(set_at_runtime(config, {{"maxclients", "7"}, {"TIMEOUT", "3"}}), "");
  EXPECT_EQ(config.maxclients, 7U);
  EXPECT_EQ(config.timeout_s, 3U);
}

TEST(ConfigAtRuntime, RefusesQuorumsAboveTheReplicas) {
  Config config;
  EXPECT_EQ(set_at_runtime(config, {{"write-quorum", "4"}}),
            "ERR CONFIG SET failed (possibly related to argument 'write-quorum') - is 4, more than "
            "the 3 copies that replicas says");
  EXPECT_EQ(config.write_quorum, 2U);
  EXPECT_EQ(set_at_runtime(config, {{"write-quorum", "3"}}), "");
}

TEST(ConfigAtRuntime, RefusesInRedissWords) {
  Config config;
  EXPECT_EQ(set_at_runtime(config, {{"nothing", "7"}}),
            "ERR Unknown option or number of arguments for CONFIG SET - 'nothing'");
  EXPECT_EQ(set_at_runtime(config, {{"port", "7"}}),
            "ERR CONFIG SET failed (possibly related to argument 'port') - can't set immutable "
            "config");
  EXPECT_EQ(set_at_runtime(config, {{"timeout", "1"}, {"timeout", "2"}}),
            "ERR CONFIG SET failed (possibly related to argument 'timeout') - duplicate "
            "parameter");
}

TEST(ConfigGet, MatchesGlobsAndAnswersWhatToolsAsk) {
  const Config config;
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(matching_directives(config, {"save"}), (Pairs{{"save", ""}}));
  EXPECT_EQ(matching_directives(config, {"appendonly"}), (Pairs{{"appendonly", "no"}}));
  EXPECT_EQ(matching_directives(config, {"REPLICA*"}), (Pairs{{"replicas", "3"}}));
  EXPECT_EQ(matching_directives(config, {"no-such-name"}), Pairs{});
  EXPECT_GT(matching_directives(config, {"*"}).size(), 30U);
}

TEST(ConfigText, OutputLimitsAreGivenByClass) {
  Config config;
  EXPECT_EQ(apply_config_text("f",
                              "client-output-buffer-limit normal 1mb 512kb 10\n"
                              "client-output-buffer-limit pubsub 2mb 0 0 slave 3mb 0 0\n",
                              &config),
            "");
  EXPECT_EQ(config.output_limits.normal.hard_bytes, 1U << 20);
  EXPECT_EQ(config.output_limits.normal.soft_s, 10U);
  EXPECT_EQ(matching_directives(config, {"client-output*"})[0].second,
            "normal 1048576 524288 10 slave 3145728 0 0 pubsub 2097152 0 0");
  EXPECT_EQ(set_at_runtime(config, {{"client-output-buffer-limit", "normal 0 0 0"}}), "");
  EXPECT_EQ(matching_directives(config, {"client-output*"})[0].second,
            "normal 0 0 0 slave 3145728 0 0 pubsub 2097152 0 0");
}

/// The file's text after these settings.
std::string rewritten(std::string_view text,
                      const std::vector<std::pair<std::string, std::string>>& settings) {
  Config config;
  EXPECT_EQ(apply_config_text("f", text, &config), "");
  EXPECT_EQ(set_at_runtime(config, settings), "");
  std::string result;
  EXPECT_EQ(rewrite_config("f", text, config, &result), "");
  Config again;
  EXPECT_EQ(apply_config_text("f", result, &again), "");
  EXPECT_EQ(matching_directives(again, {"*"}), matching_directives(config, {"*"}));
  return result;
}

TEST(ConfigRewrite, KeepsCommentsOrderAndWhatIsStillTrue) {
  constexpr std::string_view kText =
      "# mine\n"
      "port 7001\n"
      "\n"
      "Timeout   10 \n"
      "maxclients 100\n"
      "  # the end";
  EXPECT_EQ(rewritten(kText, {}), std::string(kText) + "\n");
  EXPECT_EQ(rewritten(kText, {{"maxclients", "100"}}), std::string(kText) + "\n");
  EXPECT_EQ(rewritten(kText, {{"timeout", "20"}}),
            "# mine\nport 7001\n\ntimeout 20\nmaxclients 100\n  # the end\n");
}

TEST(ConfigRewrite, WhatTheFileDoesNotNameGoesToItsEnd) {
  const std::string once = rewritten("port 7001\n", {{"timeout", "20"}});
  EXPECT_EQ(once, "port 7001\n# Generated by CONFIG REWRITE\ntimeout 20\n");
  EXPECT_EQ(rewritten(once, {{"maxclients", "5"}, {"timeout", "0"}}),
            "port 7001\n# Generated by CONFIG REWRITE\ntimeout 0\nmaxclients 5\n");
  EXPECT_EQ(rewritten("", {}), "");
}

TEST(ConfigRewrite, LinesOfOneDirectiveBecomeOne) {
  EXPECT_EQ(rewritten("client-output-buffer-limit normal 1 0 0\ntimeout 1\n"
                      "client-output-buffer-limit pubsub 2 0 0\n",
                      {{"client-output-buffer-limit", "normal 3 0 0"}}),
            "client-output-buffer-limit normal 3 0 0 slave 268435456 67108864 60 pubsub 2 0 0\n"
            "timeout 1\n");
}

TEST(ConfigRewrite, ValuesThatNeedItAreQuoted) {
  EXPECT_EQ(rewritten("", {{"requirepass", "a \"b\\#\n"}}),
            "# Generated by CONFIG REWRITE\nrequirepass \"a \\\"b\\\\#\\x0a\"\n");
  EXPECT_EQ(rewritten("requirepass x\n", {{"requirepass", ""}}), "requirepass \"\"\n");
}

TEST(ConfigRewrite, AFileThatBecameWrongIsLeftAlone) {
  std::string result;
  EXPECT_THAT(rewrite_config("f", "nonsense 1\n", Config(), &result),
              HasSubstr("f, line 1: unknown directive"));
}

TEST(ConfigGet, HidesThePasswordsOfEngineSettings) {
  Config config;
  ASSERT_EQ(apply_config_text("f",
                              "storage-engine-setting url redis://user:geheim@host:1/0\n"
                              "storage-engine-setting password geheim\n"
                              "storage-engine-setting cache 5\n",
                              &config),
            "");
  EXPECT_EQ(matching_directives(config, {"storage-engine-setting"})[0].second,
            "url redis://user:(redacted)@host:1/0 password (redacted) cache 5");
}

TEST(ConfigDocs, ThePageIsTheTables) {
  std::ifstream stream(KINDRED_SOURCE_DIR "/docs/configuration.md");
  std::ostringstream page;
  page << stream.rdbuf();
  EXPECT_EQ(page.str(), directives_page())
      << "write it anew: kindred-server --directives-page > docs/configuration.md";
}

TEST(ValueText, MemorySizes) {
  EXPECT_EQ(parse_memory_size("512mb"), 512ULL << 20);
  EXPECT_EQ(parse_memory_size("1GB"), 1ULL << 30);
  EXPECT_EQ(parse_memory_size("3k"), 3000U);
  EXPECT_EQ(parse_memory_size("7"), 7U);
  EXPECT_EQ(parse_memory_size("mb"), std::nullopt);
  EXPECT_EQ(parse_memory_size("99999999999999gb"), std::nullopt);
  EXPECT_EQ(parse_memory_size(""), std::nullopt);
}

}  // namespace
}  // namespace kindred
