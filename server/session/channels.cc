#include "server/session/channels.h"

#include <algorithm>
#include <functional>

namespace kindred {

bool ListenedNames::remove(ListenKind kind, std::string_view name) {
  Names& names = names_[static_cast<size_t>(kind)];
  const auto found = names.find(name);
  if (found == names.end()) {
    return false;
  }
  names.erase(found);
  return true;
}

bool ListenedNames::empty() const {
  return std::all_of(names_.begin(), names_.end(),
                     [](const Names& names) { return names.empty(); });
}

void Channels::add(ListenKind kind, std::string_view name, SessionId listener) {
  Listeners& listeners = by_name_[static_cast<size_t>(kind)];
  auto found = listeners.find(name);
  if (found == listeners.end()) {
    found = listeners.emplace(name, std::vector<SessionId>()).first;
  }
  found->second.push_back(listener);
}

void Channels::remove(ListenKind kind, std::string_view name, SessionId listener) {
  Listeners& listeners = by_name_[static_cast<size_t>(kind)];
  const auto found = listeners.find(name);
  if (found == listeners.end()) {
    return;
  }
  std::erase(found->second, listener);
  if (found->second.empty()) {
    listeners.erase(found);
  }
}

std::vector<uint64_t> Channels::name_hashes(ListenKind kind) const {
  std::vector<uint64_t> hashes;
  hashes.reserve(count(kind));
  for_each(kind, [&](const std::string& name, const auto&) {
    hashes.push_back(std::hash<std::string>()(name));
  });
  std::sort(hashes.begin(), hashes.end());
  return hashes;
}

const std::vector<SessionId>* Channels::listeners(ListenKind kind, std::string_view name) const {
  const auto found = of(kind).find(name);
  return found != of(kind).end() ? &found->second : nullptr;
}

}  // namespace kindred
