#pragma once

#include <cstdint>

namespace kindred {

/// From the system's source of secrets; never zero. Any thread.
uint64_t random_number();

}  // namespace kindred
