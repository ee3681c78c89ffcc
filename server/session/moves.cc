#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "protocol/command/errors.h"
#include "protocol/resp/number.h"
#include "server/session/handlers.h"
#include "server/session/options.h"
#include "server/session/read.h"
#include "server/session/steps.h"

// Commands that write one key by what others hold. The keys may live at different nodes, so each
// key's part is a request of its own and the whole is not atomic.

namespace kindred {

namespace {

/// Writes what the key at argument 1 holds to the one at argument 2, expiry and all.
class CopyTo : public Steps {
 public:
  explicit CopyTo(bool only_if_absent) : only_if_absent_(only_if_absent) {}

 protected:
  virtual void source_missing(Call& call) = 0;
  /// The target exists and is to be left alone.
  virtual void target_exists(Call& call) = 0;
  /// The target is written; `source` is what was read.
  virtual void copied(Call& call, const State& source) = 0;

 private:
  void begin(Call& call) final {
    Operation read = operation(call, OpKind::kRead, 1);
    read.flags = op_flag::kWantState | op_flag::kWantResolved;
    ask_one(call, read, [this](Call& answered, std::vector<Outcome>& outcomes) {
      write(answered, outcomes.front());
    });
  }

  void write(Call& call, Outcome& read) {
    if (call.failed(read)) {
      return;
    }
    const Sibling* found = found_sibling(read, call.now_ms());
    if (found == nullptr) {
      source_missing(call);
      return;
    }
    if (found->type != kTypeString) {
      call.error(error_text::kWrongType);
      return;
    }
    const bool is_resolved = read.has_value;
    const Value resolved = std::move(read.value);
    source_ = std::move(read.state);
    found = winner(source_, call.now_ms());
    if (found == nullptr) {  // it expired just now
      source_missing(call);
      return;
    }
    Operation write = operation(call, only_if_absent_ ? OpKind::kModify : OpKind::kSet, 2);
    write.modification = only_if_absent_ ? Modification::kSet : Modification::kNone;
    write.flags = only_if_absent_ ? op_flag::kIfAbsent : uint16_t{0};
    write.value = is_resolved ? resolved : found->value;
    write.expire_at_ms = found->expire_at_ms;
    ask_one(call, write, [this](Call& answered, std::vector<Outcome>& outcomes) {
      if (any_failed(answered, outcomes, false)) {
        return;
      }
      if (only_if_absent_ && !outcomes.front().applied) {
        target_exists(answered);
        return;
      }
      copied(answered, source_);
    });
  }

  bool only_if_absent_;
  State source_;
};

class CopyKey final : public CopyTo {
 public:
  using CopyTo::CopyTo;

 private:
  void source_missing(Call& call) override { call.reply().integer(0); }
  void target_exists(Call& call) override { call.reply().integer(0); }
  void copied(Call& call, const State&) override { call.reply().integer(1); }
};

/// The old name goes with exactly the versions that were read: what another client writes under it
/// meanwhile stays.
class Rename final : public CopyTo {
 public:
  explicit Rename(bool only_if_absent) : CopyTo(only_if_absent), tells_number_(only_if_absent) {}

 private:
  void source_missing(Call& call) override { call.error(error_text::kNoSuchKey); }
  void target_exists(Call& call) override { call.reply().integer(0); }
  void copied(Call& call, const State& source) override {
    Operation remove = operation(call, OpKind::kRemove, 1);
    remove.context = context_of_read(source);
    ask_one(call, remove, [this](Call& answered, std::vector<Outcome>& outcomes) {
      if (any_failed(answered, outcomes, true)) {
        return;
      }
      if (tells_number_) {
        answered.reply().integer(1);
      } else {
        answered.reply().ok();
      }
    });
  }

