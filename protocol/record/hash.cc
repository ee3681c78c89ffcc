#include "protocol/record/hash.h"

#include "protocol/record/hash_avx2.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace kindred {

namespace {

// From here on XXH3 works in stripes, which wider registers halve the cost of.
constexpr size_t kLongBytes = 241;

#ifdef __x86_64__
const bool kHasAvx2 = __builtin_cpu_supports("avx2") != 0;
#endif

}  // namespace

uint64_t hash64(std::string_view bytes) {
#ifdef __x86_64__
  if (bytes.size() >= kLongBytes && kHasAvx2) {
    return hash64_avx2(bytes.data(), bytes.size());
  }
#endif
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace kindred
