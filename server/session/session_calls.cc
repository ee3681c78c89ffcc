// What is noted of a session's commands: how long they took, and what a transaction would ask for.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/session/call.h"
#include "server/session/handlers.h"
#include "server/session/hub.h"
#include "server/session/session.h"

namespace kindred {

bool Session::record_transaction(std::vector<Operation>* operations) {
  transaction_.record_to(operations);
  transaction_.for_each([&](const CommandSpec& spec, const std::vector<std::string>& queued) {
    if (spec.keys.first == 0) {
      return;
    }
    const std::vector<std::string_view> args(queued.begin(), queued.end());
    const uint32_t sequence = push_slot(&spec);
    slots_.at(sequence).suppressed = true;
    {
      Call call(*this, sequence, args, nullptr);
      handler_of(spec.id).run(call);
    }
    slots_.unpush();
  });
  transaction_.record_to(nullptr);
  return !transaction_.record_spoilt();
}

/// `args` where the command was answered at once, else what was kept of them is there.
void Session::note_latency(const ReplySlot& slot, std::span<const std::string_view> args) {
  const uint64_t now_us = hub_.service().mono_us();
  const uint64_t took_us = now_us - std::min(slot.started_us, now_us);
  hub_.stats().of(slot.spec->id).latency.note(took_us);
  const int64_t slow_us = hub_.settings().slow_log_us;
  if (slow_us < 0 || took_us < static_cast<uint64_t>(slow_us) ||
      slot.spec->has(CommandFlag::kSkipSlowlog)) {
    return;
  }
  std::string packed;
  if (slot.shown.empty()) {
    pack_slow_args(*slot.spec, args, &packed);
  }
  SlowCommand command;
  command.at_ms = hub_.service().cluster_now_ms();
  command.took_us = took_us;
  command.args = unpack_slow_args(slot.shown.empty() ? packed : slot.shown);
  command.client_address = info_.peer_address;
  command.client_name = info_.name;
  hub_.note_slow(std::move(command));
}

}  // namespace kindred
