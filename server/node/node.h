#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/api/registry.h"
#include "replication/membership/membership.h"
#include "server/config/config.h"
#include "server/figures/figures.h"
#include "server/figures/gossip_count.h"
#include "server/io/loop.h"
#include "server/io/tcp.h"
#include "server/log/log.h"
#include "server/node/admin_server.h"
#include "server/node/background_thread.h"
#include "server/node/boot.h"
#include "server/node/key_counts.h"
#include "server/node/node_directory.h"
#include "server/node/node_shared.h"
#include "server/node/peer_links.h"
#include "server/node/worker.h"

namespace kindred {

/// What a node's run leaves to the next one in the same process.
struct NextRun {
  bool copies_filling = false;  // they may lack what they acknowledged
  bool salvages = false;        // the engine's files are damaged: keep what can be read
};

/// The process's one node: its directory, engine, workers, links and membership. Lives on the main
/// thread, which is worker 0's.
class Node final : public NodeControl,
                   public MembershipPorts,
                   public PeerLinkEvents,
                   private KeyCountPorts {
 public:
  struct Setup {
    Config config;
    std::string version;
    const plugins::Registry* engines = nullptr;  // outlives the node, as do the next two
    const plugins::ResolverRegistry* resolvers = nullptr;
    Log* log = nullptr;
    NextRun inherited;
  };

  /// Locks the directory, opens the engine and listens. Null with `error` set where it can't.
  static std::unique_ptr<Node> open(Setup setup, std::string* error);
  ~Node() override;

  /// Serves until it is told to stop (SIGTERM, SIGINT, SHUTDOWN), or until the node left its
  /// cluster; the process's exit code.
  int run();
  /// After run(): set where the node is to be opened and run again.
  const std::optional<NextRun>& next_run() const { return next_run_; }

 private:
  struct ActorQuestion {
    Asker asker;
    std::vector<ActorId> actors;
    std::vector<std::string> names;  // as far as they are known
    size_t answers_missing = 0;
    uint64_t deadline_us = 0;
  };
  struct BackupQuestion {
    Asker asker;
    std::string name;
    std::vector<NodeId> missing;  // members that have not answered
    RingFigures figures;
    uint64_t deadline_us = 0;
  };

  explicit Node(Setup setup);

  // Starting and stopping (node.cc).
  std::string open_engines();
  std::string open_engine(unsigned index, const plugins::OpenOptions& options);
  std::string note_filling(bool is_needed);
  std::string drop_void_data();
  std::string listen();
  void make_workers();
  void accept(int socket, bool with_tls);
  std::string load_tls(const Config& config);
  void reload_tls();
  bool is_stranger(int socket) const;
  void finish_install(const Inventory& inventory);
  void announce_when_ready();
  void tell_manager(std::string_view state);
  std::string take_saved_copies(const BootSituation& situation);
  void save_copies();
  void drop_taken_copies();
  std::string close_engines();
  void post_to_all(const std::function<void(Worker&)>& run);
  void write_pidfile();

  // Keyspaces, and what else the document says beside the ring (node_keyspaces.cc).
  /// `done` gets the outcome (see MembershipPorts::change_done).
  void edit_document(Membership::DocumentEdit edit,
                     std::function<void(std::string_view error, uint64_t epoch)> done);
  void after_all_workers(const std::function<void()>& done);
  void answer_count(Asker asker, const std::string& error, uint64_t count);
  /// Logs what the document's keyspaces ask and this node lacks, where they differ from `before`.
  void look_at_keyspaces(const Keyspaces& before, bool is_first);

  // Users (node_users.cc).
  std::string make_users();
  std::shared_ptr<const Users> effective_users(const ClusterDocument* document) const;
  void take_users();
  std::string load_acl_file(Users* users);
  void load_users_for_all(Asker asker);
  void save_acl_file(const std::function<void(const std::string& error, uint64_t)>& answer);
  void set_users(std::shared_ptr<const Users> users, bool end_changed,
                 const std::function<void()>& done);

  // The admin pages (node_admin.cc).
  std::string open_admin();
  void answer_admin(AdminPage page, const AdminServer::Respond& respond);
  std::string why_not_ready() const;
  std::string ring_status(const RingFigures& sum) const;

  // Membership's driver (node_membership.cc).
  static LocalTime local_time();
  Address announced(uint16_t announce_port, uint16_t port) const;
  MembershipConfig membership_config() const;
  void after_membership_step();
  /// A ring change; `done` gets its outcome (see MembershipPorts::change_done).
  void change_ring(const RingChange& change,
                   std::function<void(std::string_view error, uint64_t epoch)> done);
  void commit_ring(std::function<void(std::string_view error, uint64_t epoch)> done);
  void clear_ring(std::function<void(std::string_view error, uint64_t epoch)> done);
  void refresh_view();
  bool all_copies_whole() const;
  struct LiveMembers {
    std::vector<NodeId> live;
    std::vector<NodeId> whole;
    friend bool operator==(const LiveMembers&, const LiveMembers&) = default;
  };
  LiveMembers live_members() const;
  std::vector<NodeId> first_live_holders(const LiveMembers& members) const;
  void say_hello();
  bool is_yielding(NodeId member) const;
  void tell_yielding();
  void sum_ring_figures(const std::function<void(Worker&, const FiguresAnswer&)>& ask,
                        const FiguresAnswer& done);
  FiguresAnswer to_asker(Asker asker);
  void sum_worker_figures(const std::function<void(const WorkerFigures&)>& done);
  void hear_yielding(NodeId member);

  // Questions to the whole node (node_questions.cc).
  std::vector<NodeId> owners_in_reach(uint16_t partition) override;
  bool is_in_reach(NodeId node) override;
  void ask_count(NodeId holder, uint64_t question, std::vector<uint16_t> partitions) override;
  void counted(Asker asker, uint64_t keys) override;
  void count_failed(Asker asker, std::string_view error) override;
  void count_own_keys(const std::vector<uint16_t>& partitions,
                      const std::function<void(uint64_t)>& done);
  void find_own_actors(const std::vector<ActorId>& actors,
                       const std::function<void(const std::vector<ActorId>&)>& done);
  void add_actors(uint64_t id, NodeId node, const std::vector<ActorId>& own);
  void end_late_actor_questions(uint64_t now_us);

  // Backups (node_backup.cc) and checkpoints (node_save.cc).
  using BackupDone = std::function<void(const std::string& error)>;
  std::string why_no_checkpoint() const;
  void make_backup(const std::string& name, const BackupDone& done);
  /// What was acknowledged before, in the directory `target`, which is made.
  void make_checkpoint(const std::string& target, const BackupDone& done);
  void write_checkpoint(const std::string& target, const BackupDone& done);
  void note_saved();
  void save_done(const std::string& target, const std::string& error);
  void answer_status(Asker asker, const std::string& error);
  void add_backup(uint64_t id, NodeId member, const std::string& error,
                  const std::string& directory);
  void end_late_backups(uint64_t now_us);
  void answer_backup(const LinkHello& from, const MakeBackup& asked);
  void stop_idle_timer();
  FrameOrigin origin() const;
  void end_late_questions();
  void answer_control(const LinkHello& from, const ControlMessage& message);
  void publish(const Publication& publication);
  NodeFigures figures(const WorkerFigures& sum) const;

  void flush_all(Asker asker) override;
  void count_keys(Asker asker) override;
  void name_actors(Asker asker, std::vector<ActorId> actors) override;
  void tell_info(Asker asker, std::vector<std::string> sections) override;
  void tell_ring_figures(Asker asker) override;
  void repair(Asker asker, std::optional<PartitionIndex> partition) override;
  void backup(Asker asker, const BackupRequest& request) override;
  void save(Asker asker, bool in_background) override;
  void ask_ring_change(Asker asker, const RingRequest& request) override;
  void drain_node(Asker asker) override;
  void clear_gossip(Asker asker) override;
  void change_keyspaces(Asker asker, const KeyspaceRequest& request) override;
  void change_users(Asker asker, const UserChange& change) override;
  void set_config(Asker asker, std::vector<std::pair<std::string, std::string>> settings) override;
  void rewrite_config(Asker asker) override;
  void spread(const Publication& publication) override;
  void stop() override;
  void copies_changed() override;
  void copies_came(uint8_t worker, MemberProgress progress) override;
  void want_document(NodeId holder) override;
  void storage_changed(uint8_t worker, StorageTrouble trouble, const std::string& text) override;
  void engine_damaged(const std::string& text) override;
  void copies_mended(uint64_t copies) override;
  void run_again(const NextRun& next, const std::string& why);
  bool takes_writes() const;
  void reopen_where_it_may_forget();
  void reopen_when_writable();
  BootRecord boot_record(DurabilityDirective durability) const;
  void note_durability(Asker asker, std::vector<std::pair<std::string, std::string>> settings,
                       DurabilityDirective durability);
  void persist_next();
  void send_frame(NodeId to, std::string_view frame) override;

  void send(const Address& to, const MembershipMessage& message) override;
  void persist(const NodeRecord& record, PersistToken token) override;
  void installed(std::shared_ptr<const ClusterDocument> document, NodeId self,
                 bool copies_filling) override;
  void alive_changed(NodeId member, bool is_up) override;
  void collect_stamp(StampToken token) override;
  void flush_done(FlushToken token, std::string_view error) override;
  void change_done(ChangeToken token, std::string_view error, uint64_t epoch) override;
  void left(std::string_view why, bool starts_anew) override;
  void log(kindred::LogLevel level, std::string_view text) override;
  void fatal(std::string_view text) override;
  uint64_t random() override;

  void link_up(const Address& address) override;
  void link_down(const Address& address) override;
  [[nodiscard]] bool frame_arrived(const LinkHello& from, const Frame& frame) override;
  void keep_early(const LinkHello& from, const Frame& frame);
  void take_early();
  void frame_rejected(const std::string& from, std::string_view why) override;
  void route_data(NodeId from, const Frame& frame);
  uint8_t worker_of(uint16_t partition) const {
    return Worker::worker_of(partition, document_->ring, worker_count_);
  }

  const std::string version_;
  const plugins::Registry& registry_;
  const plugins::ResolverRegistry& resolvers_;
  Log& log_;
  std::shared_ptr<const Config> config_;
  uint8_t worker_count_ = 1;
  std::shared_ptr<const Users> own_users_;        // as this node's configuration and file say
  std::shared_ptr<const Users> users_;            // with what the cluster says
  uint32_t acl_loads_ = 0;                        // under way
  std::shared_ptr<const TlsContext> client_tls_;  // null: no tls-port
  std::shared_ptr<AccessLog> access_log_ = std::make_shared<AccessLog>();
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();

  std::unique_ptr<NodeDirectory> directory_;
  NodeRecord loaded_record_;
  std::vector<std::unique_ptr<plugins::Engine>> engines_;  // one, or one a worker
  plugins::Capabilities engine_capabilities_;
  NodeShared shared_;
  std::vector<std::unique_ptr<Worker>> workers_;

  // All below live on worker 0's loop and go before it.
  std::optional<PeerLinks> links_;
  std::vector<std::unique_ptr<TcpListener>> listeners_;
  std::unique_ptr<AdminServer> admin_;  // null: no admin-port
  std::optional<Membership> membership_;
  std::optional<Timer> membership_timer_;
  std::optional<Timer> ready_timer_;
  std::optional<Timer> question_timer_;
  std::vector<std::unique_ptr<SignalWatcher>> signals_;

  bool is_drained_ = false;  // RING DRAIN
  uint64_t yielding_told_us_ = 0;
  static constexpr size_t kPeersKnownMax = 4096;        // of those that no document lists
  std::map<NodeId, uint64_t> capabilities_;             // of peers, as they said hello
  std::map<NodeId, uint64_t> yielding_until_us_;        // drained peers, as long as they say so
  std::vector<std::pair<Address, bool>> link_changes_;  // told to membership between its steps
  std::map<NodeId, Address> peer_addresses_;
  struct EarlyFrame {
    LinkHello from;
    FrameHeader header;
    std::string payload;
  };
  static constexpr size_t kEarlyBytesMax = size_t{4} << 20;
  std::vector<EarlyFrame> early_frames_;  // taken in once all workers have the first document
  size_t early_bytes_ = 0;
  std::shared_ptr<const ClusterDocument> document_;
  NodeId self_ = 0;
  std::shared_ptr<const ClusterView> view_;
  uint8_t installs_missing_ = 0;
  bool ready_ = false;
  uint64_t ready_us_ = 0;
  uint64_t links_swept_us_ = 0;
  std::optional<LiveMembers> members_of_view_;  // that view_ was made with
  GossipCount gossip_;
  uint64_t inventory_damaged_ = 0;
  std::optional<SaveMark> save_;  // of the last clean stop, until all workers have begun
  uint64_t known_copies_ = 0;     // at the start, without reading their records

  KeyCounts key_counts_{*this};
  std::map<uint64_t, ActorQuestion> actor_questions_;
  std::map<uint64_t, BackupQuestion> backup_questions_;
  SaveFigures saves_;
  std::map<FlushToken, Asker> flushes_;
  std::map<ChangeToken, std::function<void(std::string_view, uint64_t)>> ring_changes_;
  std::vector<MemberProgress> worker_progress_;
  uint64_t last_question_ = 0;
  uint64_t rejected_connections_ = 0;
  size_t next_worker_ = 0;
  // Routing of peers' messages where there are several workers.
  std::optional<MessageReader> router_;
  std::vector<FrameBuilder> routed_;  // by worker

  struct Persisting {
    PersistToken token = 0;
    std::string bytes;
  };
  std::deque<Persisting> persisting_;  // the front one is on its way to the disk
  std::optional<Timer> persist_retry_;
  bool is_persist_failing_ = false;
  std::vector<StorageTrouble> troubles_;  // by worker
  std::string trouble_text_;
  DurabilityDirective least_durability_ = DurabilityDirective::kNone;  // so far in this run
  DurabilityDirective boot_durability_ = DurabilityDirective::kNone;   // what the boot file gets
  std::optional<Timer> reopen_check_;
  uint64_t salvaged_ranges_lost_ = 0;

  const NextRun inherited_;
  std::optional<NextRun> next_run_;
  bool stopping_ = false;
  size_t drains_missing_ = 0;
  int exit_code_ = 0;
  std::optional<BackgroundThread> background_;
  std::optional<BackgroundThread> backup_thread_;  // engines take their time
};

}  // namespace kindred