  bool tells_number_;
};

/// RENAME of a key to itself: whether it exists is all that counts.
void rename_to_itself(Call& call, bool tells_number) {
  read_then(call, 1, [tells_number](Call& answered, Outcome& outcome) {
    if (answered.failed(outcome)) {
      return;
    }
    if (found_sibling(outcome, answered.now_ms()) == nullptr) {
      answered.error(error_text::kNoSuchKey);
    } else if (tells_number) {
      answered.reply().integer(0);
    } else {
      answered.reply().ok();
    }
  });
}

/// Looks whether any key exists, then sets each only if it is absent. Where one appears in between,
/// the versions that were written are removed again.
class SetManyIfAbsent final : public Steps {
 private:
  void begin(Call& call) override {
    choose_arguments();
    std::vector<Operation> reads;
    for (const size_t index : keys_) {
      reads.push_back(operation(call, OpKind::kRead, index));
    }
    ask_all(call, reads, [this](Call& answered, std::vector<Outcome>& outcomes) {
      if (any_failed(answered, outcomes, false)) {
        return;
      }
      const uint64_t now_ms = answered.now_ms();
      const bool exists = std::any_of(
          outcomes.begin(), outcomes.end(),
          [&](const Outcome& outcome) { return found_sibling(outcome, now_ms) != nullptr; });
      if (exists) {
        answered.reply().integer(0);
      } else {
        write(answered);
      }
    });
  }

  /// Of a key that comes twice the last value counts.
  void choose_arguments() {
    std::vector<std::string_view> names;
    for (size_t i = args().size() - 2; i < args().size(); i -= 2) {
      if (std::find(names.begin(), names.end(), arg(i)) == names.end()) {
        names.push_back(arg(i));
        keys_.push_back(i);
      }
      if (i == 1) {
        break;
      }
    }
  }

  void write(Call& call) {
    std::vector<Operation> writes;
    for (const size_t index : keys_) {
      Operation write = operation(call, OpKind::kModify, index);
      write.modification = Modification::kSet;
      write.flags = op_flag::kIfAbsent;
      write.value = Value::borrowed(arg(index + 1));
      writes.push_back(std::move(write));
    }
    ask_all(call, writes, [this](Call& answered, std::vector<Outcome>& outcomes) {
      const bool refused =
          std::any_of(outcomes.begin(), outcomes.end(), [](const Outcome& outcome) {
            return outcome.code == OutcomeCode::kOk && !outcome.applied;
          });
      if (refused) {
        take_back(answered, outcomes);
        return;
      }
      const bool some_written = outcomes.size() > 1;
      if (!any_failed(answered, outcomes, some_written)) {
        answered.reply().integer(1);
      }
    });
  }

  void take_back(Call& call, const std::vector<Outcome>& written) {
    std::vector<Operation> removals;
    for (size_t i = 0; i < written.size(); ++i) {
      if (written[i].dot.is_zero()) {
        continue;
      }
      Operation removal = operation(call, OpKind::kRemove, keys_[i]);
      removal.context.covered.add_dot(written[i].dot);
      removals.push_back(std::move(removal));
    }
    if (removals.empty()) {
      call.reply().integer(0);
      return;
    }
    ask_all(call, removals, [](Call& answered, std::vector<Outcome>& outcomes) {
      if (!any_failed(answered, outcomes, true)) {
        answered.reply().integer(0);
      }
    });
  }

  std::vector<size_t> keys_;  // arguments
};

}  // namespace

void run_rename(Call& call) {
  const bool only_if_absent = call.spec().id == CommandId::kRenamenx;
  if (call.arg(1) == call.arg(2)) {
    rename_to_itself(call, only_if_absent);
    return;
  }
  call.start(std::make_unique<Rename>(only_if_absent));
}

void run_copy(Call& call) {
  bool replace = false;
  for (size_t i = 3; i < call.arg_count(); ++i) {
    if (is_word(call.arg(i), "replace")) {
      replace = true;
    } else if (is_word(call.arg(i), "db") && i + 1 < call.arg_count()) {
      const auto index = integer_argument(call, i + 1);
      if (!index) {
        return;
      }
      if (*index != 0) {
        call.error(error_text::kDbIndexOutOfRange);
        return;
      }
      ++i;
    } else {
      call.error(error_text::kSyntax);
      return;
    }
  }
  if (call.arg(1) == call.arg(2)) {
    call.error("ERR source and destination objects are the same");
    return;
  }
  call.start(std::make_unique<CopyKey>(!replace));
}

void run_msetnx(Call& call) {
  if (call.arg_count() % 2 == 0) {
    call.error(arity_error(call.spec()));
    return;
  }
  if (call.arg_count() / 2 > kPartsMax) {
    call.error("ERR MSETNX takes at most " + std::to_string(kPartsMax) + " keys");
    return;
  }
  call.start(std::make_unique<SetManyIfAbsent>());
}

}  // namespace kindred
