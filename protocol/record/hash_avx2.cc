// Compiled for AVX2: includes nothing whose inline functions other files could be linked to.
#include "protocol/record/hash_avx2.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace kindred {

uint64_t hash64_avx2(const char* bytes, size_t size) {
  return XXH3_64bits(bytes, size);
}

}  // namespace kindred
