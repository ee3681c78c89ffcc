#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "protocol/context/context_codec.h"
#include "server/access/access_log.h"
#include "server/access/users.h"
#include "server/session/channels.h"
#include "server/session/node_service.h"
#include "server/session/notifications.h"
#include "server/session/session.h"
#include "server/session/settings.h"
#include "server/session/shared_counters.h"
#include "server/session/slow_log.h"
#include "server/session/stats.h"
#include "server/session/token.h"

namespace kindred {

/// All sessions of one worker: opens and closes them, takes the service's answers to them. Once a
/// loop turn, after reads and answers, the driver calls resume() and then looks at take_changed():
/// sends output(), closes what wants_close(), starts and stops reading by wants_read().
/// One thread, the worker's.
class SessionHub final : public ServiceClient {
 public:
  /// `settings` and `counters` outlive the hub; the hubs of a node share `counters`.
  SessionHub(SessionSettings& settings, SharedCounters& counters, uint64_t prng_seed);
  ~SessionHub() override;

  /// Before the first session; `service` outlives the hub's use. (Service and client know each
  /// other, so one of them comes second.)
  void attach(NodeService& service) { service_ = &service; }

  /// Refusals are recorded there from now on, together with other hubs'.
  void share_access_log(std::shared_ptr<AccessLog> log) { access_log_ = std::move(log); }
  /// Sessions go by these users from now on; see Session::update_user(). Between sessions' steps,
  /// or from within one.
  void set_users(std::shared_ptr<const Users> users, bool end_changed = false);

  /// A new connection. nullptr where no more fit (kSessionsMax). The session lives until close().
  [[nodiscard]] Session* open(std::string peer_address, std::string local_address,
                              int file_descriptor);
  /// Null once closed.
  [[nodiscard]] Session* find(SessionId id);
  /// The client is gone. What is still asked for it is dropped when it is answered.
  void close(SessionId id);

  /// Sessions that are held back are to be looked at again after so many milliseconds; 0: there are
  /// none. end_holds() then lets go of those whose time is over.
  uint64_t held_for_ms();
  void end_holds();
  /// Sessions that are above their soft limit of output are to be looked at about once a second:
  /// check_output_limits() ends those that have been for too long.
  bool any_over_soft_limit() const { return !over_soft_limit_.empty(); }
  void check_output_limits();
  /// Goes on with sessions whose wait has ended.
  void resume();
  /// Sessions with output, or whose wants_read() or wants_close() may have changed, since the last
  /// call. `ids` is replaced; its memory is used again.
  void take_changed(std::vector<SessionId>* ids);

  size_t session_count() const { return open_count_; }
  SessionStats& stats() { return stats_; }
  const SessionStats& stats() const { return stats_; }
  SessionSettings& settings() { return settings_; }
  /// Calls visit(Session&) for every open session.
  template <typename Visit>
  void for_each(Visit visit) {
    for (auto& place : places_) {
      if (place.session != nullptr && !place.session->closed_) {
        visit(*place.session);
      }
    }
  }

  /// CLIENT PAUSE: commands wait for so long, or longer if they do already.
  void pause(uint64_t for_ms, bool only_writes);
  void end_pause();
  bool is_paused() const { return pause_ends_ms_ != 0; }
  bool pauses_only_writes() const { return pauses_only_writes_; }
  /// The session goes on when the pause has ended.
  void wait_for_pause_end(Session& session) { paused_.push_back(session.id()); }

  /// Tells those of this worker's clients who listen; how many.
  size_t publish(const Publication& publication);
  /// Shows a command, taken by any worker, to this worker's clients that MONITOR.
  void show(std::string_view line);

  void operation_done(ClientToken token, Outcome&& outcome) override;
  void scan_done(ClientToken token, ScanPage&& page) override;
  void number_done(ClientToken token, uint64_t number) override;
  void keys_done(ClientToken token, std::vector<std::string>&& keys) override;
  void text_done(ClientToken token, std::string&& text) override;
  void status_done(ClientToken token, std::string&& error) override;
  void ring_figures_done(ClientToken token, RingFigures&& figures) override;

  // --- what sessions see ---

