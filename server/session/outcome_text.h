#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "replication/node/operation.h"
#include "replication/node/scan.h"

namespace kindred {

/// The error line, without '-', of an outcome that is not kOk. `is_write`: which quorum was missed
/// where the code does not say.
[[nodiscard]] std::string outcome_error(const Outcome& outcome, bool is_write, uint32_t timeout_ms);

/// The same for a command on several keys of which some were, or may have been, written.
[[nodiscard]] std::string partial_write_error(const Outcome& outcome, uint32_t timeout_ms);

/// The error line of a page that is not ok.
[[nodiscard]] std::string scan_error(const ScanPage& page, uint32_t timeout_ms);

}  // namespace kindred
