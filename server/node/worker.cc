#include "server/node/worker.h"

#include <algorithm>
#include <utility>

#include "protocol/record/key.h"
#include "server/node/boot.h"
#include "server/node/random_number.h"
#include "server/storage/direct_store.h"
#include "server/storage/threaded_store.h"

namespace kindred {

namespace {

constexpr unsigned kReadersPerWorker = 2;
constexpr uint64_t kDrainCheckMs = 5;
constexpr uint64_t kIdleCheckMs = 1000;

OutputLimit limit_of(const OutputLimitDirective& directive) {
  return {directive.hard_bytes, directive.soft_bytes, directive.soft_s};
}
constexpr uint32_t kLoginDelayMs = 100;
// The top byte of a client's token, which sessions leave to the node: the worker that asked.
constexpr unsigned kOriginShift = 56;

ClientToken with_origin(ClientToken token, uint8_t worker) {
  return token | ClientToken{worker} << kOriginShift;
}
uint8_t origin_of(ClientToken token) {
  return static_cast<uint8_t>(token >> kOriginShift);
}
ClientToken without_origin(ClientToken token) {
  return token & ((ClientToken{1} << kOriginShift) - 1);
}

bool syncs_all(const Config& config, const plugins::Capabilities& engine) {
  return effective_durability(config.durability, engine) == DurabilityDirective::kGroup;
}

/// What was synced is there when an engine comes back from trouble; the rest need not be, and then
/// it takes another run of the node, whose copies are filled.
std::unique_ptr<StateStore> make_store(plugins::Engine& engine, const Config& config,
                                       std::function<void()> wake) {
  const plugins::Capabilities capabilities = engine.capabilities();
  if (capabilities.nonblocking) {
    return std::make_unique<DirectStore>(engine, std::move(wake));
  }
  return std::make_unique<ThreadedStore>(engine, kReadersPerWorker, std::move(wake),
                                         syncs_all(config, capabilities));
}

Durability durability_of(const Config& config, const plugins::Capabilities& engine) {
  switch (effective_durability(config.durability, engine)) {
    case DurabilityDirective::kNone:
      return Durability::kMemory;
    case DurabilityDirective::kAsync:
      return Durability::kLogged;
    case DurabilityDirective::kGroup:
      return Durability::kSynced;
  }
  return Durability::kMemory;
}

/// Reaping goes on without anti-entropy.
uint64_t cycle_interval_ms(const Config& config) {
  const uint32_t asked_ms = config.anti_entropy_interval_ms;
  return asked_ms != 0 ? asked_ms : std::clamp<uint64_t>(config.tombstone_grace_ms, 1000, 10'000);
}

}  // namespace

Worker::Worker(const Setup& setup, plugins::Engine& engine, NodeShared& shared,
               NodeControl& control, std::vector<std::unique_ptr<Worker>>& workers)
    : setup_(setup),
      engine_(engine),
      shared_(shared),
      control_(control),
      workers_(workers),
      config_(setup.config),
      view_(std::make_shared<ClusterView>()),
      engine_capabilities_(engine.capabilities()),
      wakeup_(loop_, [this] { take_mail(); }),
      mailbox_([this] { wakeup_.wake(); }),
      outboxes_(setup.worker_count),
      store_(make_store(engine, *setup.config, [this] { wakeup_.wake(); })),
      settings_(session_settings()),
      hub_(settings_, shared.sessions, random_number()),
      service_(*this),
      clients_(
          loop_, hub_, [this] { refresh_now(); },
          [this](std::string_view reason) {
            shared_.client_count.fetch_sub(1, std::memory_order_relaxed);
            setup_.log_client_closed(reason);
          }),
      tick_(loop_,
            [this] {
              driver_->shard().tick(refresh_now());
              note_filling_copies();
              note_mended_copies();
              if (!driver_->shard().needs_tick()) {
                tick_.stop();
              }
            }),
      idle_check_(loop_,
                  [this] {
                    const uint64_t timeout_ms = uint64_t{config_->timeout_s} * 1000;
                    clients_.close_idle(refresh_now().cluster_ms - timeout_ms);
                  }),
      cycle_time_(loop_,
                  [this] {
                    if (config_->anti_entropy_interval_ms != 0) {
                      driver_->shard().start_anti_entropy(refresh_now());
                    }
                    driver_->shard().start_reaping(refresh_now());
                  }),
      pause_end_(loop_, [this] { hub_.end_pause(); }),
      turn_end_(loop_, [this] { end_turn(); }) {
  refresh_now();
  hub_.attach(service_);
  hub_.share_access_log(setup.access_log);
  hub_.set_users(setup.users);
  watch_idle_clients();
}

void Worker::watch_idle_clients() {
  if (config_->timeout_s == 0) {
    idle_check_.stop();
  } else {
    idle_check_.start(kIdleCheckMs, kIdleCheckMs);
  }
}

/// Cycles of anti-entropy and of reaping begin once there are copies.
void Worker::await_cycles() {
  const uint64_t interval_ms = driver_ ? cycle_interval_ms(*config_) : 0;
  if (interval_ms == cycle_interval_ms_) {
    return;
  }
  cycle_interval_ms_ = interval_ms;
  cycle_time_.start(interval_ms, interval_ms);
}

Worker::~Worker() {
  join();
}

void Worker::start_thread() {
  thread_ = std::thread([this] { loop_.run(); });
}

void Worker::join() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

Now Worker::refresh_now() {
  now_.mono_us = Loop::mono_us();
  const int64_t offset_ms = shared_.clock_offset_ms.load(std::memory_order_relaxed);
  now_.cluster_ms = Loop::unix_ms() + static_cast<uint64_t>(offset_ms);
  return now_;
}

SessionSettings Worker::session_settings() const {
  SessionSettings settings;
  settings.request_limits.proto_max_bulk_len =
      static_cast<int64_t>(config_->proto_max_bulk_len_bytes);
  settings.request_limits.query_buffer_limit = config_->client_query_buffer_limit_bytes;
  settings.login_delay_ms = kLoginDelayMs;
  settings.output_limit = limit_of(config_->output_limits.normal);
  settings.pubsub_output_limit = limit_of(config_->output_limits.pubsub);
  settings.notify_events = config_->notify_events;
  settings.slow_log_us = config_->slowlog_log_slower_than_us;
  settings.slow_log_length_max = config_->slowlog_max_len;
  settings.request_timeout_ms = config_->request_timeout_ms;
  return settings;
}

void Worker::set_config(std::shared_ptr<const Config> config) {
  config_ = std::move(config);
  settings_ = session_settings();
  watch_idle_clients();
  if (!syncs_all(*config_, engine_capabilities_)) {
    store_->expect_unsynced();
  }
  if (driver_) {
    driver_->shard().set_config(shard_config());
  }
  await_cycles();
}

ShardConfig Worker::shard_config() const {
  ShardConfig config;
  config.shard_index = setup_.index;
  config.shard_count = setup_.worker_count;
  config.quorum.read = static_cast<uint8_t>(config_->read_quorum);
  config.quorum.write = static_cast<uint8_t>(config_->write_quorum);
  config.quorum.durable = static_cast<uint8_t>(config_->durable_quorum);
  config.quorum.is_sloppy = config_->sloppy_quorum;
  config.tombstone_grace_ms = config_->tombstone_grace_ms;
  config.hint_ttl_ms = config_->hint_ttl_ms;
  config.hint_bytes_max = config_->hint_store_bytes_max;
  config.hint_bytes_per_s = config_->hint_bytes_per_s;
  config.background_bytes_per_s = config_->background_bytes_per_s;
  config.background_p99_target_us = config_->background_p99_target_us;
  config.durability = durability_of(*config_, engine_capabilities_);
  config.engine_can_sync = engine_capabilities_.can_sync;
  config.request_timeout_ms = config_->request_timeout_ms;
  config.siblings_max = config_->max_siblings;
  config.value_bytes_max = config_->proto_max_bulk_len_bytes;
  return config;
}

void Worker::set_cluster(std::shared_ptr<const ClusterView> view, CopyState fresh_copies) {
  view_ = std::move(view);
  refresh_now();
  if (!driver_) {
    ShardConfig config = shard_config();
    config.id_seed = random_number();
    driver_.emplace(config, view_->self, *store_, *setup_.resolvers, *this);
  }
  driver_->set_cluster(view_->document, fresh_copies);
  note_filling_copies();
  tell_progress();
  await_cycles();
}

Inventory Worker::take_inventory(const std::optional<SaveMark>& save,
                                 const std::function<void(uint64_t)>& progress) {
  Shard& shard = driver_->shard();
  const Now at_start = refresh_now();
  const bool has_save = save && fits(*save, *view_->document);
  std::vector<std::pair<std::string, KeyRef>> damaged;
  InventoryTaker taker;
  taker.wanted = [this](uint32_t partition) {
    return worker_of(static_cast<uint16_t>(partition)) == setup_.index;
  };
  taker.knows = [&](uint32_t wanted) {
    const auto partition = static_cast<uint16_t>(wanted);
    SavedCopy saved;
    return has_save && load_saved_copy(engine_, *save, partition, &saved) &&
           shard.restore_copy(partition, std::move(saved));
  };
  taker.found = [&](const KeyRef& key, const State& state) {
    shard.count_existing(key, state, at_start);
  };
  taker.damaged = [&](const KeyRef& key) { damaged.emplace_back(key.key, key); };
  taker.progress = progress;
  Inventory inventory = kindred::take_inventory(engine_, view_->document->partitions(), taker);
  for (auto& [bytes, key] : damaged) {
    key.key = bytes;
    shard.found_corrupt(key);
  }
  store_->flush();
  note_filling_copies();
  is_inventory_taken_ = true;
  tell_progress();
  return inventory;
}

// Only the inventory shows copies that are to be handed over, so nothing is told before.
void Worker::tell_progress() {
  is_progress_due_ = false;
  if (!is_inventory_taken_) {
    return;
  }
  MemberProgress progress;
  progress.epoch = view_->document->epoch;
  progress.is_departing = !driver_->shard().may_go();
  for (const Transfer& transfer : driver_->shard().transfers()) {
    if (transfer.state != CopyState::kDeparting) {
      progress.not_whole.push_back(transfer.partition);
    }
  }
  workers_.front()->post_errand(
      [&control = control_, index = setup_.index, told = std::move(progress)]() mutable {
        control.copies_came(index, std::move(told));
      });
}

void Worker::note_filling_copies() {
  const uint32_t filling = driver_->shard().copies().count(CopyState::kFilling);
  const uint32_t before = filling_copies_.exchange(filling, std::memory_order_relaxed);
  if ((before == 0) != (filling == 0)) {
    workers_.front()->post_errand([&control = control_] { control.copies_changed(); });
  }
}

void Worker::close_storage() {
  if (driver_) {
    driver_->shard().seal();
  }
  store_->stop();
}

std::optional<SavedCopy> Worker::saved_copy(uint16_t partition) {
  const bool is_known = is_inventory_taken_ && store_->failed_writes() == 0;
  return is_known ? driver_->shard().saved_copy(partition) : std::nullopt;
}

void Worker::note_mended_copies() {
  const uint64_t mended = driver_->shard().metrics().mended_copies;
  if (const uint64_t news = mended - std::exchange(mended_copies_told_, mended); news != 0) {
    workers_.front()->post_errand([&control = control_, news] { control.copies_mended(news); });
  }
}

void Worker::storage_changed(StorageTrouble trouble, std::string_view text) {
  workers_.front()->post_errand(
      [&control = control_, index = setup_.index, trouble, words = std::string(text)] {
        control.storage_changed(index, trouble, words);
      });
}

void Worker::engine_damaged(std::string_view text) {
  workers_.front()->post_errand(
      [&control = control_, words = std::string(text)] { control.engine_damaged(words); });
}

WorkerFigures Worker::figures() {
  WorkerFigures figures;
  hub_.sample_rates();
  figures.sessions = hub_.stats();
  for (size_t kind = 0; kind < figures.listened.size(); ++kind) {
    figures.listened[kind] = hub_.channels().name_hashes(static_cast<ListenKind>(kind));
  }
  figures.clients = clients_.count();
  figures.failed_writes = store_->failed_writes();
  if (engine_capabilities_.thread_bound || setup_.index == 0) {
    figures.engine = engine_.stats();
  }
  if (!driver_) {
    return figures;
  }
  Shard& shard = driver_->shard();
  figures.shard = shard.metrics();
  figures.background = shard.background();
  figures.hint_counts = shard.hints().counts();
  figures.hints_pending = shard.hints().pending_count();
  figures.operations_in_flight = shard.operations_in_flight();
  figures.dropped_messages = driver_->dropped_messages();
  Copies& copies = shard.copies();
  figures.filling_copies = copies.count(CopyState::kFilling);
  figures.whole_copies = copies.count(CopyState::kWhole);
  for (uint32_t partition = 0; partition < copies.size(); ++partition) {
    Copy& copy = copies.at(static_cast<uint16_t>(partition));
    if (copy.state != CopyState::kNone) {
      figures.keys += copy.count.live(now_.cluster_ms);
      figures.tree_bytes += copy.tree.bytes();
      figures.expiring_keys += copy.count.expiring(now_.cluster_ms);
      for (size_t i = 0; i < figures.by_siblings.size(); ++i) {
        figures.by_siblings[i] += copy.count.by_siblings()[i];
        figures.by_clock[i] += copy.count.by_clock()[i];
      }
      figures.actor = figures.actor != 0 ? figures.actor : copy.actor;
    }
  }
  return figures;
}

void Worker::set_alive(NodeId peer, bool alive) {
  if (driver_) {
    driver_->shard().set_alive(peer, alive, refresh_now());
  }
}

void Worker::receive_frame(NodeId from, const Frame& frame) {
  if (driver_) {
    refresh_now();
    static_cast<void>(driver_->receive_frame(from, frame));
  }
}

void Worker::send_to(uint8_t worker, WorkerMessage message) {
  outboxes_[worker].push_back(std::move(message));
}

void Worker::submit(ClientToken token, const Operation& operation) {
  const uint8_t owner = worker_of(operation.key.partition);
  if (owner != setup_.index) {
    send_to(owner, ForwardedOperation(with_origin(token, setup_.index), operation));
  } else if (driver_) {
    driver_->shard().submit(with_origin(token, setup_.index), operation, now_);
  } else {
    Outcome outcome;
    outcome.code = OutcomeCode::kNoReplicas;
    hub_.operation_done(token, std::move(outcome));
  }
}

void Worker::submit_scan(ClientToken token, const ScanRequest& request) {
  const auto slot = static_cast<SlotIndex>(request.cursor >> ScanRequest::kHashBits);
  const uint8_t owner =
      slot < kSlotCount && view_->document != nullptr
          ? worker_of(static_cast<uint16_t>(view_->document->ring.partition_of(slot)))
          : setup_.index;
  if (owner != setup_.index) {
    send_to(owner, ForwardedScan{with_origin(token, setup_.index), request});
  } else if (driver_) {
    driver_->shard().submit_scan(with_origin(token, setup_.index), request, now_);
  } else {
    ScanPage page;
    page.no_replicas = true;
    hub_.scan_done(token, std::move(page));
  }
}

void Worker::list_slot_keys(ClientToken token, uint16_t slot, uint32_t limit) {
  if (view_->document == nullptr) {
    hub_.keys_done(token, {});
    return;
  }
  const auto partition = static_cast<uint16_t>(view_->document->ring.partition_of(slot));
  Worker& owner = other(worker_of(partition));
  const auto answer = [this, token](std::vector<std::string>&& keys) {
    const auto kept = std::make_shared<std::vector<std::string>>(std::move(keys));
    post_errand([this, token, kept] { hub_.keys_done(token, std::move(*kept)); });
  };
  owner.post_errand([&owner, partition, slot, limit, answer] {
    if (owner.driver_) {
      owner.driver_->list_slot_keys(partition, slot, limit, answer);
    } else {
      answer({});
    }
  });
}

void Worker::visit_hubs(ClientToken token, const NodeService::HubVisit& visit) {
  struct Said {
    size_t missing;
    std::vector<std::string> texts;
  };
  const auto said = std::make_shared<Said>(Said{workers_.size(), {}});
  for (const auto& worker : workers_) {
    worker->post_errand([this, token, visit, said, &visited = *worker] {
      post_errand([this, token, said, text = visit(visited.hub_)] {
        said->texts.push_back(text);
        if (--said->missing == 0) {
          hub_.keys_done(token, std::move(said->texts));
        }
      });
    });
  }
}

void Worker::run_at_hubs(const std::function<void(SessionHub&)>& run) {
  for (const auto& worker : workers_) {
    worker->post_errand([run, &visited = *worker] { run(visited.hub_); });
  }
}

/// With several workers most keys of a pipeline are other workers', who get them in a batch anyway.
void Worker::prefetch(std::span<const KeyRef> keys) {
  if (setup_.worker_count == 1) {
    store_->prefetch(keys);
  }
}

void Worker::drain(uint64_t timeout_ms, std::function<void()> done) {
  clients_.stop_reading();
  if (driver_) {
    driver_->shard().drain();
  }
  const uint64_t deadline_us = Loop::mono_us() + timeout_ms * 1000;
  drain_check_.emplace(loop_, [this, deadline_us, told = std::move(done)] {
    if (is_idle() || Loop::mono_us() >= deadline_us) {
      drain_check_->stop();
      told();
    }
  });
  drain_check_->start(0, kDrainCheckMs);
}

bool Worker::is_idle() {
  return clients_.is_quiet() && (!driver_ || driver_->shard().operations_in_flight() == 0);
}

void Worker::take_mail() {
  mailbox_.take(&arrived_);
  if (arrived_.empty()) {
    return;
  }
  refresh_now();
  for (WorkerMessage& message : arrived_) {
    std::visit([this](auto& content) { handle(content); }, message);
  }
  arrived_.clear();
}

void Worker::handle(ForwardedOperation& asked) {
  if (driver_) {
    driver_->shard().submit(asked.token, asked.settle(), now_);
    return;
  }
  Outcome outcome;
  outcome.code = OutcomeCode::kNoReplicas;
  deliver_outcome(asked.token, std::move(outcome));
}

void Worker::handle(ForwardedScan& asked) {
  if (driver_) {
    driver_->shard().submit_scan(asked.token, asked.request, now_);
    return;
  }
  ScanPage page;
  page.no_replicas = true;
  deliver_page(asked.token, std::move(page));
}

void Worker::handle(ForwardedOutcome& answer) {
  hub_.operation_done(answer.token, std::move(answer.outcome));
}

void Worker::handle(ForwardedPage& answer) {
  hub_.scan_done(answer.token, std::move(answer.page));
}

void Worker::handle(ArrivedFrame& arrived) {
  Frame frame;
  if (read_frame_header(arrived.bytes, kFramePayloadBytesMax, &frame.header) == FrameError::kNone) {
    frame.payload = std::string_view(arrived.bytes).substr(kFrameHeaderBytes);
    receive_frame(arrived.from, frame);
  }
}

void Worker::handle(DepartingFrame& departing) {
  control_.send_frame(departing.to, departing.bytes);
}

void Worker::handle(NewClient& client) {
  serve(client);
}

void Worker::handle(Errand& errand) {
  errand.run();
}

// Steps that storage answers set off, replies that let sessions go on, and commands that these then
// run feed each other: around until all is still. What goes out leaves in one write each.
void Worker::end_turn() {
  bool again = true;
  while (again) {
    again = false;
    if (driver_) {
      again = driver_->deliver_storage();
    }
    hub_.resume();
    if (driver_) {
      driver_->flush();
    }
    again = clients_.pump() || again;
  }
  if (is_progress_due_) {
    tell_progress();
  }
  for (size_t worker = 0; worker < outboxes_.size(); ++worker) {
    if (!outboxes_[worker].empty()) {
      workers_[worker]->mailbox_.post(&outboxes_[worker]);
    }
  }
  if (driver_ && !tick_.active() && driver_->shard().needs_tick()) {
    tick_.start(Shard::kTickMs, Shard::kTickMs);
  }
}

void Worker::deliver_outcome(ClientToken token, Outcome&& outcome) {
  const uint8_t origin = origin_of(token);
  if (origin == setup_.index) {
    hub_.operation_done(without_origin(token), std::move(outcome));
    return;
  }
  outcome.value.own();
  outcome.state.own();
  send_to(origin, ForwardedOutcome{without_origin(token), std::move(outcome)});
}

void Worker::deliver_page(ClientToken token, ScanPage&& page) {
  const uint8_t origin = origin_of(token);
  if (origin == setup_.index) {
    hub_.scan_done(without_origin(token), std::move(page));
  } else {
    send_to(origin, ForwardedPage{without_origin(token), std::move(page)});
  }
}

void Worker::deliver_frame(NodeId to, std::string_view frame) {
  if (setup_.index == 0) {
    control_.send_frame(to, frame);
  } else {
    send_to(0, DepartingFrame{to, std::string(frame)});
  }
}

void Worker::want_document(NodeId holder) {
  workers_.front()->post_errand([&control = control_, holder] { control.want_document(holder); });
}

}  // namespace kindred
