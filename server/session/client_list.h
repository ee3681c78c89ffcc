#pragma once

#include <string>

#include "server/session/session.h"

namespace kindred {

/// One line of CLIENT LIST, with Redis's fields and no line end.
[[nodiscard]] std::string client_line(const Session& session, uint64_t now_ms);

}  // namespace kindred
