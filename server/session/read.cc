#include "server/session/read.h"

#include <algorithm>

#include "protocol/command/errors.h"

namespace kindred {

namespace {

/// Counts a value that is told while others live beside it.
void note_conflict(Call& call, const Outcome& outcome) {
  const auto& siblings = outcome.state.siblings;
  if (siblings.size() > 1) {
    const uint64_t now_ms = call.now_ms();
    const auto living = std::count_if(siblings.begin(), siblings.end(),
                                      [&](const Sibling& one) { return !one.expired(now_ms); });
    call.hub().stats().conflicts_hidden += living > 1 ? 1 : 0;
  }
}

}  // namespace

StringRead read_string(Call& call, const Outcome& outcome, std::string_view* value) {
  *value = {};
  if (call.failed(outcome)) {
    return StringRead::kFailed;
  }
  const Sibling* sibling = found_sibling(outcome, call.now_ms());
  if (sibling == nullptr) {
    return StringRead::kMissing;
  }
  note_conflict(call, outcome);
  if (sibling->type != kTypeString) {
    call.error(error_text::kWrongType);
    return StringRead::kFailed;
  }
  *value = sibling->value.bytes();
  return StringRead::kFound;
}

bool find_string(Call& call, Outcome& outcome, Value* value) {
  const Sibling* sibling = found_sibling(outcome, call.now_ms());
  if (sibling == nullptr || sibling->type != kTypeString) {
    return false;
  }
  note_conflict(call, outcome);
  *value = sibling->value;
  value->own();
  return true;
}

}  // namespace kindred
