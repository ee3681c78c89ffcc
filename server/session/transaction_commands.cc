#include "protocol/command/errors.h"
#include "server/session/handlers.h"
#include "server/session/watch.h"

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
  call.session().watches().clear();
  call.reply().ok();
}

void run_exec(Call& call) {
  Transaction& transaction = call.session().transaction();
  if (!transaction.queueing()) {
    call.error(error_text::kExecWithoutMulti);
    return;
  }
  if (transaction.broken()) {
    transaction.clear();
    call.session().watches().clear();
    call.error(error_text::kExecAbort);
    return;
  }
  if (call.session().watches().empty()) {
    start_transaction(call);
  } else {
    start_watched_transaction(call);
  }
}

}  // namespace kindred