  NodeService& service() { return *service_; }
  /// As of the last refresh(); null before the node is in a cluster.
  const ClusterDocument* cluster() const { return cluster_.get(); }
  /// Which partition a key is of, by the document as this hub knows it.
  const KeyPartitions& partitions() const { return partitions_; }
  /// How the requests of an operation may overlap with others of its connection.
  Access access_of(const Operation& operation) const;
  bool ready() const { return ready_; }
  /// Null before the node is in a cluster.
  ContextCodec* contexts() { return contexts_ ? &*contexts_ : nullptr; }
  const Users& users() const { return *users_; }
  std::shared_ptr<const Users> shared_users() const { return users_; }
  AccessLog& access_log() { return *access_log_; }
  void note_held(Session& session, uint64_t delay_ms);
  void note_over_soft_limit(Session& session) { over_soft_limit_.push_back(session.id()); }
  uint64_t random() { return random_(); }
  /// Looks at the service's cluster and readiness again: once before each batch.
  void refresh();
  /// Brings the stats' rates up to now.
  void sample_rates();
  /// The service's cluster clock at the last refresh().
  uint64_t now_ms() const { return now_ms_; }
  void note_changed(Session& session);
  void note_stall_ended(Session& session);
  /// As many operations are in flight as may be: commands on keys wait, by wait_for_room(), until
  /// some are answered. Their time to be answered runs only from then on.
  bool is_full() const { return asked_ >= settings_.operations_max; }
  void wait_for_room(Session& session);
  void note_asked() { ++asked_; }
  /// Of an operation that is about to be submitted: what it changes may have to be published.
  void note_change(ClientToken token, const CommandSpec& spec, const Operation& operation) {
    if (settings_.notify_events != 0) {
      notifications_.asked(settings_.notify_events, token, spec, operation, now_ms_);
    }
  }
  /// The same of a step of a transaction, which was carried out.
  void publish_step(const CommandSpec& spec, const Operation& step, const Outcome& outcome);
  void count_call(CommandId id);
  SlowLog& slow_log() { return slow_log_; }
  /// Gives the command its id.
  void note_slow(SlowCommand command);
  Channels& channels() { return channels_; }
  /// Whether any client of the node MONITORs.
  bool is_monitored() const { return counters_.monitors.load(std::memory_order_relaxed) != 0; }
  void add_monitor(SessionId id);
  void remove_monitor(SessionId id);
  void show_to_monitors(std::string line);
  /// Of the calls counted since the last time.
  void share_out_time(uint64_t nanoseconds);

 private:
  struct Place {
    std::unique_ptr<Session> session;
    uint16_t generation = 0;
  };

  Session* awaiting(const TokenParts& token);
  void publish_here(std::vector<Publication> publications);
  void end_waits();
  void release(SessionId id);

  SessionSettings& settings_;
  SharedCounters& counters_;
  NodeService* service_ = nullptr;
  std::mt19937_64 random_;

  std::shared_ptr<const Users> users_ = std::make_shared<const Users>();
  std::shared_ptr<AccessLog> access_log_ = std::make_shared<AccessLog>();
  std::multimap<uint64_t, SessionId> held_;  // by when it ends
  std::vector<SessionId> over_soft_limit_;

  std::vector<Place> places_;
  std::deque<uint32_t> free_places_;  // used again oldest first
  size_t open_count_ = 0;
  size_t asked_ = 0;               // questions of all sessions not yet answered
  std::deque<SessionId> waiting_;  // for room, the longest first
  SlowLog slow_log_;
  uint64_t pause_ends_ms_ = 0;  // by mono_ms(); 0: there is no pause
  bool pauses_only_writes_ = false;
  std::vector<SessionId> paused_;
  Channels channels_;
  Notifications notifications_;
  std::vector<SessionId> monitors_;
  std::vector<SessionId> changed_;
  std::vector<SessionId> to_resume_;
  std::vector<SessionId> resuming_;

  std::shared_ptr<const ClusterDocument> cluster_;
  KeyPartitions partitions_;
  bool has_keys_without_registers_ = false;
  uint64_t now_ms_ = 0;
  bool ready_ = false;
  std::optional<ContextCodec> contexts_;
  SessionStats stats_;
  uint64_t rates_due_ms_ = 0;  // by the cluster's clock
  RecentRate commands_rate_;
  RecentRate received_rate_;
  RecentRate sent_rate_;
  std::vector<CommandId> untimed_calls_;
};

}  // namespace kindred
