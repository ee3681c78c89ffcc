#include "protocol/command/errors.h"
#include "protocol/resp/number.h"
#include "server/session/handlers.h"
#include "server/session/options.h"

// What CLIENT turns on and off, as far as there is such a thing here.

namespace kindred {

/// NO-EVICT, NO-TOUCH: no client is evicted and no read leaves a trace, so both hold anyway.
void run_client_flag(Call& call) {
  if (is_word(call.arg(2), "on") || is_word(call.arg(2), "off")) {
    call.reply().ok();
  } else {
    call.error(error_text::kSyntax);
  }
}

void run_client_tracking(Call& call) {
  if (is_word(call.arg(2), "off")) {
    call.reply().ok();
  } else if (is_word(call.arg(2), "on")) {
    call.error("ERR client-side caching is not there yet");
  } else {
    call.error(error_text::kSyntax);
  }
}

void run_client_trackinginfo(Call& call) {
  ReplyWriter& reply = call.reply();
  reply.map(3);
  reply.bulk("flags");
  reply.set(1);
  reply.bulk("off");
  reply.bulk("redirect");
  reply.integer(-1);
  reply.bulk("prefixes");
  reply.array(0);
}

void run_client_getredir(Call& call) {
  call.reply().integer(-1);
}

void run_client_caching(Call& call) {
  call.error(
      "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or "
      "OPTOUT mode enabled");
}

/// No command blocks for long.
void run_client_unblock(Call& call) {
  const bool has_reason = call.arg_count() == 4;
  if (call.arg_count() > 4) {
    call.error(arity_error(call.spec()));
    return;
  }
  if (has_reason && !is_word(call.arg(3), "timeout") && !is_word(call.arg(3), "error")) {
    call.error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    return;
  }
  if (integer_argument(call, 2)) {
    call.reply().integer(0);
  }
}

}  // namespace kindred
