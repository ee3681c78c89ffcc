#include "protocol/command/docs_page.h"

#include <algorithm>
#include <string_view>

#include "protocol/command/command_table.h"
#include "protocol/resp/ascii.h"

namespace kindred {

namespace {

struct Group {
  std::string_view name;
  std::string_view heading;
  std::string_view remark;
};

constexpr Group kGroups[] = {
    {"kindred", "Versions", "Kindred's own commands. A context is opaque text, bound to its key."},
    {"ring", "Ring",
     "What operators ask of the ring. Replies are arrays of maps; RESP2 shows a map as a flat "
     "array of\n"
     "fields and values. `node` is a name or host:peerport."},
    {"string", "Strings", ""},
    {"bitmap", "Bitmaps", "Strings, bit by bit."},
    {"generic", "Keys and expiry", ""},
    {"pubsub", "Messages",
     "Messages go to the listeners at every node, at most once. A shard channel lies at no node of "
     "its "
     "own\nhere."},
    {"transactions", "Transactions", "Commands are queued and run in their order."},
    {"scripting", "Scripts", "There are none yet."},
    {"connection", "Connections", ""},
    {"server", "Server", ""},
    {"cluster", "Cluster", "Redis Cluster's view of the ring, for its clients."},
};

std::string upper_case_name(std::string_view name) {
  std::string upper = upper_case(name);
  std::replace(upper.begin(), upper.end(), '|', ' ');
  return upper;
}

void append_command(const CommandSpec& spec, std::string& page) {
  page += "### `" + upper_case_name(spec.name);
  page += spec.syntax.empty() ? "" : " " + std::string(spec.syntax);
  page += "`\n\n" + std::string(spec.summary) + "\n\nSince ";
  page += spec.group == "kindred" || spec.group == "ring" ? "Kindred " : "Redis ";
  page += std::string(spec.since) + ". " + std::string(spec.complexity) + ".";
  if (!spec.deprecated_since.empty()) {
    page += " Old: use " + std::string(spec.replaced_by) + " instead.";
  }
  page += "\n\n";
}

}  // namespace

std::string commands_page() {
  std::string page =
      "# Commands\n\n"
      "<!-- Written by kindred-command-docs out of protocol/command; don't edit it by hand. -->\n\n"
      "Every command that a node knows; any other is an unknown command. Words in capitals are\n"
      "typed as they are (in any case), `[...]` may be left out, `|` parts alternatives.\n\n";
  for (const Group& group : kGroups) {
    page += "## " + std::string(group.heading) + "\n\n";
    page += group.remark.empty() ? "" : std::string(group.remark) + "\n\n";
    for (const CommandSpec* spec : all_commands()) {
      if (spec->group != group.name) {
        continue;
      }
      // COMMAND alone is a command too; the other containers need a subcommand.
      if (!spec->is_container() || spec->accepts_arg_count(1)) {
        append_command(*spec, page);
      }
      for (const CommandSpec& subcommand : spec->subcommands) {
        append_command(subcommand, page);
      }
    }
  }
  page.pop_back();
  return page;
}

}  // namespace kindred
