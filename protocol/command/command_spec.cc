#include "protocol/command/command_spec.h"

#include <array>

namespace kindred {

namespace {

template <typename Enum>
using Names = std::array<std::string_view, static_cast<size_t>(Enum::kCount)>;

constexpr Names<CommandFlag> kFlagNames = {
    "write", "readonly",     "denyoom", "admin",   "pubsub",           "noscript", "loading",
    "stale", "skip_slowlog", "fast",    "no_auth", "no_async_loading", "no_multi", "allow_busy"};
constexpr Names<AclCategory> kCategoryNames = {
    "keyspace", "read",   "write",       "set",       "sortedset",  "list",        "hash",
    "string",   "bitmap", "hyperloglog", "geo",       "stream",     "pubsub",      "admin",
    "fast",     "slow",   "blocking",    "dangerous", "connection", "transaction", "scripting"};
constexpr Names<KeyFlag> kKeyFlagNames = {
    "RO", "RW", "OW", "RM", "access", "update", "insert", "delete", "variable_flags", "not_key"};

}  // namespace

std::string_view name_of(CommandFlag flag) {
  return kFlagNames[static_cast<size_t>(flag)];
}
std::string_view name_of(AclCategory category) {
  return kCategoryNames[static_cast<size_t>(category)];
}
std::string_view name_of(KeyFlag flag) {
  return kKeyFlagNames[static_cast<size_t>(flag)];
}

AclCategories acl_categories(const CommandSpec& spec) {
  AclCategories categories = spec.categories;
  if (spec.has(CommandFlag::kWrite)) {
    categories.add(AclCategory::kWrite);
  }
  if (spec.has(CommandFlag::kReadonly)) {
    categories.add(AclCategory::kRead);
  }
  if (spec.has(CommandFlag::kAdmin)) {
    categories.add(AclCategory::kAdmin);
    categories.add(AclCategory::kDangerous);
  }
  categories.add(spec.has(CommandFlag::kFast) ? AclCategory::kFast : AclCategory::kSlow);
  return categories;
}

}  // namespace kindred
