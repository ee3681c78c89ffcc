#pragma once

#include <cstddef>
#include <cstdint>

namespace kindred {

/// hash64() on a processor that has AVX2; elsewhere the process ends. Only hash64() calls it.
[[nodiscard]] uint64_t hash64_avx2(const char* bytes, size_t size);

}  // namespace kindred
