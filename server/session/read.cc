#include "server/session/read.h"

#include "protocol/command/errors.h"

namespace kindred {

StringRead read_string(Call& call, const Outcome& outcome, std::string_view* value) {
  *value = {};
  if (call.failed(outcome)) {
    return StringRead::kFailed;
  }
  const Sibling* sibling = found_sibling(outcome, call.now_ms());
  if (sibling == nullptr) {
    return StringRead::kMissing;
  }
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
  *value = sibling->value;
  value->own();
  return true;
}

}  // namespace kindred
