#pragma once

#include <cstdint>
#include <string_view>

namespace kindred {

/// hash64() on a processor that has AVX2; elsewhere the process ends. Only hash64() calls it.
[[nodiscard]] uint64_t hash64_avx2(std::string_view bytes);

}  // namespace kindred
