#include <malloc.h>

#include <memory>
#include <string>
#include <vector>

#include "protocol/resp/number.h"
#include "server/session/handlers.h"

// MEMORY but for USAGE. The process's memory is the node's.

namespace kindred {

namespace {

class MemoryStats final : public Task {
 public:
  void start(Call& call) override {
    call.ask_service([](NodeService& service, ClientToken token) {
      service.visit_hubs(token, [](SessionHub& hub) {
        size_t bytes = 0;
        hub.for_each([&](const Session& session) { bytes += session.memory_bytes(); });
        return std::to_string(bytes);
      });
    });
  }
  void keys_done(Call& call, std::vector<std::string>& workers) override {
    int64_t client_bytes = 0;
    for (const std::string& bytes : workers) {
      client_bytes += parse_int64(bytes).value_or(0);
    }
    const struct mallinfo2 heap = ::mallinfo2();
    const auto used = static_cast<int64_t>(heap.uordblks + heap.hblkhd);
    const auto held = static_cast<int64_t>(heap.arena + heap.hblkhd);
    ReplyWriter& reply = call.reply();
    reply.map(4);
    reply.bulk("total.allocated");
    reply.integer(used);
    reply.bulk("clients.normal");
    reply.integer(client_bytes);
    reply.bulk("allocator.allocated");
    reply.integer(used);
    reply.bulk("allocator.active");
    reply.integer(held);
  }
};

}  // namespace

void run_memory_stats(Call& call) {
  call.start(std::make_unique<MemoryStats>());
}

void run_memory_doctor(Call& call) {
  const struct mallinfo2 heap = ::mallinfo2();
  const size_t used = heap.uordblks + heap.hblkhd;
  constexpr size_t kWorthALook = size_t{64} << 20;
  const bool is_scattered = heap.fordblks > used && heap.fordblks > kWorthALook;
  call.reply().verbatim(
      "txt", is_scattered
                 ? "The allocator holds more unused memory than is used: MEMORY PURGE gives back "
                   "what it can.\n"
                 : "Nothing to report.\n");
}

void run_memory_malloc_stats(Call& call) {
  call.reply().bulk("Stats not supported for the current allocator");
}

void run_memory_purge(Call& call) {
  static_cast<void>(::malloc_trim(0));
  call.reply().ok();
}

}  // namespace kindred
