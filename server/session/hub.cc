#include "server/session/hub.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "protocol/resp/glob.h"
#include "server/session/invariant.h"

namespace kindred {

SessionHub::SessionHub(SessionSettings& settings, SharedCounters& counters, uint64_t prng_seed)
    : settings_(settings), counters_(counters), random_(prng_seed) {}

SessionHub::~SessionHub() = default;

Session* SessionHub::open(std::string peer_address, std::string local_address,
                          int file_descriptor) {
  if (free_places_.empty()) {
    if (places_.size() == kSessionsMax) {
      return nullptr;
    }
    free_places_.push_back(static_cast<uint32_t>(places_.size()));
    places_.emplace_back();
  }
  const uint32_t index = free_places_.front();
  free_places_.pop_front();
  Place& place = places_[index];
  refresh();
  ClientInfo info;
  info.id = counters_.clients.fetch_add(1, std::memory_order_relaxed) + 1;
  info.peer_address = std::move(peer_address);
  info.local_address = std::move(local_address);
  info.file_descriptor = file_descriptor;
  info.created_ms = now_ms_;
  info.last_active_ms = now_ms_;
  const SessionId id{index, place.generation};
  place.session = std::make_unique<Session>(*this, id, std::move(info));
  ++open_count_;
  ++stats_.connections_received;
  return place.session.get();
}

Session* SessionHub::find(SessionId id) {
  if (id.index >= places_.size()) {
    return nullptr;
  }
  Place& place = places_[id.index];
  const bool open =
      place.session != nullptr && place.generation == id.generation && !place.session->closed_;
  return open ? place.session.get() : nullptr;
}

void SessionHub::close(SessionId id) {
  Session* session = find(id);
  if (session == nullptr) {
    return;
  }
  require(session->depth_ == 0, "a session is closed only between its steps");
  --open_count_;
  session->stop_listening();
  session->closed_ = true;
  session->closing_ = true;
  if (session->asked_ == 0) {
    release(id);
  }
}

/// Only once nothing is asked for any more, so that no late answer can find another session.
void SessionHub::release(SessionId id) {
  Place& place = places_[id.index];
  place.session.reset();
  ++place.generation;
  free_places_.push_back(id.index);
}

Session* SessionHub::awaiting(const TokenParts& token) {
  require(token.session.index < places_.size(), "an answer's token is one that was given");
  Place& place = places_[token.session.index];
  require(place.session != nullptr && place.generation == token.session.generation,
          "a session stays until all its questions are answered");
  Session& session = *place.session;
  --session.asked_;
  --asked_;
  end_waits();
  if (!session.closed_) {
    return &session;
  }
  if (session.asked_ == 0) {
    release(token.session);
  }
  return nullptr;
}

size_t SessionHub::publish(const Publication& publication) {
  size_t told = 0;
  const auto tell = [&](const std::vector<SessionId>& listeners, std::string_view kind,
                        const std::string* pattern) {
    for (const SessionId id : listeners) {
      Session* const session = find(id);
      require(session != nullptr, "who is gone listens no more");
      session->push([&](ReplyWriter& writer) {
        writer.push(pattern != nullptr ? 4 : 3);
        writer.bulk(kind);
        if (pattern != nullptr) {
          writer.bulk(*pattern);
        }
        writer.bulk(publication.channel);
        writer.bulk(publication.message);
      });
    }
    told += listeners.size();
  };
  const ListenKind kind =
      publication.to_shard_channel ? ListenKind::kShardChannel : ListenKind::kChannel;
  if (const auto* listeners = channels_.listeners(kind, publication.channel)) {
    tell(*listeners, publication.to_shard_channel ? "smessage" : "message", nullptr);
  }
  if (!publication.to_shard_channel) {
    channels_.for_each(ListenKind::kPattern,
                       [&](const std::string& pattern, const std::vector<SessionId>& listeners) {
                         if (glob_match(pattern, publication.channel)) {
                           tell(listeners, "pmessage", &pattern);
                         }
                       });
  }
  return told;
}

void SessionHub::note_slow(SlowCommand command) {
  command.id = counters_.slow_commands.fetch_add(1, std::memory_order_relaxed);
  slow_log_.add(std::move(command), settings_.slow_log_length_max);
}

void SessionHub::pause(uint64_t for_ms, bool only_writes) {
  pauses_only_writes_ = only_writes;
  const uint64_t now_ms = service_->mono_ms();
  pause_ends_ms_ = std::max(pause_ends_ms_, now_ms + for_ms);
  service_->end_pause_after(pause_ends_ms_ - now_ms);
}

void SessionHub::end_pause() {
  pause_ends_ms_ = 0;
  for (const SessionId id : std::exchange(paused_, {})) {
    if (Session* session = find(id)) {
      note_stall_ended(*session);
    }
  }
}

void SessionHub::add_monitor(SessionId id) {
  monitors_.push_back(id);
  counters_.monitors.fetch_add(1, std::memory_order_relaxed);
}

void SessionHub::remove_monitor(SessionId id) {
  std::erase(monitors_, id);
  counters_.monitors.fetch_sub(1, std::memory_order_relaxed);
}

void SessionHub::show_to_monitors(std::string line) {
  service_->run_at_hubs([shown = std::move(line)](SessionHub& hub) { hub.show(shown); });
}

void SessionHub::show(std::string_view line) {
  for (const SessionId id : monitors_) {
    Session* const session = find(id);
    require(session != nullptr, "who is gone monitors no more");
    session->push([&](ReplyWriter& writer) { writer.simple_string(line); });
  }
}

/// To the listeners of this node, at whichever worker they are.
void SessionHub::publish_here(std::vector<Publication> publications) {
  for (Publication& publication : publications) {
    service_->run_at_hubs([told = std::move(publication)](SessionHub& hub) { hub.publish(told); });
  }
}

void SessionHub::publish_step(const CommandSpec& spec, const Operation& step,
                              const Outcome& outcome) {
  if (settings_.notify_events != 0) {
    publish_here(Notifications::of_step(settings_.notify_events, spec, step, outcome, now_ms_));
  }
}

void SessionHub::operation_done(ClientToken token, Outcome&& outcome) {
  if (notifications_.any()) {
    publish_here(notifications_.answered(token, outcome));
  }
  const TokenParts parts = TokenParts::unpack(token);
  if (Session* session = awaiting(parts)) {
    session->operation_done(parts, outcome);
  }
}

void SessionHub::scan_done(ClientToken token, ScanPage&& page) {
  const TokenParts parts = TokenParts::unpack(token);
  if (Session* session = awaiting(parts)) {
    session->scan_done(parts, page);
  }
}

void SessionHub::number_done(ClientToken token, uint64_t number) {
  const TokenParts parts = TokenParts::unpack(token);
  if (Session* session = awaiting(parts)) {
    session->number_done(parts, number);
  }
}

void SessionHub::keys_done(ClientToken token, std::vector<std::string>&& keys) {
  const TokenParts parts = TokenParts::unpack(token);
  if (Session* session = awaiting(parts)) {
    session->keys_done(parts, keys);
  }
}

void SessionHub::text_done(ClientToken token, std::string&& text) {
  const TokenParts parts = TokenParts::unpack(token);
  if (Session* session = awaiting(parts)) {
    session->text_done(parts, text);
  }
}

void SessionHub::status_done(ClientToken token, std::string&& error) {
  const TokenParts parts = TokenParts::unpack(token);
  if (Session* session = awaiting(parts)) {
    session->status_done(parts, error);
  }
}

void SessionHub::ring_figures_done(ClientToken token, RingFigures&& figures) {
  const TokenParts parts = TokenParts::unpack(token);
  if (Session* session = awaiting(parts)) {
    session->ring_figures_done(parts, figures);
  }
}

void SessionHub::wait_for_room(Session& session) {
  if (!session.waits_for_room_) {
    session.waits_for_room_ = true;
    waiting_.push_back(session.id());
  }
}

/// One session goes on for each answer; all do once there is much room, so that none is left over
/// where those before it had nothing to ask.
void SessionHub::end_waits() {
  const bool all = asked_ <= settings_.operations_max / 2;
  while (!waiting_.empty() && !is_full()) {
    Session* session = find(waiting_.front());
    waiting_.pop_front();
    if (session == nullptr) {
      continue;
    }
    session->waits_for_room_ = false;
    note_stall_ended(*session);
    if (!all) {
      return;
    }
  }
}

void SessionHub::set_users(std::shared_ptr<const Users> users, bool end_changed) {
  users_ = std::move(users);
  for_each([&](Session& session) { session.update_user(*users_, end_changed); });
}

void SessionHub::note_held(Session& session, uint64_t delay_ms) {
  held_.emplace(service_->mono_ms() + delay_ms, session.id());
}

uint64_t SessionHub::held_for_ms() {
  if (held_.empty()) {
    return 0;
  }
  const uint64_t now_ms = service_->mono_ms();
  return held_.begin()->first > now_ms ? held_.begin()->first - now_ms : 1;
}

void SessionHub::end_holds() {
  const uint64_t now_ms = service_->mono_ms();
  while (!held_.empty() && held_.begin()->first <= now_ms) {
    if (Session* session = find(held_.begin()->second)) {
      session->release_hold();
    }
    held_.erase(held_.begin());
  }
}

void SessionHub::check_output_limits() {
  std::erase_if(over_soft_limit_, [&](SessionId id) {
    Session* const session = find(id);
    return session == nullptr || !session->check_output_limit();
  });
}

void SessionHub::resume() {
  // Sessions that stall again while this runs wait for the next turn.
  std::swap(to_resume_, resuming_);
  for (const SessionId id : resuming_) {
    if (Session* session = find(id)) {
      session->resume_noted_ = false;
      session->process();
    }
  }
  resuming_.clear();
}

void SessionHub::take_changed(std::vector<SessionId>* ids) {
  ids->clear();
  for (const SessionId id : changed_) {
    if (Session* session = find(id)) {
      session->changed_ = false;
      ids->push_back(id);
    }
  }
  changed_.clear();
}

void SessionHub::note_changed(Session& session) {
  changed_.push_back(session.id());
}

void SessionHub::note_stall_ended(Session& session) {
  if (!session.resume_noted_) {
    session.resume_noted_ = true;
    to_resume_.push_back(session.id());
  }
}

void SessionHub::refresh() {
  ready_ = service_->ready();
  now_ms_ = service_->cluster_now_ms();
  if (now_ms_ >= rates_due_ms_) {
    sample_rates();
    rates_due_ms_ = now_ms_ + 1000;
  }
  std::shared_ptr<const ClusterDocument> cluster = service_->cluster();
  if (cluster == cluster_) {
    return;
  }
  cluster_ = std::move(cluster);
  contexts_.reset();
  if (cluster_ != nullptr) {
    contexts_.emplace(cluster_->cluster_id, cluster_->tag_keys);
    partitions_ = cluster_->partitions();
    has_keys_without_registers_ =
        std::ranges::any_of(cluster_->keyspaces, std::logical_not<>(), &Keyspace::has_registers);
  }
}

Access SessionHub::access_of(const Operation& operation) const {
  if (operation.kind == OpKind::kModify) {
    return Access::kModify;
  }
  if (operation.kind == OpKind::kSet && has_keys_without_registers_) {
    const Keyspace* keyspace = find_keyspace(cluster_->keyspaces, operation.key.key);
    return keyspace == nullptr || keyspace->has_registers ? Access::kPlain : Access::kAlone;
  }
  return Access::kPlain;
}

void SessionHub::sample_rates() {
  const uint64_t now_ms = service_->mono_ms();
  commands_rate_.sample(stats_.commands_processed, now_ms);
  received_rate_.sample(stats_.bytes_received, now_ms);
  sent_rate_.sample(stats_.bytes_sent, now_ms);
  stats_.commands_per_s = commands_rate_.per_s();
  stats_.received_bytes_per_s = received_rate_.per_s();
  stats_.sent_bytes_per_s = sent_rate_.per_s();
}

void SessionHub::count_call(CommandId id) {
  ++stats_.of(id).calls;
  ++stats_.commands_processed;
  untimed_calls_.push_back(id);
}

void SessionHub::share_out_time(uint64_t nanoseconds) {
  if (untimed_calls_.empty()) {
    return;
  }
  const uint64_t share = nanoseconds / untimed_calls_.size();
  for (const CommandId id : untimed_calls_) {
    stats_.of(id).nanoseconds += share;
  }
  untimed_calls_.clear();
}

}  // namespace kindred
