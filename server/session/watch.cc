#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocol/command/errors.h"
#include "protocol/command/introspection.h"
#include "protocol/record/key.h"
#include "replication/mutation/transaction.h"
#include "server/session/handlers.h"
#include "server/session/steps.h"
#include "server/session/watch.h"

// WATCH, and the EXEC that follows it. The queue goes as one read-modify-write to the first healthy
// primary of its keys' partition, which carries it out if the watched ones are still as WATCH saw
// them.

namespace kindred {

namespace {

constexpr std::string_view kSeveralPartitions =
    "EXECABORT Transaction discarded: after WATCH all its keys, and the watched ones, must be of "
    "one partition; give them a hash tag";
constexpr std::string_view kSeveralLayers =
    "EXECABORT Transaction discarded: after WATCH all its keys, and the watched ones, must be of "
    "one partition; keys of a keyspace with an n of its own share none with others";

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
    watched_ = call.session().watches().take();
    std::vector<Operation> reads;
    for (const auto& [key, seen] : watched_) {
      Operation& read = reads.emplace_back();
      read.kind = OpKind::kRead;
      read.key = make_key(key, call.hub().partitions());
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

size_t place_of(const std::vector<KeyRef>& keys, std::string_view name) {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [name](const KeyRef& key) { return key.key == name; });
  return static_cast<size_t>(found - keys.begin());
}

/// EXEC of a queue on keys of one partition, the watched ones among them.
class RunTogether final : public Steps {
 public:
  explicit RunTogether(std::vector<KeyRef> keys) : keys_(std::move(keys)) {}

 private:
  void begin(Call& call) override {
    Session& session = call.session();
    watched_ = session.watches().take();
    std::vector<Operation> operations;
    if (!session.record_transaction(&operations)) {
      session.transaction().clear();
      call.error("EXECABORT Transaction discarded: a command of its can't run after WATCH");
      return;
    }
    make_program(operations);
    const std::string program = encode_program(program_);
    Operation together;
    together.kind = OpKind::kModify;
    together.modification = Modification::kTransaction;
    together.key = program_.keys.front().ref;
    key_ = together.key.key;
    together.key.key = key_;
    together.value = Value::borrowed(program);
    ask_one(call, together,
            [this](Call& answered, std::vector<Outcome>& outcomes) { tell(answered, outcomes); });
  }

  /// The key that is written last goes first: WAIT speaks of that one.
  void make_program(std::vector<Operation>& operations) {
    for (const Operation& operation : operations) {
      if (operation.kind != OpKind::kRead) {
        std::swap(keys_.front(), keys_[place_of(keys_, operation.key.key)]);
      }
    }
    for (const KeyRef& key : keys_) {
      const auto seen = std::find_if(watched_.begin(), watched_.end(),
                                     [&](const auto& one) { return one.first == key.key; });
      const bool is_watched = seen != watched_.end();
      program_.keys.push_back({key, is_watched, is_watched ? seen->second : 0});
    }
    for (Operation& operation : operations) {
      const size_t key = place_of(keys_, operation.key.key);
      program_.steps.push_back({key, std::move(operation)});
    }
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

  std::string key_;           // the operation's, which may outlive the queue
  std::vector<KeyRef> keys_;  // views of the watched ones, or of the queue
  std::vector<std::pair<std::string, uint64_t>> watched_;
  TransactionProgram program_;
};

/// What a queue touches, and what is watched: each key once.
struct KeysOfTransaction {
  std::vector<KeyRef> keys;
  bool any_queued = false;   // the queue has keys of its own
  bool whole_store = false;  // it changes what has no key
  bool one_partition = true;
  bool same_slots = true;  // the keys', but perhaps of several keyspaces
};

KeysOfTransaction keys_of(const Transaction& transaction, const Watches& watches,
                          const KeyPartitions& partitions) {
  KeysOfTransaction found;
  std::set<std::string_view> names;
  const auto add = [&](std::string_view name) {
    if (names.insert(name).second) {
      found.keys.push_back(make_key(name, partitions));
      const PartitionIndex first = found.keys.front().partition;
      const PartitionIndex last = found.keys.back().partition;
      found.one_partition &= last == first;
      found.same_slots &= partitions.first_layer(last) == partitions.first_layer(first);
    }
  };
  for (const auto& [key, seen] : watches.all()) {
    add(key);
  }
  transaction.for_each([&](const CommandSpec& spec, const std::vector<std::string>& args) {
    for_each_key(spec, args.size(), [&](size_t index) {
      found.any_queued = true;
      add(args[index]);
    });
    found.whole_store |= spec.keys.first == 0 && spec.has(CommandFlag::kWrite);
  });
  return found;
}

void refuse_transaction(Call& call, std::string_view error) {
  call.session().watches().clear();
  call.session().transaction().clear();
  call.error(error);
}

}  // namespace

void start_transaction(Call& call) {
  Transaction& transaction = call.session().transaction();
  call.reply().array(transaction.size());
  transaction.run(call.slot().suppressed);
}

void start_watched_transaction(Call& call) {
  Session& session = call.session();
  KeysOfTransaction found =
      keys_of(session.transaction(), session.watches(), call.hub().partitions());
  if (found.whole_store || (found.any_queued && !found.one_partition)) {
    refuse_transaction(
        call, found.whole_store || !found.same_slots ? kSeveralPartitions : kSeveralLayers);
  } else if (!found.any_queued) {
    call.start(std::make_unique<CheckThenRun>());
  } else if (found.keys.size() > TransactionProgram::kKeysMax) {
    refuse_transaction(call, "EXECABORT Transaction discarded: after WATCH it may use at most " +
                                 std::to_string(TransactionProgram::kKeysMax) + " keys");
  } else {
    call.start(std::make_unique<RunTogether>(std::move(found.keys)));
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
