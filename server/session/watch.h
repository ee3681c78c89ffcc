#pragma once

#include "server/session/call.h"

namespace kindred {

/// EXEC: writes the head of the reply; the session then runs the queue, whose replies follow.
void start_transaction(Call& call);

/// EXEC where keys are watched: the same if none of them has moved, else the reply is null.
void start_watched_transaction(Call& call);

}  // namespace kindred
