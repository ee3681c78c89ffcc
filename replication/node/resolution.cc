#include "replication/node/resolution.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "replication/causal/bug_bank.h"
#include "replication/mutation/mutation.h"

namespace kindred {

Resolution::Resolution(const State& state, const Keyspace* keyspace, const KeyRef& key,
                       uint64_t now_ms, ShardPorts& ports)
    : shown_(winner(state, now_ms)), living_(shown_ == nullptr ? 0 : 1) {
  if (state.siblings.size() < 2) {
    return;
  }
  living_ = static_cast<size_t>(
      std::count_if(state.siblings.begin(), state.siblings.end(),
                    [now_ms](const Sibling& sibling) { return !sibling.expired(now_ms); }));
  if (living_ > 1 && keyspace != nullptr && keyspace->resolver != kResolverLww) {
    resolve(state, *keyspace, key, now_ms, ports);
  }
}

void Resolution::resolve(const State& state, const Keyspace& keyspace, const KeyRef& key,
                         uint64_t now_ms, ShardPorts& ports) {
  std::vector<std::string_view> values;
  bool are_strings = true;
  uint64_t expire_at_ms = 1;
  for (const Sibling& sibling : state.siblings) {
    if (sibling.expired(now_ms)) {
      continue;
    }
    values.push_back(sibling.value.bytes());
    are_strings &= sibling.type == kTypeString;
    const bool is_for_ever = sibling.expire_at_ms == 0 || expire_at_ms == 0;
    expire_at_ms = is_for_ever ? 0 : std::max(expire_at_ms, sibling.expire_at_ms);
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  if (values.size() == 1 && are_strings) {
    return;
  }
  std::string resolved;
  if (!are_strings || keyspace.resolver == kResolverSiblings ||
      !ports.resolve(keyspace.resolver, key, values, &resolved)) {
    is_open_ = true;
    return;
  }
  made_.dot = shown_->dot;
  made_.expire_at_ms = expire_at_ms;  // what is made of them lives as long as the last of them
  made_.value = Value::copied(resolved);
  if (KINDRED_BUG(resolver_ignored)) {
    return;
  }
  shown_ = &made_;
}

}  // namespace kindred
