#include "server/node/node.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <thread>

#include "protocol/membership/node_record_codec.h"
#include "server/node/backup_files.h"
#include "server/node/boot.h"
#include "server/node/service_manager.h"
#include "server/storage/salvage.h"

namespace kindred {

namespace {

/// Of keys and records as this program stores them in an engine.
constexpr uint32_t kHostLayout = 1;
constexpr uint64_t kReadyCheckMs = 20;
constexpr uint64_t kReadyWaitUsMax = 2'000'000;
constexpr uint64_t kStopSlackMs = 500;
constexpr uint64_t kPersistRetryMs = 200;
constexpr std::string_view kTooManyClients = "-ERR max number of clients reached\r\n";
constexpr std::string_view kProtected =
    "-DENIED Kindred is running in protected mode because protected mode is enabled and no "
    "password is set for the default user. In this mode connections are only accepted from the "
    "loopback interface. If you want to connect from external computers you may adopt one of the "
    "following solutions: 1) Disable protected mode by sending the command 'CONFIG SET "
    "protected-mode no' from the loopback interface by connecting from the same host the server "
    "is running, however MAKE SURE it is not publicly accessible from internet if you do so. 2) "
    "Set the protected-mode option to 'no' in the configuration file, and restart the server. 3) "
    "Set up an authentication password for the default user. NOTE: You only need to do one of the "
    "above things in order for the server to start accepting connections from the outside.\r\n";

std::string_view record_flaw(NodeRecordBytes result) {
  switch (result) {
    case NodeRecordBytes::kValid:
      return "";
    case NodeRecordBytes::kForeign:
      return "is no node record";
    case NodeRecordBytes::kVersionNewer:
      return "was written by a later version of Kindred";
    case NodeRecordBytes::kDamaged:
      break;
  }
  return "is damaged";
}

uint8_t workers_wanted(const Config& config) {
  const uint32_t cores = std::max(1U, std::thread::hardware_concurrency());
  return static_cast<uint8_t>(std::min(config.workers == 0 ? cores : config.workers, 64U));
}

}  // namespace

Node::Node(Setup setup)
    : version_(std::move(setup.version)),
      registry_(*setup.engines),
      resolvers_(*setup.resolvers),
      log_(*setup.log),
      config_(std::make_shared<const Config>(std::move(setup.config))),
      worker_count_(workers_wanted(*config_)),
      view_(std::make_shared<const ClusterView>()),
      inherited_(setup.inherited) {}

Node::~Node() = default;

std::unique_ptr<Node> Node::open(Setup setup, std::string* error) {
  std::unique_ptr<Node> node(new Node(std::move(setup)));
  *error = node->make_users();
  if (error->empty()) {
    *error = node->open_engines();
  }
  if (error->empty()) {
    node->users_ = node->effective_users(node->loaded_record_.document.get());
    node->note_saved();
    node->access_log_->set_entries_max(node->config_->acllog_max_len);
    node->make_workers();
    *error = node->listen();
  }
  return error->empty() ? std::move(node) : nullptr;
}

// Reads what the directory says of the node's life so far; `engine_had_data` is what was found
// before the engine was opened.
std::string Node::open_engines() {
  std::string error;
  directory_ = NodeDirectory::open(config_->dir, &error);
  if (directory_ != nullptr && !config_->restore.empty()) {
    error = restore_backup(config_->restore, config_->dir, config_->storage_engine);
  }
  if (directory_ == nullptr || !error.empty()) {
    return error;
  }
  const std::optional<std::string> record = directory_->read(kNodeRecordFile, &error);
  if (record) {
    const std::string_view flaw = record_flaw(decode_node_record(*record, &loaded_record_));
    if (!flaw.empty()) {
      return "'" + directory_->path_of(kNodeRecordFile) + "' " + std::string(flaw);
    }
  }
  BootSituation situation;
  std::optional<std::string> boot;
  if (error.empty()) {
    boot = directory_->read(kBootFile, &error);
  }
  if (!error.empty()) {
    return error;
  }
  situation.has_record = boot && decode_boot_record(*boot, &situation.before);
  situation.machine_boot_id = machine_boot_id();
  situation.engine = config_->storage_engine;

  const plugins::EngineFactory* factory = registry_.find(config_->storage_engine);
  const bool per_worker = factory != nullptr && factory->capabilities.thread_bound;
  situation.engine_had_data = true;
  const unsigned engine_count = per_worker ? worker_count_ : 1;
  for (unsigned i = 0; i < engine_count; ++i) {
    plugins::OpenOptions options;
    options.dir = engine_directory(config_->dir, config_->storage_engine, i);
    options.settings = config_->engine_settings;
    options.host_layout = kHostLayout;
    struct stat found {};
    situation.engine_had_data &= ::stat(options.dir.c_str(), &found) == 0;
    error = open_engine(i, options);
    if (!error.empty()) {
      return error;
    }
  }
  engine_capabilities_ = engines_.front()->capabilities();
  situation.engine_persistent = engine_capabilities_.persistent;

  error = drop_void_data();
  if (!error.empty()) {
    return error;
  }
  error = note_filling(inherited_.copies_filling || copies_need_filling(situation));
  if (!error.empty()) {
    return error;
  }
  error = take_saved_copies(situation);
  if (!error.empty()) {
    return error;
  }
  least_durability_ = boot_durability_ =
      effective_durability(config_->durability, engine_capabilities_);
  return directory_->write(kBootFile, encode_boot_record(boot_record(least_durability_)));
}

BootRecord Node::boot_record(DurabilityDirective durability) const {
  return {false, machine_boot_id(), durability, config_->storage_engine};
}

// Damaged files are put aside, and what can still be read of them goes into new ones.
std::string Node::open_engine(unsigned index, const plugins::OpenOptions& options) {
  const std::string& name = config_->storage_engine;
  std::string error = finish_salvage(options.dir);
  plugins::OpenedEngine opened;
  if (error.empty() && !inherited_.salvages) {
    opened = registry_.open(name, options);
  }
  const bool is_damaged =
      inherited_.salvages || opened.status.code == plugins::StatusCode::kCorruption;
  if (error.empty() && is_damaged) {
    log_.warning("Damaged files of the storage engine '" + name +
                 "': " + (inherited_.salvages ? "found while it ran" : opened.status.text()) +
                 "; keeping what can be read");
    // Before the damaged files are out of the way: also a log that was cut short loses writes.
    error = note_filling(true);
    const Salvage salvage =
        error.empty() ? salvage_engine(registry_, name, options) : Salvage{error, "", 0, 0};
    error = salvage.error;
    if (error.empty()) {
      salvaged_ranges_lost_ += salvage.ranges_lost;
      log_.warning("Kept " + std::to_string(salvage.records) + " records; " +
                   std::to_string(salvage.ranges_lost) +
                   " ranges could not be read. The damaged "
                   "files are in '" +
                   salvage.aside + "' and may be deleted");
      opened = registry_.open(name, options);
    }
  }
  if (error.empty() && !opened.status.ok()) {
    error = opened.status.text();
  }
  if (!error.empty()) {
    return "storage engine '" + name + "': " + error;
  }
  engines_.resize(index + 1);
  engines_[index] = std::move(opened.engine);
  return "";
}

// Stored before the boot file forgets why: a start that ends before the copies are filled must not
// make the next one take them for whole.
std::string Node::note_filling(bool is_needed) {
  // A lone copy has nobody to be filled from: what is there is all there is.
  const bool has_other_copies =
      loaded_record_.document != nullptr && loaded_record_.document->ring.copies() > 1;
  if (!has_other_copies || loaded_record_.copies_filling || !is_needed) {
    return "";
  }
  loaded_record_.copies_filling = true;
  std::string bytes;
  encode_node_record(loaded_record_, &bytes);
  return directory_->write(kNodeRecordFile, bytes);
}

void Node::make_workers() {
  troubles_.assign(worker_count_, StorageTrouble::kNone);
  for (uint8_t i = 0; i < worker_count_; ++i) {
    Worker::Setup setup;
    setup.index = i;
    setup.worker_count = worker_count_;
    setup.config = config_;
    setup.users = users_;
    setup.resolvers = &resolvers_;
    setup.access_log = access_log_;
    setup.log_client_closed = [this](std::string_view reason) {
      if (!reason.empty()) {
        log_.notice("Client closed: " + std::string(reason));
      }
    };
    plugins::Engine& engine = *engines_[engines_.size() > 1 ? i : 0];
    workers_.push_back(std::make_unique<Worker>(setup, engine, shared_, *this, workers_));
  }
}

// What a node holds of a cluster that it left must never come up in another one.
std::string Node::drop_void_data() {
  if (!loaded_record_.data_is_void) {
    return "";
  }
  for (const auto& engine : engines_) {
    plugins::Status status = engine->erase("", "");
    if (status.ok() && engine_capabilities_.can_sync) {
      status = engine->apply(plugins::WriteBatch(), plugins::Durability::kGroup);
    }
    if (!status.ok()) {
      return "erasing the data of a cluster that this node left: " + status.text();
    }
  }
  loaded_record_.data_is_void = false;
  std::string bytes;
  encode_node_record(loaded_record_, &bytes);
  return directory_->write(kNodeRecordFile, bytes);
}

std::string Node::listen() {
  Loop& loop = workers_.front()->loop();
  links_.emplace(loop, config_->bind.front(), *this);
  links_->set_secret(config_->cluster_secret);
  std::string error = load_tls(*config_);
  const auto open = [&](const std::string& host, uint16_t port, std::function<void(int)> serve) {
    if (error.empty() && port != 0) {
      listeners_.push_back(TcpListener::open(loop, {host, port}, std::move(serve), &error));
    }
  };
  for (const std::string& host : config_->bind) {
    open(host, config_->port, [this](int socket) { accept(socket, false); });
    open(host, config_->tls_port, [this](int socket) { accept(socket, true); });
    open(host, config_->effective_peer_port(), [this](int socket) { links_->serve(socket); });
  }
  return error.empty() ? open_admin() : error;
}

void Node::accept(int socket, bool with_tls) {
  if (shared_.client_count.load(std::memory_order_relaxed) >= config_->maxclients) {
    ++rejected_connections_;
    refuse_socket(socket, kTooManyClients);
    return;
  }
  if (is_stranger(socket)) {
    ++rejected_connections_;
    refuse_socket(socket, kProtected);
    return;
  }
  shared_.client_count.fetch_add(1, std::memory_order_relaxed);
  Worker& worker = *workers_[next_worker_++ % workers_.size()];
  NewClient client{socket, with_tls ? client_tls_ : nullptr};
  if (worker.index() == 0) {
    worker.serve(client);
  } else {
    worker.post(std::move(client));
  }
}

// Protected mode: whoever needs no password must come from this machine.
bool Node::is_stranger(int socket) const {
  return config_->protected_mode && users_->default_user().needs_no_password() &&
         !is_loopback(peer_of(socket).host);
}

void Node::post_to_all(const std::function<void(Worker&)>& run) {
  for (const auto& worker : workers_) {
    worker->post_errand([run, &target = *worker] { run(target); });
  }
}

int Node::run() {
  Worker& main_worker = *workers_.front();
  Loop& loop = main_worker.loop();
  background_.emplace();
  backup_thread_.emplace();
  for (const int number : {SIGTERM, SIGINT}) {
    signals_.push_back(std::make_unique<SignalWatcher>(loop, number, [this] { stop(); }));
  }
  signals_.push_back(std::make_unique<SignalWatcher>(loop, SIGHUP, [this] { reload_tls(); }));
  membership_timer_.emplace(loop, [this] {
    membership_->tick(local_time());
    after_membership_step();
  });
  ready_timer_.emplace(loop, [this] { announce_when_ready(); });
  persist_retry_.emplace(loop, [this] { persist_next(); });
  reopen_check_.emplace(loop, [this] { reopen_when_writable(); });
  question_timer_.emplace(loop, [this] { end_late_questions(); });
  write_pidfile();
  for (const auto& worker : workers_) {
    if (worker->index() != 0) {
      worker->start_thread();
    }
  }
  membership_.emplace(membership_config(), *this);
  // Until each worker has told how far its copies are, nothing is stored or handed over.
  worker_progress_.assign(workers_.size(), MemberProgress{0, {}, true});
  membership_->set_progress(worker_progress_.front(), local_time());
  membership_->start(std::move(loaded_record_), local_time());
  after_membership_step();
  loop.run();

  for (const auto& worker : workers_) {
    if (worker->index() != 0) {
      worker->post_errand([&target = *worker] {
        target.close_storage();
        target.quit();
      });
      worker->join();
    }
  }
  main_worker.close_storage();
  save_copies();
  backup_thread_.reset();
  background_.reset();
  const std::string error = close_engines();
  if (!error.empty() && (!next_run_ || !next_run_->copies_filling)) {
    log_.warning(error);
    exit_code_ = 1;
  }
  if (!config_->pidfile.empty()) {
    ::unlink(config_->pidfile.c_str());
  }
  if (exit_code_ == 0 && !next_run_) {
    log_.notice("Kindred is now ready to exit, bye bye...");
  }
  return exit_code_;
}

void Node::write_pidfile() {
  if (!config_->pidfile.empty()) {
    std::ofstream stream(config_->pidfile);
    stream << ::getpid() << '\n';
    if (!stream.flush()) {
      log_.warning("can't write the pidfile '" + config_->pidfile + "'");
    }
  }
}

// On the main thread, once for each worker that has taken in the first document.
void Node::finish_install(const Inventory& inventory) {
  inventory_damaged_ += inventory.damaged;
  if (inventory.status.code == plugins::StatusCode::kCorruption) {
    engine_damaged(inventory.status.text());
    return;
  }
  if (!inventory.status.ok()) {
    fatal("can't read the stored records: " + inventory.status.text());
    return;
  }
  if (inventory.damaged > 0) {
    log_.warning(std::to_string(inventory.damaged) + " damaged records were put aside");
  }
  known_copies_ += inventory.known_copies;
  if (--installs_missing_ == 0) {
    drop_taken_copies();
    ready_ = true;
    ready_us_ = Loop::mono_us();
    ready_timer_->start(0, kReadyCheckMs);
    take_early();
  }
}

// Clients that come right after the log line should find their quorums: members that start together
// are waited for, for a while.
void Node::announce_when_ready() {
  refresh_view();
  const bool all_up = membership_->members_up() == document_->members.size();
  if (all_up || Loop::mono_us() > ready_us_ + kReadyWaitUsMax) {
    ready_timer_->stop();
    log_.notice("Node " + membership_->record().name + " sees " +
                std::to_string(membership_->members_up()) + " of " +
                std::to_string(document_->members.size()) + " members, itself included");
    log_.notice("Ready to accept connections on port " + std::to_string(config_->client_port()));
    tell_manager("READY=1");
  }
}

void Node::tell_manager(std::string_view state) {
  if (!tell_service_manager(state)) {
    log_.warning("can't tell the service manager " + std::string(state) + " by NOTIFY_SOCKET");
  }
}

void Node::stop() {
  if (stopping_) {
    return;
  }
  stopping_ = true;
  log_.notice("Asked to stop: finishing what is in flight");
  tell_manager("STOPPING=1");
  ready_timer_->stop();
  listeners_.clear();
  drains_missing_ = workers_.size();
  const uint64_t timeout_ms = config_->request_timeout_ms + kStopSlackMs;
  post_to_all([this, timeout_ms](Worker& worker) {
    worker.drain(timeout_ms, [this] {
      workers_.front()->post_errand([this] {
        if (--drains_missing_ == 0) {
          workers_.front()->quit();
        }
      });
    });
  });
}

// A stop is clean once all that was written is on the device, whatever the durability.
std::string Node::close_engines() {
  for (const auto& engine : engines_) {
    plugins::Status status;
    if (engine_capabilities_.can_sync) {
      status = engine->apply(plugins::WriteBatch(), plugins::Durability::kGroup);
    }
    if (status.ok()) {
      status = engine->close();
    }
    if (!status.ok()) {
      return "closing the storage engine: " + status.text();
    }
  }
  if (exit_code_ != 0 || (next_run_ && next_run_->copies_filling)) {
    return "";
  }
  BootRecord clean = boot_record(least_durability_);
  clean.clean_stop = true;
  return directory_->write(kBootFile, encode_boot_record(clean));
}

void Node::persist(const NodeRecord& record, PersistToken token) {
  Persisting next;
  next.token = token;
  encode_node_record(record, &next.bytes);
  persisting_.push_back(std::move(next));
  if (persisting_.size() == 1) {
    persist_next();
  }
}

// What can't be stored is not answered for; it is tried again, since a disk may come back.
void Node::persist_next() {
  background_->post([this, content = persisting_.front().bytes] {
    const std::string error = directory_->write(kNodeRecordFile, content);
    workers_.front()->post_errand([this, error] {
      if (!error.empty()) {
        if (!is_persist_failing_) {
          log_.warning(error + "; trying again");
        }
        is_persist_failing_ = true;
        persist_retry_->start(kPersistRetryMs);
        return;
      }
      is_persist_failing_ = false;
      const PersistToken token = persisting_.front().token;
      persisting_.pop_front();
      if (!persisting_.empty()) {
        persist_next();
      }
      membership_->persisted(token, local_time());
      after_membership_step();
    });
  });
}

}  // namespace kindred
