#include "protocol/command/introspection.h"

#include <algorithm>
#include <string>
#include <vector>

#include "protocol/command/command_table.h"
#include "protocol/command/errors.h"
#include "protocol/command/syntax.h"
#include "protocol/resp/ascii.h"
#include "protocol/resp/glob.h"

namespace kindred {

namespace {

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

// A set of the names of the members that `members` has.
template <typename Enum>
void write_names(BitSet<Enum> members, std::string_view prefix, ReplyWriter& writer) {
  std::vector<std::string> names;
  for (size_t i = 0; i < static_cast<size_t>(Enum::kCount); ++i) {
    const auto value = static_cast<Enum>(i);
    if (members.has(value)) {
      names.push_back(std::string(prefix) + std::string(name_of(value)));
    }
  }
  writer.set(names.size());
  for (const std::string& name : names) {
    writer.simple_string(name);
  }
}

void write_key_spec(int first, int last, int step, KeyFlags flags, ReplyWriter& writer) {
  writer.map(3);
  writer.bulk("flags");
  write_names(flags, "", writer);
  writer.bulk("begin_search");
  writer.map(2);
  writer.bulk("type");
  writer.bulk("index");
  writer.bulk("spec");
  writer.map(1);
  writer.bulk("index");
  writer.integer(first);
  writer.bulk("find_keys");
  writer.map(2);
  writer.bulk("type");
  writer.bulk("range");
  writer.bulk("spec");
  writer.map(3);
  writer.bulk("lastkey");
  // Here relative to the first key, unlike in the reply's own field.
  writer.integer(last < 0 ? last : last - first);
  writer.bulk("keystep");
  writer.integer(step);
  writer.bulk("limit");
  writer.integer(0);
}

void write_key_specs(const KeyPositions& keys, ReplyWriter& writer) {
  if (keys.first == 0) {
    writer.set(0);
    return;
  }
  if (keys.rest.empty()) {
    writer.set(1);
    write_key_spec(keys.first, keys.last, keys.step, keys.flags, writer);
    return;
  }
  writer.set(2);
  write_key_spec(keys.first, keys.first, keys.step, keys.flags, writer);
  write_key_spec(keys.first + keys.step, keys.last, keys.step, keys.rest, writer);
}

void write_info(const CommandSpec& spec, ReplyWriter& writer) {
  writer.array(10);
  writer.bulk(spec.name);
  writer.integer(spec.arity);
  write_names(spec.flags, "", writer);
  writer.integer(spec.keys.first);
  writer.integer(spec.keys.last);
  writer.integer(spec.keys.step);
  write_names(acl_categories(spec), "@", writer);
  const std::vector<std::string_view> tips = split_words(spec.tips);
  writer.set(tips.size());
  for (const std::string_view tip : tips) {
    writer.bulk(tip);
  }
  write_key_specs(spec.keys, writer);
  writer.set(spec.subcommands.size());
  for (const CommandSpec& subcommand : spec.subcommands) {
    write_info(subcommand, writer);
  }
}

void write_pair(std::string_view field, std::string_view value, ReplyWriter& writer) {
  writer.bulk(field);
  writer.bulk(value);
}

void write_arguments(const std::vector<SyntaxArgument>& arguments, ReplyWriter& writer);

void write_argument(const SyntaxArgument& argument, ReplyWriter& writer) {
  const bool is_key = argument.type == SyntaxArgument::Type::kKey;
  const bool has_flags = argument.optional || argument.multiple;
  writer.map(2 + (is_key ? 1 : 0) + (argument.token.empty() ? 0 : 1) + (has_flags ? 1 : 0) +
             (argument.children.empty() ? 0 : 1));
  write_pair("name", argument.name, writer);
  write_pair("type", name_of(argument.type), writer);
  if (is_key) {
    writer.bulk("key_spec_index");
    writer.integer(0);
  }
  if (!argument.token.empty()) {
    write_pair("token", argument.token, writer);
  }
  if (has_flags) {
    writer.bulk("flags");
    writer.set((argument.optional ? 1 : 0) + (argument.multiple ? 1 : 0));
    if (argument.optional) {
      writer.simple_string("optional");
    }
    if (argument.multiple) {
      writer.simple_string("multiple");
    }
  }
  if (!argument.children.empty()) {
    writer.bulk("arguments");
    write_arguments(argument.children, writer);
  }
}

void write_arguments(const std::vector<SyntaxArgument>& arguments, ReplyWriter& writer) {
  writer.array(arguments.size());
  for (const SyntaxArgument& argument : arguments) {
    write_argument(argument, writer);
  }
}

void write_docs(const CommandSpec& spec, ReplyWriter& writer) {
  const bool deprecated = !spec.deprecated_since.empty();
  const std::vector<SyntaxArgument> arguments = parse_syntax(spec.syntax);
  writer.bulk(spec.name);
  writer.map(4 + (deprecated ? 3 : 0) + (arguments.empty() ? 0 : 1) +
             (spec.is_container() ? 1 : 0));
  write_pair("summary", spec.summary, writer);
  write_pair("since", spec.since, writer);
  write_pair("group", spec.group, writer);
  write_pair("complexity", spec.complexity, writer);
  if (deprecated) {
    writer.bulk("doc_flags");
    writer.set(1);
    writer.simple_string("deprecated");
    write_pair("deprecated_since", spec.deprecated_since, writer);
    write_pair("replaced_by", spec.replaced_by, writer);
  }
  if (!arguments.empty()) {
    writer.bulk("arguments");
    write_arguments(arguments, writer);
  }
  if (spec.is_container()) {
    writer.bulk("subcommands");
    writer.map(spec.subcommands.size());
    for (const CommandSpec& subcommand : spec.subcommands) {
      write_docs(subcommand, writer);
    }
  }
}

enum class Filter { kNone, kModule, kCategory, kPattern };

bool passes(const CommandSpec& spec, Filter filter, std::string_view value) {
  switch (filter) {
    case Filter::kNone:
      return true;
    case Filter::kModule:
      return false;
    case Filter::kPattern:
      return glob_match(value, spec.name, GlobCase::kInsensitive);
    case Filter::kCategory:
      break;
  }
  const AclCategories categories = acl_categories(spec);
  for (size_t i = 0; i < static_cast<size_t>(AclCategory::kCount); ++i) {
    const auto category = static_cast<AclCategory>(i);
    if (categories.has(category) && equals_ignoring_case(name_of(category), value)) {
      return true;
    }
  }
  return false;
}

bool read_filter(std::span<const std::string_view> args, Filter& filter) {
  if (args.empty()) {
    filter = Filter::kNone;
    return true;
  }
  if (args.size() != 3 || !equals_ignoring_case(args[0], "FILTERBY")) {
    return false;
  }
  const std::string kind = upper_case(args[1]);
  filter = kind == "MODULE"    ? Filter::kModule
           : kind == "ACLCAT"  ? Filter::kCategory
           : kind == "PATTERN" ? Filter::kPattern
                               : Filter::kNone;
  return filter != Filter::kNone;
}

// The command or subcommand that a whole request names; null if none.
const CommandSpec* find_requested(std::span<const std::string_view> request) {
  const CommandSpec* const spec = request.empty() ? nullptr : find_command(request[0]);
  if (spec == nullptr || !spec->is_container() || request.size() < 2) {
    return spec;
  }
  return find_subcommand(*spec, request[1]);
}

}  // namespace

void write_command_table(ReplyWriter& writer) {
  writer.array(all_commands().size());
  for (const CommandSpec* spec : all_commands()) {
    write_info(*spec, writer);
  }
}

void write_command_count(ReplyWriter& writer) {
  writer.integer(static_cast<int64_t>(all_commands().size()));
}

void write_command_info(std::span<const std::string_view> names, ReplyWriter& writer) {
  if (names.empty()) {
    write_command_table(writer);
    return;
  }
  writer.array(names.size());
  for (const std::string_view name : names) {
    const CommandSpec* const spec = find_command_by_full_name(name);
    if (spec == nullptr) {
      writer.null();
    } else {
      write_info(*spec, writer);
    }
  }
}

void write_command_docs(std::span<const std::string_view> names, ReplyWriter& writer) {
  std::vector<const CommandSpec*> specs;
  for (const std::string_view name : names) {
    const CommandSpec* const spec = find_command_by_full_name(name);
    if (spec != nullptr) {
      specs.push_back(spec);
    }
  }
  if (names.empty()) {
    specs.assign(all_commands().begin(), all_commands().end());
  }
  writer.map(specs.size());
  for (const CommandSpec* spec : specs) {
    write_docs(*spec, writer);
  }
}

void write_command_list(std::span<const std::string_view> args, ReplyWriter& writer) {
  Filter filter = Filter::kNone;
  if (!read_filter(args, filter)) {
    writer.error(error_text::kSyntax);
    return;
  }
  const std::string_view value = filter == Filter::kNone ? std::string_view() : args[2];
  std::vector<std::string_view> names;
  for (const CommandSpec* spec : all_commands()) {
    if (passes(*spec, filter, value)) {
      names.push_back(spec->name);
    }
    for (const CommandSpec& subcommand : spec->subcommands) {
      if (passes(subcommand, filter, value)) {
        names.push_back(subcommand.name);
      }
    }
  }
  writer.array(names.size());
  for (const std::string_view name : names) {
    writer.bulk(name);
  }
}

namespace {

// Writes how many keys a whole request has; null, with the error written, where that can't be told.
const CommandSpec* begin_keys(std::span<const std::string_view> args, ReplyWriter& writer) {
  const CommandSpec* const spec = find_requested(args);
  if (spec == nullptr) {
    writer.error(error_text::kInvalidCommand);
    return nullptr;
  }
  if (spec->keys.first == 0) {
    writer.error(error_text::kNoKeyArguments);
    return nullptr;
  }
  if (!spec->accepts_arg_count(args.size())) {
    writer.error(error_text::kInvalidArgCount);
    return nullptr;
  }
  size_t count = 0;
  for_each_key(*spec, args.size(), [&](size_t) { ++count; });
  writer.array(count);
  return spec;
}

}  // namespace

void write_command_getkeys(std::span<const std::string_view> args, ReplyWriter& writer) {
  if (const CommandSpec* const spec = begin_keys(args, writer)) {
    for_each_key(*spec, args.size(), [&](size_t index) { writer.bulk(args[index]); });
  }
}

void write_command_getkeysandflags(std::span<const std::string_view> args, ReplyWriter& writer) {
  const CommandSpec* const spec = begin_keys(args, writer);
  if (spec == nullptr) {
    return;
  }
  for_each_key(*spec, args.size(), [&](size_t index) {
    const bool is_first = index == static_cast<size_t>(spec->keys.first);
    writer.array(2);
    writer.bulk(args[index]);
    write_names(is_first || spec->keys.rest.empty() ? spec->keys.flags : spec->keys.rest, "",
                writer);
  });
}

void write_help(const CommandSpec& container, ReplyWriter& writer) {
  writer.array(1 + 2 * container.subcommands.size());
  writer.simple_string(upper_case(container.name) +
                       " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const CommandSpec& subcommand : container.subcommands) {
    std::string line = upper_case(short_name(subcommand));
    if (!subcommand.syntax.empty()) {
      line += " " + std::string(subcommand.syntax);
    }
    writer.simple_string(line);
    writer.simple_string("    " + std::string(subcommand.summary));
  }
}

}  // namespace kindred
