#include "server/session/gather.h"

#include <utility>

#include "protocol/record/key.h"
#include "server/session/outcome_text.h"

namespace kindred {

void Gather::start(Call& call) {
  args_ = call.args();
  total_ = (args_.size() - first_ + step_ - 1) / step_;
  begin(call);
  ask_next(call);
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
    Operation operation;
    operation.key = make_key(args_[index], call.hub().partition_count());
    prepare(index, &operation);
    if (!call.may_ask(operation)) {
      return false;
    }
    held_.push_back({call.hub().access_of(operation), KeyConflicts::bucket_of(operation.key.hash)});
    const auto part = static_cast<uint32_t>(asked_ - round_begin_);
    ++asked_;
    call.ask(operation, part);
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
  some_written_ |= outcome.code == OutcomeCode::kOk || outcome.code == OutcomeCode::kNoQuorumWrite;
  if (outcome.code == OutcomeCode::kOk || takes_errors()) {
    take(call, round_begin_ + part, outcome);
  } else if (failure_.code == OutcomeCode::kOk) {
    failure_ = std::move(outcome);
  }
  ask_next(call);
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
