#include "protocol/command/errors.h"
#include "server/session/handlers.h"

namespace kindred {

void run_multi(Call& call) {
  Transaction& transaction = call.session().transaction();
  if (transaction.queueing()) {
    call.error(error_text::kNestedMulti);
    return;
  }
  transaction.begin();
  call.reply().ok();
}

void run_discard(Call& call) {
  Transaction& transaction = call.session().transaction();
  if (!transaction.queueing()) {
    call.error(error_text::kDiscardWithoutMulti);
    return;
  }
  transaction.clear();
  call.reply().ok();
}

/// Writes the head of the reply; the session then runs the queue, whose replies follow.
void run_exec(Call& call) {
  Transaction& transaction = call.session().transaction();
  if (!transaction.queueing()) {
    call.error(error_text::kExecWithoutMulti);
    return;
  }
  if (transaction.broken()) {
    transaction.clear();
    call.error(error_text::kExecAbort);
    return;
  }
  call.reply().array(transaction.size());
  transaction.run(call.slot().suppressed);
}

}  // namespace kindred
