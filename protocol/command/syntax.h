#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kindred {

// One argument of a command, as COMMAND DOCS describes it.
struct SyntaxArgument {
  enum class Type {
    kString,
    kInteger,
    kDouble,
    kKey,
    kPattern,
    kUnixTime,
    kPureToken,
    kOneof,
    kBlock
  };

  std::string name;
  Type type = Type::kString;
  std::string token;  // the literal word before the value, if there is one
  bool optional = false;
  bool multiple = false;
  std::vector<SyntaxArgument> children;  // of kOneof and kBlock

  bool operator==(const SyntaxArgument&) const = default;
};

std::string_view name_of(SyntaxArgument::Type type);  // "pure-token"

// Reads CommandSpec::syntax. What it can't read it leaves out; the table's syntaxes are tested.
std::vector<SyntaxArgument> parse_syntax(std::string_view syntax);

// Whether all of it can be read.
bool is_valid_syntax(std::string_view syntax);

}  // namespace kindred
