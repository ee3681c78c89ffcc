#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "protocol/command/command_table.h"
#include "server/session/handlers.h"
#include "server/session/options.h"

// LATENCY. There is no monitor of spikes, so what speaks of spikes has none to tell.

namespace kindred {

namespace {

struct Sum {
  std::mutex mutex;
  SessionStats stats;
};

class Histogram final : public Task {
 public:
  explicit Histogram(std::vector<const CommandSpec*> specs) : specs_(std::move(specs)) {}

  void start(Call& call) override {
    call.ask_service([&](NodeService& service, ClientToken token) {
      service.visit_hubs(token, [sum = sum_](SessionHub& hub) {
        const std::lock_guard lock(sum->mutex);
        sum->stats.add(hub.stats());
        return std::string();
      });
    });
  }

  void keys_done(Call& call, std::vector<std::string>&) override {
    std::vector<const CommandSpec*> called;
    for (const CommandSpec* spec : specs_) {
      if (sum_->stats.of(spec->id).latency.count() > 0) {
        called.push_back(spec);
      }
    }
    ReplyWriter& reply = call.reply();
    reply.map(called.size());
    for (const CommandSpec* spec : called) {
      tell(*spec, reply);
    }
  }

 private:
  void tell(const CommandSpec& spec, ReplyWriter& reply) {
    const LatencyHistogram& latency = sum_->stats.of(spec.id).latency;
    reply.bulk(spec.name);
    reply.map(2);
    reply.bulk("calls");
    reply.integer(static_cast<int64_t>(latency.count()));
    reply.bulk("histogram_usec");
    size_t lines = 0;
    uint64_t told = 0;
    latency.for_each_bound([&](uint64_t, uint64_t up_to) {
      lines += up_to > told ? 1 : 0;
      told = up_to;
    });
    reply.map(lines);
    told = 0;
    latency.for_each_bound([&](uint64_t bound_us, uint64_t up_to) {
      if (up_to > told) {
        reply.integer(static_cast<int64_t>(bound_us));
        reply.integer(static_cast<int64_t>(up_to));
      }
      told = up_to;
    });
  }

  std::vector<const CommandSpec*> specs_;
  std::shared_ptr<Sum> sum_ = std::make_shared<Sum>();
};

void add_with_subcommands(const CommandSpec& spec, std::vector<const CommandSpec*>* specs) {
  if (spec.is_container()) {
    for (const CommandSpec& subcommand : spec.subcommands) {
      specs->push_back(&subcommand);
    }
  }
  specs->push_back(&spec);
}

}  // namespace

void run_latency_histogram(Call& call) {
  std::vector<const CommandSpec*> specs;
  if (call.arg_count() == 2) {
    for (const CommandSpec* spec : all_commands()) {
      add_with_subcommands(*spec, &specs);
    }
  }
  for (const std::string_view name : call.args().subspan(2)) {
    if (const CommandSpec* spec = find_command_by_full_name(name)) {
      add_with_subcommands(*spec, &specs);
    }
  }
  call.start(std::make_unique<Histogram>(std::move(specs)));
}

/// LATEST, HISTORY: no spikes.
void run_latency_none(Call& call) {
  call.reply().array(0);
}

void run_latency_reset(Call& call) {
  call.reply().integer(0);
}

void run_latency_graph(Call& call) {
  call.error("ERR No samples available for event '" + std::string(call.arg(2)) + "'");
}

void run_latency_doctor(Call& call) {
  call.reply().verbatim("txt",
                        "There is no monitor of latency spikes here. LATENCY HISTOGRAM tells how "
                        "long commands take, SLOWLOG GET which of them took longest.\n");
}

}  // namespace kindred
