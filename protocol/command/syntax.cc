#include "protocol/command/syntax.h"

#include <algorithm>
#include <utility>

#include "protocol/resp/ascii.h"

// The grammar:
//   sequence := item*
//   item     := TOKEN item-after-token? | name | '[' choice ']' | '<' choice '>'
//   choice   := sequence ('|' sequence)*
// A bracket that repeats what stands before it and ends in '...' makes that multiple; one that ends
// in '...' otherwise is optional and multiple itself. A token takes the names that follow it in its
// own sequence as its values: brackets of their own keep options apart.

namespace kindred {

namespace {

using Arguments = std::vector<SyntaxArgument>;
using Type = SyntaxArgument::Type;

bool is_token(std::string_view word) {
  return std::all_of(word.begin(), word.end(),
                     [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; });
}

Type type_of_value(std::string_view name) {
  constexpr std::string_view kIntegers[] = {"seconds", "milliseconds", "count",     "cursor",
                                            "index",   "start",        "end",       "offset",
                                            "slot",    "numreplicas",  "timeout",   "protover",
                                            "copies",  "increment",    "decrement", "client-id"};
  constexpr std::string_view kKeys[] = {"key",     "key1",   "key2",       "newkey",
                                        "destkey", "source", "destination"};
  if (std::find(std::begin(kKeys), std::end(kKeys), name) != std::end(kKeys)) {
    return Type::kKey;
  }
  if (name == "pattern") {
    return Type::kPattern;
  }
  if (name == "float-increment") {
    return Type::kDouble;
  }
  if (name.starts_with("unix-time-")) {
    return Type::kUnixTime;
  }
  const bool is_integer =
      std::find(std::begin(kIntegers), std::end(kIntegers), name) != std::end(kIntegers);
  return is_integer ? Type::kInteger : Type::kString;
}

std::string joined_names(const Arguments& arguments) {
  std::string names;
  for (const SyntaxArgument& argument : arguments) {
    names += (names.empty() ? "" : "_") + argument.name;
  }
  return names;
}

SyntaxArgument group(Type type, Arguments children) {
  SyntaxArgument argument;
  argument.name = joined_names(children);
  argument.type = type;
  argument.children = std::move(children);
  return argument;
}

// One argument out of a sequence of them.
SyntaxArgument as_one(Arguments sequence) {
  return sequence.size() == 1 ? std::move(sequence.front())
                              : group(Type::kBlock, std::move(sequence));
}

class SyntaxParser {
 public:
  explicit SyntaxParser(std::string_view text) : text_(text) { advance(); }

  Arguments parse_sequence() {
    Arguments sequence;
    while (!word_.empty() && word_ != "|" && word_ != "]" && word_ != ">" && word_ != "...") {
      if (word_ == "[") {
        parse_optional(sequence);
      } else if (word_ == "<") {
        sequence.push_back(parse_choice(">"));
      } else {
        sequence.push_back(is_token(word_) ? parse_token() : parse_value());
      }
    }
    return sequence;
  }

  bool read_all() const { return word_.empty() && !failed_; }

 private:
  void advance() {
    text_.remove_prefix(std::min(text_.find_first_not_of(' '), text_.size()));
    size_t size = std::min(text_.find_first_of(" []<>|"), text_.size());
    size = size == 0 && !text_.empty() ? 1 : size;
    word_ = text_.substr(0, size);
    text_.remove_prefix(size);
  }

  SyntaxArgument parse_value() {
    SyntaxArgument argument;
    argument.name = word_;
    argument.type = type_of_value(word_);
    advance();
    return argument;
  }

  SyntaxArgument parse_token() {
    const std::string token(word_);
    advance();
    Arguments values;
    if (word_ == "<") {
      values.push_back(parse_choice(">"));
    } else {
      while (!word_.empty() && std::string_view("[]<>|").find(word_) == std::string_view::npos &&
             word_ != "..." && !is_token(word_)) {
        values.push_back(parse_value());
      }
      if (word_ == "[" && !values.empty() && repeats(values)) {
        parse_optional(values);
      }
    }
    if (values.empty()) {
      SyntaxArgument pure;
      pure.name = lower_case(token);
      pure.type = Type::kPureToken;
      pure.token = token;
      return pure;
    }
    const bool repeated = values.back().multiple;
    // The token stands once before values that are repeated, so it belongs to a block around them.
    SyntaxArgument argument =
        repeated ? group(Type::kBlock, std::move(values)) : as_one(std::move(values));
    argument.token = token;
    return argument;
  }

  // Whether the bracket at hand holds `arguments` again, followed by '...'.
  bool repeats(const Arguments& arguments) const {
    SyntaxParser ahead(*this);
    ahead.advance();
    return ahead.parse_sequence() == arguments && ahead.word_ == "...";
  }

  // At '['. Appends to the sequence, or makes its end multiple.
  void parse_optional(Arguments& sequence) {
    for (size_t size = 1; size <= sequence.size(); ++size) {
      const auto start = sequence.end() - static_cast<std::ptrdiff_t>(size);
      Arguments tail(start, sequence.end());
      if (!repeats(tail)) {
        continue;
      }
      sequence.erase(start, sequence.end());
      sequence.push_back(as_one(std::move(tail)));
      sequence.back().multiple = true;
      (void)parse_choice("]");
      return;
    }
    sequence.push_back(parse_choice("]"));
    sequence.back().optional = true;
  }

  // At '[' or '<'; moves behind `closing`.
  SyntaxArgument parse_choice(std::string_view closing) {
    Arguments alternatives;
    bool multiple = false;
    do {
      advance();
      alternatives.push_back(as_one(parse_sequence()));
      if (word_ == "...") {
        multiple = true;
        advance();
      }
    } while (word_ == "|");
    failed_ |= word_ != closing;
    advance();
    SyntaxArgument argument = alternatives.size() == 1
                                  ? std::move(alternatives.front())
                                  : group(Type::kOneof, std::move(alternatives));
    argument.multiple |= multiple;
    return argument;
  }

  std::string_view text_;
  std::string_view word_;
  bool failed_ = false;
};

}  // namespace

std::string_view name_of(SyntaxArgument::Type type) {
  switch (type) {
    case Type::kString:
      return "string";
    case Type::kInteger:
      return "integer";
    case Type::kDouble:
      return "double";
    case Type::kKey:
      return "key";
    case Type::kPattern:
      return "pattern";
    case Type::kUnixTime:
      return "unix-time";
    case Type::kPureToken:
      return "pure-token";
    case Type::kOneof:
      return "oneof";
    case Type::kBlock:
      return "block";
  }
  return "";
}

std::vector<SyntaxArgument> parse_syntax(std::string_view syntax) {
  return SyntaxParser(syntax).parse_sequence();
}

bool is_valid_syntax(std::string_view syntax) {
  SyntaxParser parser(syntax);
  (void)parser.parse_sequence();
  return parser.read_all();
}

}  // namespace kindred
