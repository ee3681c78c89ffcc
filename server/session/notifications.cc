#include "server/session/notifications.h"

#include <utility>

#include "protocol/command/keyspace_events.h"

namespace kindred {

namespace {

struct Event {
  std::string_view name;
  uint32_t event_class = event_class::kString;
};

Event of_modification(const Operation& operation, uint64_t now_ms) {
  switch (operation.modification) {
    case Modification::kSet:
      return {"set"};
    case Modification::kDelete:
    case Modification::kGetDelete:
      return {"del", event_class::kGeneric};
    case Modification::kAppend:
      return {"append"};
    case Modification::kSetRange:
      return {"setrange"};
    case Modification::kIncrement:
      return {"incrby"};
    case Modification::kIncrementByFloat:
      return {"incrbyfloat"};
    case Modification::kExpire:
      return {operation.expire_at_ms <= now_ms ? std::string_view("del") : "expire",
              event_class::kGeneric};
    case Modification::kPersist:
      return {"persist", event_class::kGeneric};
    case Modification::kBitfield:
      return {"setbit"};
    case Modification::kTransaction:  // its steps are told
    case Modification::kNone:
      break;
  }
  return {};
}

/// No name: the operation writes nothing.
Event event_of(const CommandSpec& spec, const Operation& operation, uint64_t now_ms) {
  const bool deletes =
      operation.kind == OpKind::kRemove || operation.modification == Modification::kDelete;
  switch (spec.id) {
    case CommandId::kRename:
    case CommandId::kRenamenx:
      return {deletes ? std::string_view("rename_from") : "rename_to", event_class::kGeneric};
    case CommandId::kCopy:
      return {"copy_to", event_class::kGeneric};
    case CommandId::kRestore:
      return {"restore", event_class::kGeneric};
    default:
      break;
  }
  switch (operation.kind) {
    case OpKind::kSet:
      return {"set"};
    case OpKind::kPut:
      return {"dput"};
    case OpKind::kRemove:
      return {"ddel", event_class::kGeneric};
    case OpKind::kModify:
      return of_modification(operation, now_ms);
    default:
      return {};
  }
}

/// Whether the step changed something, as far as its outcome shows it.
bool has_changed(const Operation& step, const Outcome& outcome) {
  if (outcome.code != OutcomeCode::kOk) {
    return false;
  }
  switch (step.modification) {
    case Modification::kGetDelete:
      return outcome.has_value;
    case Modification::kSet:
    case Modification::kDelete:
    case Modification::kExpire:
    case Modification::kPersist:
      return outcome.applied;
    default:
      return true;
  }
}

}  // namespace

Notifications::Change Notifications::change_of(uint32_t classes, const CommandSpec& spec,
                                               const Operation& operation, uint64_t now_ms) {
  const Event event = event_of(spec, operation, now_ms);
  const bool sets_expiry = event.name == "set" && operation.expire_at_ms != 0;
  return {classes, std::string(operation.key.key), event.name, event.event_class, sets_expiry};
}

std::vector<Publication> Notifications::publications_of(const Change& change) {
  std::vector<Publication> publications;
  const auto tell = [&](std::string_view event, uint32_t its_class) {
    if ((change.classes & its_class) == 0) {
      return;
    }
    if ((change.classes & event_class::kKeyspace) != 0) {
      publications.push_back({false, "__keyspace@0__:" + change.key, std::string(event)});
    }
    if ((change.classes & event_class::kKeyevent) != 0) {
      publications.push_back({false, "__keyevent@0__:" + std::string(event), change.key});
    }
  };
  tell(change.event, change.event_class);
  if (change.sets_expiry) {
    tell("expire", event_class::kGeneric);
  }
  return publications;
}

void Notifications::asked(uint32_t classes, ClientToken token, const CommandSpec& spec,
                          const Operation& operation, uint64_t now_ms) {
  Change change = change_of(classes, spec, operation, now_ms);
  if (!change.event.empty()) {
    under_way_[token] = std::move(change);
  }
}

std::vector<Publication> Notifications::answered(ClientToken token, const Outcome& outcome) {
  const auto found = under_way_.find(token);
  if (found == under_way_.end()) {
    return {};
  }
  const Change change = std::move(found->second);
  under_way_.erase(found);
  const bool changed = outcome.code == OutcomeCode::kOk && !outcome.dot.is_zero();
  return changed ? publications_of(change) : std::vector<Publication>();
}

std::vector<Publication> Notifications::of_step(uint32_t classes, const CommandSpec& spec,
                                                const Operation& step, const Outcome& outcome,
                                                uint64_t now_ms) {
  const Change change = change_of(classes, spec, step, now_ms);
  return !change.event.empty() && has_changed(step, outcome) ? publications_of(change)
                                                             : std::vector<Publication>();
}

}  // namespace kindred
