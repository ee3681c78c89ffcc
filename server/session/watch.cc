#include <memory>
#include <string>
#include <vector>

#include "protocol/command/errors.h"
#include "protocol/command/introspection.h"
#include "protocol/record/key.h"
#include "replication/mutation/transaction.h"
#include "server/session/handlers.h"
#include "server/session/steps.h"
#include "server/session/watch.h"

// WATCH, and the EXEC that follows it. The queue goes as one read-modify-write to the key's first
// healthy primary, which carries it out if the key is still as WATCH saw it.

namespace kindred {

namespace {

constexpr std::string_view kOneKeyOnly =
    "EXECABORT Transaction discarded: after WATCH it may use one key only, which must be the only "
    "watched one";

class Watch final : public Steps {
 private:
  void begin(Call& call) override {
    std::vector<Operation> reads;
    for (size_t i = 1; i < args().size(); ++i) {
      reads.push_back(operation(call, OpKind::kRead, i));
      reads.back().flags = op_flag::kWantState;
    }
    ask_all(call, reads, [this](Call& answered, std::vector<Outcome>& outcomes) {
      if (any_failed(answered, outcomes, false)) {
        return;
      }
      for (size_t i = 0; i < outcomes.size(); ++i) {
        answered.session().watches().add(arg(i + 1), witness(outcomes[i].state, answered.now_ms()));
      }
      answered.reply().ok();
    });
  }
};

/// EXEC of a queue that touches no key: it runs if no watched key has moved.
class CheckThenRun final : public Steps {
 private:
  void begin(Call& call) override {
    watched_ = call.session().watches().all();
    call.session().watches().clear();
    std::vector<Operation> reads;
    for (const auto& [key, seen] : watched_) {
      Operation& read = reads.emplace_back();
      read.kind = OpKind::kRead;
      read.key = make_key(key, call.hub().partition_count());
      read.flags = op_flag::kWantState;
    }
    ask_all(call, reads, [this](Call& answered, std::vector<Outcome>& outcomes) {
      Transaction& transaction = answered.session().transaction();
      if (any_failed(answered, outcomes, false)) {
        transaction.clear();
        return;
      }
      for (size_t i = 0; i < outcomes.size(); ++i) {
        if (witness(outcomes[i].state, answered.now_ms()) != watched_[i].second) {
          transaction.clear();
          answered.reply().null_array();
          return;
        }
      }
      start_transaction(answered);
    });
  }

  std::vector<std::pair<std::string, uint64_t>> watched_;
};

/// EXEC of a queue on the watched key alone.
class RunTogether final : public Steps {
 private:
  void begin(Call& call) override {
    Session& session = call.session();
    key_ = session.watches().all().front().first;
    program_.expected = session.watches().all().front().second;
    session.watches().clear();
    if (!session.record_transaction(&program_.steps)) {
      session.transaction().clear();
      call.error("EXECABORT Transaction discarded: a command of its can't run after WATCH");
      return;
    }
    const std::string program = encode_program(program_);
    Operation together;
    together.kind = OpKind::kModify;
    together.modification = Modification::kTransaction;
    together.key = make_key(key_, call.hub().partition_count());
    together.value = Value::borrowed(program);
    ask_one(call, together,
            [this](Call& answered, std::vector<Outcome>& outcomes) { tell(answered, outcomes); });
  }

  void tell(Call& call, std::vector<Outcome>& outcomes) {
    Transaction& transaction = call.session().transaction();
    std::vector<Outcome> steps;
    if (any_failed(call, outcomes, false)) {
      transaction.clear();
    } else if (!outcomes.front().applied) {
      transaction.clear();
      call.reply().null_array();
    } else if (!decode_step_outcomes(outcomes.front().value.bytes(), &steps) ||
               steps.size() != program_.steps.size()) {
      transaction.clear();
      call.error("NOQUORUM the coordinator's answer could not be read, it may still take effect");
    } else {
      transaction.set_answers(std::move(steps));
      start_transaction(call);
    }
  }

  std::string key_;
  TransactionProgram program_;
};

/// Whether all keys of the queue are that one; `any`: whether there are keys at all.
bool uses_only(const Transaction& transaction, std::string_view key, bool* any) {
  *any = false;
  bool only = true;
  transaction.for_each([&](const CommandSpec& spec, const std::vector<std::string>& args) {
    for_each_key(spec, args.size(), [&](size_t index) {
      *any = true;
      only &= args[index] == key;
    });
    // What speaks for the whole store has no key of its own.
    only &= spec.keys.first != 0 || !spec.has(CommandFlag::kWrite);
    *any |= spec.keys.first == 0 && spec.has(CommandFlag::kWrite);
  });
  return only;
}

}  // namespace

void start_transaction(Call& call) {
  Transaction& transaction = call.session().transaction();
  call.reply().array(transaction.size());
  transaction.run(call.slot().suppressed);
}

void start_watched_transaction(Call& call) {
  Session& session = call.session();
  const auto& watched = session.watches().all();
  bool any_keys = false;
  const bool only = uses_only(session.transaction(), watched.front().first, &any_keys);
  if (!any_keys) {
    call.start(std::make_unique<CheckThenRun>());
  } else if (only && watched.size() == 1) {
    call.start(std::make_unique<RunTogether>());
  } else {
    session.watches().clear();
    session.transaction().clear();
    call.error(kOneKeyOnly);
  }
}

void run_watch(Call& call) {
  if (call.session().transaction().queueing()) {
    call.error("ERR WATCH inside MULTI is not allowed");
    return;
  }
  if (call.arg_count() - 1 > kPartsMax) {
    call.error("ERR WATCH takes at most " + std::to_string(kPartsMax) + " keys");
    return;
  }
  call.start(std::make_unique<Watch>());
}

void run_unwatch(Call& call) {
  call.session().watches().clear();
  call.reply().ok();
}

}  // namespace kindred
