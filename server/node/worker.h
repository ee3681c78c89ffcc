#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "plugins/api/engine.h"
#include "server/config/config.h"
#include "server/figures/figures.h"
#include "server/io/loop.h"
#include "server/node/client_connections.h"
#include "server/node/mailbox.h"
#include "server/node/node_shared.h"
#include "server/node/shard_driver.h"
#include "server/node/worker_message.h"
#include "server/node/worker_service.h"
#include "server/session/hub.h"
#include "server/storage/range_scan.h"
#include "server/storage/saved_copies.h"
#include "server/storage/state_store.h"

namespace kindred {

/// One event loop with its share of the partitions and of the clients. All but post(), index() and
/// join() on its own thread; worker 0's is the process's main thread.
class Worker final : public ShardOutlet {
 public:
  struct Setup {
    uint8_t index = 0;
    uint8_t worker_count = 1;
    std::shared_ptr<const Config> config;
    std::shared_ptr<const Users> users;
    const plugins::ResolverRegistry* resolvers = nullptr;  // outlives the worker
    std::shared_ptr<AccessLog> access_log;
    std::function<void(std::string_view)> log_client_closed;  // any thread
  };

  /// `engine`, `shared` and `control` outlive the worker; so does the vector, in which all workers
  /// stand by index before any runs.
  Worker(const Setup& setup, plugins::Engine& engine, NodeShared& shared, NodeControl& control,
         std::vector<std::unique_ptr<Worker>>& workers);
  ~Worker() override;

  uint8_t index() const { return setup_.index; }
  Loop& loop() { return loop_; }

  /// Runs the loop on a thread of its own (all but worker 0) until quit(); join() waits for it.
  void start_thread();
  void quit() { loop_.stop(); }
  void join();

  /// Any thread.
  void post(WorkerMessage message) { mailbox_.post(std::move(message)); }
  void post_errand(std::function<void()> run) { post(Errand{std::move(run)}); }

  /// A message of this turn to another worker; leaves at the turn's end.
  void send_to(uint8_t worker, WorkerMessage message);

  void submit(ClientToken token, const Operation& operation);
  void submit_scan(ClientToken token, const ScanRequest& request);
  void list_slot_keys(ClientToken token, uint16_t slot, uint32_t limit);
  /// NodeService::visit_hubs().
  void visit_hubs(ClientToken token, const NodeService::HubVisit& visit);
  void run_at_hubs(const std::function<void(SessionHub&)>& run);
  void end_pause_after(uint64_t ms) { pause_end_.start(ms); }
  void prefetch(std::span<const KeyRef> keys);

  /// The first call makes the shard. `ready` and liveness come with later views.
  void set_cluster(std::shared_ptr<const ClusterView> view, CopyState fresh_copies);
  void set_view(std::shared_ptr<const ClusterView> view) { view_ = std::move(view); }
  void set_config(std::shared_ptr<const Config> config);
  void set_users(std::shared_ptr<const Users> users, bool end_changed) {
    hub_.set_users(std::move(users), end_changed);
  }
  void set_alive(NodeId peer, bool alive);
  void receive_frame(NodeId from, const Frame& frame);
  void serve(const NewClient& client) {
    clients_.serve(client.socket, client.tls.get(), config_->tcp_keepalive_s);
  }

  /// Counts and checks what the engine holds, after the first set_cluster() and before traffic.
  /// `save`: where copies that it holds need not be counted.
  Inventory take_inventory(const std::optional<SaveMark>& save,
                           const std::function<void(uint64_t)>& progress);

  /// Orderly stop: no more input; `done` once nothing is in flight or the time is over;
  /// close_storage() last.
  void drain(uint64_t timeout_ms, std::function<void()> done);
  void close_storage();
  /// After that, on any thread: what the next start need not count (Shard::saved_copy()).
  std::optional<SavedCopy> saved_copy(uint16_t partition);

