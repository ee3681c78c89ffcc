#include "replication/mutation/transaction.h"

#include <cstring>

namespace kindred {

namespace {

// Little-endian, as they lie (bitfield.cc asserts the order).
template <typename T>
void put(std::string* out, T value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_bytes(std::string* out, std::string_view bytes) {
  put(out, static_cast<uint32_t>(bytes.size()));
  out->append(bytes);
}

/// Reads what was put; once something is missing, ok() stays false.
class Taker {
 public:
  explicit Taker(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  T take() {
    T value{};
    if (rest_.size() < sizeof value) {
      ok_ = false;
      rest_ = {};
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  std::string_view take_bytes() {
    const auto size = take<uint32_t>();
    if (rest_.size() < size) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

bool is_step(OpKind kind, Modification modification) {
  switch (kind) {
    case OpKind::kRead:
    case OpKind::kSet:
      return modification == Modification::kNone;
    case OpKind::kModify:
      return modification >= Modification::kSet && modification <= Modification::kBitfield;
    default:
      return false;
  }
}

/// What a step makes of a key that holds one value at most.
class Workspace {
 public:
  Workspace(const Sibling* old, uint64_t now_ms) : now_ms_(now_ms) {
    if (old != nullptr) {
      state_.siblings.push_back(*old);
    }
  }

  Outcome run(const Operation& step, const MutationLimits& limits) {
    if (step.kind == OpKind::kRead) {
      Outcome outcome;
      outcome.state = state_;
      return outcome;
    }
    Operation modification = step;
    if (step.kind == OpKind::kSet) {
      modification.modification = Modification::kSet;
    }
    Mutation mutation = mutate(modification, state_, value(), now_ms_, limits);
    apply(mutation);
    return std::move(mutation.outcome);
  }

  bool changed() const { return changed_; }
  const Sibling* value() const { return winner(state_, now_ms_); }

 private:
  void apply(const Mutation& mutation) {
    changed_ |= mutation.effect != Mutation::Effect::kNothing;
    switch (mutation.effect) {
      case Mutation::Effect::kNothing:
        break;
      case Mutation::Effect::kRegister: {
        Sibling written;
        written.dot = {stamp_at_ms(now_ms_), 1};  // told to nobody: the whole gets its own
        written.value = mutation.value;
        written.expire_at_ms = mutation.expire_at_ms;
        state_.siblings.assign(1, written);
        break;
      }
      case Mutation::Effect::kDelete:
        state_.siblings.clear();
        break;
      case Mutation::Effect::kKeepSiblings:
        state_.siblings.front().expire_at_ms = mutation.expire_at_ms;
        break;
    }
  }

  State state_;
  uint64_t now_ms_;
  bool changed_ = false;
};

void put_outcome(std::string* out, const Outcome& outcome) {
  const Sibling* found = outcome.state.siblings.empty() ? nullptr : &outcome.state.siblings.front();
  put(out, static_cast<uint8_t>(outcome.code));
  put(out, static_cast<uint8_t>((outcome.has_value ? 1 : 0) | (outcome.applied ? 2 : 0) |
                                (found != nullptr ? 4 : 0)));
  put(out, outcome.integer);
  put(out, found != nullptr ? found->expire_at_ms : 0);
  put(out, found != nullptr ? found->dot.stamp : Stamp{0});
  put(out, found != nullptr ? found->type : kTypeString);
  put_bytes(out, found != nullptr ? found->value.bytes() : outcome.value.bytes());
}

bool take_outcome(Taker& taker, Outcome* outcome) {
  const auto code = taker.take<uint8_t>();
  const auto flags = taker.take<uint8_t>();
  outcome->code = static_cast<OutcomeCode>(code);
  outcome->has_value = (flags & 1U) != 0;
  outcome->applied = (flags & 2U) != 0;
  outcome->integer = taker.take<int64_t>();
  Sibling found;
  found.expire_at_ms = taker.take<uint64_t>();
  found.dot = {taker.take<Stamp>(), 1};
  found.type = taker.take<uint8_t>();
  const Value value = Value::copied(taker.take_bytes());
  if ((flags & 4U) != 0) {
    found.value = value;
    outcome->state.siblings.push_back(found);
  } else {
    outcome->value = value;
  }
  return taker.ok() && flags < 8 && code <= static_cast<uint8_t>(OutcomeCode::kBadOffset);
}

}  // namespace

uint64_t witness(const State& state, uint64_t now_ms) {
  State seen;
  seen.floor = state.floor;
  for (const Sibling& sibling : state.siblings) {
    if (!sibling.expired(now_ms)) {
      Sibling bare;
      bare.dot = sibling.dot;
      seen.siblings.push_back(bare);
    }
  }
  return digest(seen);
}

std::string encode_program(const TransactionProgram& program) {
  std::string bytes;
  put(&bytes, static_cast<uint16_t>(program.keys.size()));
  for (const TransactionProgram::Key& key : program.keys) {
    put(&bytes, static_cast<uint8_t>(key.is_watched ? 1 : 0));
    put(&bytes, key.expected);
    put(&bytes, key.ref.slot);
    put(&bytes, key.ref.hash);
    put_bytes(&bytes, key.ref.key);
  }
  for (const auto& [key, step] : program.steps) {
    put(&bytes, static_cast<uint16_t>(key));
    put(&bytes, static_cast<uint8_t>(step.kind));
    put(&bytes, static_cast<uint8_t>(step.modification));
    put(&bytes, step.flags);
    put(&bytes, step.expire_at_ms);
    put(&bytes, step.integer);
    put_bytes(&bytes, step.value.bytes());
  }
  return bytes;
}

bool decode_program(std::string_view bytes, TransactionProgram* program) {
  Taker taker(bytes);
  const auto key_count = taker.take<uint16_t>();
  if (key_count == 0 || key_count > TransactionProgram::kKeysMax) {
    return false;
  }
  program->keys.resize(key_count);
  for (TransactionProgram::Key& key : program->keys) {
    key.is_watched = taker.take<uint8_t>() != 0;
    key.expected = taker.take<uint64_t>();
    key.ref.slot = taker.take<uint16_t>();
    key.ref.hash = taker.take<uint64_t>();
    key.ref.key = taker.take_bytes();
  }
  program->steps.clear();
  while (taker.ok() && !taker.at_end()) {
    const auto key = taker.take<uint16_t>();
    Operation& step = program->steps.emplace_back(TransactionProgram::Step{key, {}}).operation;
    step.kind = static_cast<OpKind>(taker.take<uint8_t>());
    step.modification = static_cast<Modification>(taker.take<uint8_t>());
    step.flags = taker.take<uint16_t>();
    step.expire_at_ms = taker.take<uint64_t>();
    step.integer = taker.take<int64_t>();
    step.value = Value::borrowed(taker.take_bytes());
    if (key >= key_count || !is_step(step.kind, step.modification)) {
      return false;
    }
  }
  return taker.ok();
}

bool decode_step_outcomes(std::string_view bytes, std::vector<Outcome>* outcomes) {
  Taker taker(bytes);
  outcomes->clear();
  while (!taker.at_end()) {
    if (!take_outcome(taker, &outcomes->emplace_back())) {
      return false;
    }
  }
  return true;
}

TransactionResult run_program(const TransactionProgram& program,
                              std::span<const TransactionInput> inputs, uint64_t now_ms,
                              const MutationLimits& limits) {
  TransactionResult result;
  result.writes.resize(program.keys.size());
  std::vector<Workspace> workspaces;
  for (size_t i = 0; i < program.keys.size(); ++i) {
    const TransactionProgram::Key& key = program.keys[i];
    if (key.is_watched && key.expected != witness(*inputs[i].state, now_ms)) {
      return result;
    }
    workspaces.emplace_back(inputs[i].old, now_ms);
  }
  std::string outcomes;
  for (const auto& [key, step] : program.steps) {
    put_outcome(&outcomes, workspaces[key].run(step, limits));
  }
  result.outcome.applied = true;
  result.outcome.has_value = true;
  result.outcome.value = Value::copied(outcomes);
  for (size_t i = 0; i < workspaces.size(); ++i) {
    if (workspaces[i].changed()) {
      const Sibling* left = workspaces[i].value();
      Mutation& write = result.writes[i];
      write.effect = left != nullptr ? Mutation::Effect::kRegister : Mutation::Effect::kDelete;
      if (left != nullptr) {
        write.value = Value::copied(left->value.bytes());
        write.expire_at_ms = left->expire_at_ms;
      }
    }
  }
  return result;
}

Mutation mutate_transaction(const Operation& operation, const State& state, const Sibling* old,
                            uint64_t now_ms, const MutationLimits& limits) {
  Mutation mutation;
  TransactionProgram program;
  if (!decode_program(operation.value.bytes(), &program) || program.keys.size() != 1) {
    mutation.outcome.code = OutcomeCode::kStorageFailed;
    return mutation;
  }
  const TransactionInput input{&state, old};
  TransactionResult result = run_program(program, {&input, 1}, now_ms, limits);
  mutation = std::move(result.writes.front());
  mutation.outcome = std::move(result.outcome);
  return mutation;
}

}  // namespace kindred
