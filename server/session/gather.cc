#include "server/session/gather.h"

#include <utility>

#include "protocol/record/key.h"
#include "server/session/outcome_text.h"

namespace kindred {

void Gather::start(Call& call) {
  args_ = call.args();
  total_ = (args_.size() - first_ + step_ - 1) / step_;
  begin(call);
  if (!take_answers(call)) {
    ask_next(call);
  }
}

bool Gather::record(Call& call) {
  args_ = call.args();
  for (size_t index = first_; index < args_.size(); index += step_) {
    if (!call.record(operation(call, index))) {
      return false;
    }
  }
  return true;
}

/// Of a transaction after WATCH, which has been carried out.
bool Gather::take_answers(Call& call) {
  for (; answered_ < total_; ++answered_) {
    Outcome* outcome = call.transaction_answer(operation(call, first_ + answered_ * step_));
    if (outcome == nullptr) {
      return false;
    }
    took(call, answered_, *outcome);
  }
  asked_ = answered_;
  ended_ = true;
  end(call);
  return true;
}

Operation Gather::operation(Call& call, size_t index) {
  Operation operation;
  operation.key = make_key(args_[index], call.hub().partitions());
  prepare(index, &operation);
  return operation;
}

/// Asks for as many as may be in flight; the next round begins when the whole last one is answered,
/// as a part's number says its place in the round alone. A key that is named twice, and whose
/// requests must not overlap, waits for its earlier one: nothing else of the connection is in the
/// way (Call::must_wait).
void Gather::ask_next(Call& call) {
  pump_.run([&] {
    if (asked_ == total_) {
      return false;
    }
    if (asked_ - round_begin_ == kPartsMax) {
      if (answered_ != asked_) {
        return false;
      }
      round_begin_ = asked_;
      held_.clear();
    }
    const size_t index = first_ + asked_ * step_;
    const Operation next = operation(call, index);
    if (!call.may_ask(next)) {
      return false;
    }
    held_.push_back({call.hub().access_of(next), KeyConflicts::bucket_of(next.key.hash)});
    const auto part = static_cast<uint32_t>(asked_ - round_begin_);
    ++asked_;
    call.ask(next, part);
    return true;
  });
  if (answered_ == total_ && !ended_) {
    ended_ = true;
    end(call);
  }
}

void Gather::operation_done(Call& call, uint32_t part, Outcome& outcome) {
  call.release_key(held_[part].access, held_[part].bucket);
  ++answered_;
  took(call, round_begin_ + part, outcome);
  ask_next(call);
}

void Gather::took(Call& call, size_t part, Outcome& outcome) {
  some_written_ |= outcome.code == OutcomeCode::kOk || outcome.code == OutcomeCode::kNoQuorumWrite;
  if (outcome.code == OutcomeCode::kOk || takes_errors()) {
    take(call, part, outcome);
  } else if (failure_.code == OutcomeCode::kOk) {
    failure_ = std::move(outcome);
  }
}

void Gather::end(Call& call) {
  if (failure_.code == OutcomeCode::kOk) {
    finish(call);
    return;
  }
  if (call.spec().has(CommandFlag::kWrite) && some_written_) {
    call.error(partial_write_error(failure_, call.hub().settings().request_timeout_ms));
    return;
  }
  static_cast<void>(call.failed(failure_));
}

}  // namespace kindred