  WorkerFigures figures();
  /// This worker's part of RING HINTS and RING TRANSFERS.
  RingFigures ring_figures();
  /// NodeService::repair(); answered once, perhaps within the call.
  void repair(std::optional<PartitionIndex> wanted, const FiguresAnswer& answer);
  /// Any thread; up to date within a moment.
  uint32_t filling_copies() const { return filling_copies_.load(std::memory_order_relaxed); }

  const ClusterView& view() const { return *view_; }
  const Config& config() const { return *config_; }
  Now now() override { return now_; }
  Now refresh_now();

  /// Null before the worker is in a cluster.
  ShardDriver* driver() { return driver_ ? &*driver_ : nullptr; }
  SessionHub& hub() { return hub_; }
  StateStore& store() { return *store_; }
  NodeControl& control() { return control_; }
  NodeShared& shared() { return shared_; }
  Worker& other(uint8_t index) { return *workers_[index]; }
  uint8_t worker_of(uint16_t partition) const {
    return view_->document == nullptr
               ? static_cast<uint8_t>(partition % setup_.worker_count)
               : worker_of(partition, view_->document->ring, setup_.worker_count);
  }
  /// A slot's partitions of all layers are one worker's.
  static uint8_t worker_of(uint16_t partition, const Ring& ring, uint8_t worker_count) {
    const uint32_t slots = ring.slot_partitions();
    const uint32_t first = partition < slots ? partition : partition % slots;
    return static_cast<uint8_t>(first % worker_count);
  }

 private:
  void take_mail();
  void handle(ForwardedOperation& asked);
  void handle(ForwardedScan& asked);
  void handle(ForwardedOutcome& answer);
  void handle(ForwardedPage& answer);
  void handle(ArrivedFrame& arrived);
  void handle(DepartingFrame& departing);
  void handle(NewClient& client);
  void handle(Errand& errand);
  void end_turn();
  bool is_idle();
  void note_filling_copies();
  void note_mended_copies();
  void tell_progress();
  void watch_idle_clients();
  void await_cycles();
  SessionSettings session_settings() const;
  ShardConfig shard_config() const;

  void deliver_outcome(ClientToken token, Outcome&& outcome) override;
  void deliver_page(ClientToken token, ScanPage&& page) override;
  void deliver_frame(NodeId to, std::string_view frame) override;
  void want_document(NodeId holder) override;
  void copies_changed() override {
    note_filling_copies();
    is_progress_due_ = true;
  }
  void storage_changed(StorageTrouble trouble, std::string_view text) override;
  void engine_damaged(std::string_view text) override;

  const Setup setup_;
  plugins::Engine& engine_;
  NodeShared& shared_;
  NodeControl& control_;
  std::vector<std::unique_ptr<Worker>>& workers_;
  std::shared_ptr<const Config> config_;
  std::shared_ptr<const ClusterView> view_;
  const plugins::Capabilities engine_capabilities_;
  std::atomic<uint32_t> filling_copies_{0};
  bool is_inventory_taken_ = false;
  uint64_t mended_copies_told_ = 0;
  bool is_progress_due_ = false;  // told at the end of the turn, however many copies changed
  Now now_;

  Loop loop_;
  Wakeup wakeup_;
  Mailbox<WorkerMessage> mailbox_;
  std::vector<WorkerMessage> arrived_;
  std::vector<std::vector<WorkerMessage>> outboxes_;  // by worker

  std::unique_ptr<StateStore> store_;
  SessionSettings settings_;
  SessionHub hub_;
  WorkerService service_;
  ClientConnections clients_;
  std::optional<ShardDriver> driver_;
  Timer tick_;
  Timer idle_check_;
  Timer cycle_time_;
  Timer pause_end_;
  uint64_t cycle_interval_ms_ = 0;  // that the timer goes by
  std::optional<Timer> drain_check_;
  TurnEnd turn_end_;
  std::thread thread_;
};

}  // namespace kindred
