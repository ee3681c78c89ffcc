#include "server/figures/process_figures.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace kindred {

namespace {

uint64_t page_bytes() {
  return static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

uint64_t resident_bytes() {
  std::ifstream stream("/proc/self/statm");
  uint64_t total = 0;
  uint64_t resident = 0;
  stream >> total >> resident;
  return resident * page_bytes();
}

uint64_t microseconds(const timeval& time) {
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000 + static_cast<uint64_t>(time.tv_usec);
}

}  // namespace

ProcessFigures process_figures() {
  const struct mallinfo2 heap = ::mallinfo2();
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  ProcessFigures figures;
  figures.used_bytes = heap.uordblks + heap.hblkhd;
  figures.resident_bytes = resident_bytes();
  figures.resident_peak_bytes =
      std::max(figures.resident_bytes, static_cast<uint64_t>(usage.ru_maxrss) * 1024);
  figures.machine_bytes = static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * page_bytes();
  figures.user_cpu_us = microseconds(usage.ru_utime);
  figures.system_cpu_us = microseconds(usage.ru_stime);
  return figures;
}

}  // namespace kindred
