#include "server/node/random_number.h"

#include <sys/random.h>

#include <cstdlib>

namespace kindred {

uint64_t random_number() {
  uint64_t number = 0;
  while (number == 0) {
    if (::getrandom(&number, sizeof number, 0) != sizeof number) {
      std::abort();  // a system without randomness can't run a node
    }
  }
  return number;
}

}  // namespace kindred
