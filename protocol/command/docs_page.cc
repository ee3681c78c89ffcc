#include "protocol/command/docs_page.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "protocol/command/command_table.h"
#include "protocol/resp/ascii.h"

namespace kindred {

namespace {

constexpr std::string_view kMark =
    "<!-- Written by kindred-command-docs out of protocol/command; don't edit it by hand. -->\n\n";

struct Family {
  std::string_view group;
  std::string_view file;
  std::string_view heading;
  std::string_view remark;
};

constexpr Family kFamilies[] = {
    {"kindred", "versions", "Versions",
     "Kindred's own commands. A context is opaque text, bound to its key. How they go together, "
     "and\n"
     "what they answer: [versions and contexts](../versions.md)."},
    {"keyspace", "keyspaces", "Keyspaces",
     "What holds for keys by their names; see [keyspaces](../keyspaces.md)."},
    {"ring", "ring", "Ring",
     "What operators ask of the ring. Replies are arrays of maps; RESP2 shows a map as a flat "
     "array "
     "of\n"
     "fields and values. `node` is a name or host:peerport. A walk through them:\n"
     "[growing and shrinking a cluster](../operations.md)."},
    {"string", "strings", "Strings",
     "Plain writes are registers: the later one wins. Where other nodes are down or behind, see\n"
     "[consistency](../differences.md#consistency)."},
    {"bitmap", "bitmaps", "Bitmaps", "Strings, bit by bit."},
    {"generic", "keys", "Keys and expiry",
     "`SCAN`, `KEYS` and `RANDOMKEY` speak for the whole store from any node; see\n"
     "[the whole store](../differences.md#the-whole-store)."},
    {"pubsub", "messages", "Messages",
     "Messages go to the listeners at every node, at most once. A shard channel lies at no node of "
     "its\n"
     "own here."},
    {"transactions", "transactions", "Transactions",
     "Commands are queued and run in their order; see "
     "[consistency](../differences.md#consistency)."},
    {"scripting", "scripts", "Scripts", "There are none yet."},
    {"connection", "connections", "Connections", ""},
    {"server", "server", "Server", ""},
    {"cluster", "cluster", "Cluster", "Redis Cluster's view of the ring, for its clients."},
};

std::string upper_case_name(std::string_view name) {
  std::string upper = upper_case(name);
  std::replace(upper.begin(), upper.end(), '|', ' ');
  return upper;
}

// Those that can be called: a container without a form of its own only lends its name.
std::vector<const CommandSpec*> commands_of(std::string_view group) {
  std::vector<const CommandSpec*> found;
  for (const CommandSpec* spec : all_commands()) {
    if (spec->group != group) {
      continue;
    }
    // COMMAND alone is a command too; the other containers need a subcommand.
    if (!spec->is_container() || spec->accepts_arg_count(1)) {
      found.push_back(spec);
    }
    for (const CommandSpec& subcommand : spec->subcommands) {
      found.push_back(&subcommand);
    }
  }
  return found;
}

std::string categories_of(const CommandSpec& spec) {
  const AclCategories categories = acl_categories(spec);
  std::string names;
  for (int category = 0; category < static_cast<int>(AclCategory::kCount); ++category) {
    if (categories.has(static_cast<AclCategory>(category))) {
      names += " @" + std::string(name_of(static_cast<AclCategory>(category)));
    }
  }
  return names;
}

void append_command(const CommandSpec& spec, std::string& page) {
  const std::string name = upper_case_name(spec.name);
  page += "## " + name + "\n\n`" + name;
  page += spec.syntax.empty() ? "" : " " + std::string(spec.syntax);
  page += "`\n\n" + std::string(spec.summary) + "\n\nSince ";
  page += spec.group == "kindred" || spec.group == "keyspace" || spec.group == "ring" ? "Kindred "
                                                                                      : "Redis ";
  page += std::string(spec.since) + ". " + std::string(spec.complexity) + ".";
  if (!spec.deprecated_since.empty()) {
    page += " Old: use " + std::string(spec.replaced_by) + " instead.";
  }
  page += " Categories:" + categories_of(spec) + ".\n\n";
}

DocsPage page_of(const Family& family) {
  std::string page = "# " + std::string(family.heading) + "\n\n" + std::string(kMark);
  page += family.remark.empty() ? "" : std::string(family.remark) + "\n";
  page += "[All commands](../commands.md).\n\n";
  for (const CommandSpec* spec : commands_of(family.group)) {
    append_command(*spec, page);
  }
  page.pop_back();
  return {"commands/" + std::string(family.file) + ".md", std::move(page)};
}

std::string link_to(const CommandSpec& spec, const Family& family) {
  const std::string name = upper_case_name(spec.name);
  std::string anchor = lower_case(name);
  std::replace(anchor.begin(), anchor.end(), ' ', '-');
  return "[" + name + "](commands/" + std::string(family.file) + ".md#" + anchor + ")";
}

DocsPage index_page() {
  std::string page =
      "# Commands\n\n" + std::string(kMark) +
      "Every command that a node knows; any other is an unknown command. In the syntax, "
      "words in\ncapitals are typed as they are (in any case), `[...]` may be left out, "
      "`|` parts alternatives.\n\n| family | commands |\n|---|---|\n";
  for (const Family& family : kFamilies) {
    page +=
        "| [" + std::string(family.heading) + "](commands/" + std::string(family.file) + ".md) |";
    for (const CommandSpec* spec : commands_of(family.group)) {
      page += " " + link_to(*spec, family);
    }
    page += " |\n";
  }
  return {"commands.md", std::move(page)};
}

}  // namespace

std::vector<DocsPage> commands_pages() {
  std::vector<DocsPage> pages = {index_page()};
  for (const Family& family : kFamilies) {
    pages.push_back(page_of(family));
  }
  return pages;
}

}  // namespace kindred
