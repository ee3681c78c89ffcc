#include "protocol/record/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace kindred {

uint64_t hash64(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace kindred
