#include "protocol/command/key_access.h"

#include <algorithm>

#include "protocol/resp/ascii.h"

namespace kindred {

namespace {

bool has_word(std::span<const std::string_view> args, size_t from, std::string_view word) {
  return args.size() > from &&
         std::any_of(args.begin() + static_cast<std::ptrdiff_t>(from), args.end(),
                     [word](std::string_view arg) { return equals_ignoring_case(arg, word); });
}

}  // namespace

KeyFlags key_flags_of(const CommandSpec& spec, std::span<const std::string_view> args) {
  if (spec.id == CommandId::kSet && !has_word(args, 3, "get")) {
    return {KeyFlag::kOw, KeyFlag::kUpdate};
  }
  if (spec.id == CommandId::kBitfield && !has_word(args, 2, "set") &&
      !has_word(args, 2, "incrby")) {
    return {KeyFlag::kRo, KeyFlag::kAccess};
  }
  return spec.keys.flags;
}

std::optional<AclCategory> find_category(std::string_view name) {
  for (size_t i = 0; i < static_cast<size_t>(AclCategory::kCount); ++i) {
    const auto category = static_cast<AclCategory>(i);
    if (equals_ignoring_case(name, name_of(category))) {
      return category;
    }
  }
  return std::nullopt;
}

}  // namespace kindred
