// Compiled for AVX2: includes nothing whose inline functions another file could come to share.
#include "protocol/record/hash_avx2.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace kindred {

uint64_t hash64_avx2(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace kindred
