#include "server/session/steps.h"

#include <memory>
#include <utility>

#include "protocol/record/key.h"
#include "server/session/outcome_text.h"

namespace kindred {

void Steps::start(Call& call) {
  args_ = call.args();
  begin(call);
}

Operation Steps::operation(Call& call, OpKind kind, size_t key_index) const {
  Operation operation;
  operation.kind = kind;
  operation.key = make_key(args_[key_index], call.hub().partitions());
  return operation;
}

void Steps::ask_all(Call& call, std::span<const Operation> operations, Next next) {
  next_ = std::move(next);
  missing_ = operations.size();
  outcomes_.clear();
  outcomes_.resize(operations.size());
  asked_.clear();
  for (const Operation& operation : operations) {
    asked_.push_back(
        {call.hub().access_of(operation), KeyConflicts::bucket_of(operation.key.hash)});
  }
  // Answers may come within the call that asks.
  asking_ = true;
  for (size_t i = 0; i < operations.size(); ++i) {
    call.ask(operations[i], static_cast<uint32_t>(i));
  }
  asking_ = false;
  if (missing_ == 0) {
    go_on(call);
  }
}

void Steps::operation_done(Call& call, uint32_t part, Outcome& outcome) {
  call.release_key(asked_[part].access, asked_[part].bucket);
  outcomes_[part] = std::move(outcome);
  outcomes_[part].value.own();
  outcomes_[part].state.own();
  --missing_;
  if (missing_ == 0 && !asking_) {
    go_on(call);
  }
}

void Steps::go_on(Call& call) {
  const Next next = std::move(next_);
  std::vector<Outcome> outcomes = std::move(outcomes_);
  next(call, outcomes);
}

bool Steps::any_failed(Call& call, std::span<const Outcome> outcomes, bool some_written) {
  for (const Outcome& outcome : outcomes) {
    if (outcome.code == OutcomeCode::kOk) {
      continue;
    }
    if (some_written) {
      call.error(partial_write_error(outcome, call.hub().settings().request_timeout_ms));
      return true;
    }
    return call.failed(outcome);
  }
  return false;
}

namespace {

class ReadThen final : public Task {
 public:
  ReadThen(size_t key_index, std::function<void(Call&, Outcome&)> tell)
      : key_index_(key_index), tell_(std::move(tell)) {}

  void start(Call& call) override {
    const Operation operation = call.operation(OpKind::kRead, key_index_);
    bucket_ = KeyConflicts::bucket_of(operation.key.hash);
    call.ask(operation, 0);
  }
  void operation_done(Call& call, uint32_t, Outcome& outcome) override {
    call.release_key(Access::kPlain, bucket_);
    tell_(call, outcome);
  }

 private:
  size_t key_index_;
  uint8_t bucket_ = 0;
  std::function<void(Call&, Outcome&)> tell_;
};

}  // namespace

void read_then(Call& call, size_t key_index, std::function<void(Call&, Outcome&)> tell) {
  if (!call.must_wait(OpKind::kRead, key_index, call.arg_count())) {
    call.start(std::make_unique<ReadThen>(key_index, std::move(tell)));
  }
}

}  // namespace kindred
