#include "tests/sim/shard_host.h"

#include <algorithm>

#include "plugins/resolvers/builtin.h"
#include "protocol/record/key.h"
#include "protocol/record/record.h"
#include "tests/sim/cluster.h"

namespace kindred::sim {

namespace {

/// How long what a read has met may matter: to what is repaired after it, by who stood still too.
constexpr uint64_t kReadingKeptUs = 5'000'000;

}  // namespace

ShardHost::ShardHost(SimNode& node, const ShardConfig& config)
    : node_(node),
      cluster_(node.cluster()),
      index_(config.shard_index),
      shard_(config, node.id(), *this) {
  await(cluster_.plan().exchange_every_ms, &ShardHost::start_exchanges);
  await(cluster_.plan().reap_every_ms, &ShardHost::start_reaping);
}

void ShardHost::start_reaping() {
  begin(Step{});
  shard_.start_reaping(node_.now());
  end();
}

/// Begins cycles of some background work from time to time, until the run's end.
void ShardHost::await(uint32_t every_ms, void (ShardHost::*start)()) {
  const uint64_t every_us = uint64_t{every_ms} * 1000;
  if (every_us == 0) {
    return;
  }
  node_.later(cluster_.prng(Chance::kEngine).between(every_us / 2, every_us * 2),
              [this, every_ms, start] {
                if (!cluster_.is_healing()) {
                  (this->*start)();
                  await(every_ms, start);
                }
              });
}

void ShardHost::start_exchanges() {
  begin(Step{});
  shard_.start_anti_entropy(node_.now());
  end();
}

void ShardHost::begin(Step step) {
  step_ = std::move(step);
}

void ShardHost::end() {
  step_ = Step{};
  if (!tick_due_ && shard_.needs_tick()) {
    tick_due_ = true;
    node_.later(Shard::kTickMs * 1000, [this] { tick(); });
  }
  const uint32_t before = filling_copies_;
  filling_copies_ = shard_.copies().count(CopyState::kFilling);
  if (before != filling_copies_) {
    node_.note_emptying(shard_.copies());
  }
  if ((before == 0) != (filling_copies_ == 0)) {
    node_.copies_changed();
  }
}

uint32_t ShardHost::place_of(const KeyRef& key) const {
  if (key.hint_for == kRoundMarks) {
    return node_.disk().place_of(Disk::kMarkKeys + key.partition, kRoundMarks);
  }
  return node_.disk().place_of(cluster_.key_index(key), key.hint_for);
}

KeyRef ShardHost::key_at(uint32_t place) const {
  KeyRef key = node_.key_at(place);
  if (key.hint_for != kRoundMarks) {
    key.partition = static_cast<uint16_t>(partitions_.of(key.key, key.slot));
  }
  return key;
}

/// The engine refused what loads showed until now.
void ShardHost::lost(uint32_t place, const State& lost, const State& shown) {
  begin(Step{});
  shard_.lost(key_at(place), /*was_promised=*/false, lost, &shown, node_.now());
  end();
}

/// Requests under way may have loaded what the engine then refused.
void ShardHost::note_reverted(uint32_t key, const Knowledge& met) {
  Reading& reverted = reverted_[key];
  reverted = Reading{key, join(reverted.met, met), cluster_.queue().now_us()};
}

/// A SET is stamped again as the first round left it; a read-modify-write is computed again
/// instead, on all that its copy holds.
uint32_t ShardHost::restamped_dot(uint32_t write) const {
  const auto first = first_dot_.find(write);
  return first == first_dot_.end() ? kNone : first->second;
}

/// The dot that a SET's first round wrote.
void ShardHost::note_dot(uint32_t write, uint32_t key, const State& state, ActorId actor) {
  if (write == kNone || cluster_.oracle().write(write).kind != OpKind::kSet) {
    return;
  }
  for (const CausalContext::Entry& entry : state.context.vector()) {
    if (entry.actor == actor) {
      first_dot_.try_emplace(write, cluster_.oracle().number_of(key, Dot{entry.stamp, actor}));
    }
  }
}

void ShardHost::set_cluster(const std::shared_ptr<const ClusterDocument>& document,
                            CopyState fresh) {
  begin(Step{});
  shard_.set_cluster(document, fresh, node_.now());
  document_epoch_ = document->epoch;
  partitions_ = document->partitions();
  end();
}

void ShardHost::submit(ClientToken token, const Operation& operation, uint32_t write) {
  Step step;
  step.write = write;
  step.key = cluster_.key_index(operation.key);
  asked_[token] = write;
  begin(step);
  shard_.submit(token, operation, node_.now());
  end();
}

void ShardHost::submit_scan(ClientToken token, const ScanRequest& request) {
  begin(Step{});
  shard_.submit_scan(token, request, node_.now());
  end();
}

void ShardHost::receive(NodeId from, const Message& message, const Ghost& ghost) {
  Step step;
  step.brought = ghost.met;
  if (const auto* ack = std::get_if<ReplicateAck>(&message)) {
    step.id = ack->id;
  } else if (const auto* fetched = std::get_if<FetchReply>(&message)) {
    step.id = fetched->id;
    if (auto place = reading_.find(fetched->id); place != reading_.end() && fetched->has_record) {
      place->second.met = join(place->second.met, ghost.met);
    }
    step.brought = nullptr;
  } else if (const auto* fetch = std::get_if<Fetch>(&message)) {
    step.key = cluster_.key_index(fetch->key);
  } else if (const auto* pass_on = std::get_if<PassOn>(&message)) {
    step.write = ghost.write;
    step.key = cluster_.key_index(pass_on->operation->key);
    passed_in_[{from, pass_on->id}] = PassedIn{step.key, step.write};
  } else if (const auto* answer = std::get_if<PassOnReply>(&message)) {
    step.id = answer->id;
    step.write = write_of(answer->id);
    step.is_answer = answer->status == PassOnStatus::kDone;  // else it may be run here now
    step.answer = ghost.met;
  }
  begin(step);
  range_ghosts_ = ghost.entries;
  shard_.receive(from, message, node_.now());
  range_ghosts_.clear();
  end();
}

void ShardHost::loaded(StoreToken token, uint32_t place) {
  auto waiting = loading_.find(token);
  if (waiting == loading_.end()) {
    return;
  }
  Step step = waiting->second;
  loading_.erase(waiting);
  step.id = token;
  begin(step);
  const KeyRef key = key_at(place);
  DiskKey& kept = node_.disk().at(place);
  State state;
  LoadStatus status = read_record(key, kept, &state);
  if (status == LoadStatus::kLoaded && !cluster_.is_healing() &&
      cluster_.prng(Chance::kEngine).chance(cluster_.plan().load_failure_chance)) {
    cluster_.probes().add("load_failed");
    status = LoadStatus::kFailed;
    state = State();
  }
  const std::string bytes = kept.visible.bytes;  // the step may store the key
  if (status == LoadStatus::kLoaded) {
    (void)decode_record(key, bytes, &state);
  }
  cluster_.probes().add("load_pending");
  shard_.loaded(token, status, state, node_.now());
  end();
}

void ShardHost::stored(StoreToken token, bool ok) {
  Step step;
  step.id = token;
  begin(step);
  shard_.stored(token, ok, node_.now());
  end();
}

void ShardHost::set_alive(NodeId peer, bool is_up) {
  begin(Step{});
  shard_.set_alive(peer, is_up, node_.now());
  end();
}

void ShardHost::set_storage(StorageTrouble trouble) {
  begin(Step{});
  shard_.set_storage(trouble);
  end();
}

void ShardHost::tick() {
  tick_due_ = false;
  const uint64_t now_us = cluster_.queue().now_us();
  const uint64_t kept_us = kReadingKeptUs + (cluster_.plan().hangs ? Plan::kHangUs : 0);
  while (!reading_order_.empty()) {
    auto place = reading_.find(reading_order_.front());
    if (place != reading_.end()) {
      const uint64_t began_us = place->second.began_us;
      if (began_us + kept_us + cluster_.paused_since(began_us) > now_us) {
        break;  // it may go on yet
      }
    }
    reading_.erase(reading_order_.front());
    reading_order_.pop_front();
  }
  begin(Step{});
  shard_.tick(node_.now());
  end();
}

std::string_view ShardHost::encode(const KeyRef& key, const State& state) {
  encode_record(key, state, &record_);
  return record_;
}

bool ShardHost::decode(const KeyRef& key, std::string_view record, State* state) {
  return decode_record(key, record, state);
}

LoadStatus ShardHost::try_load(const KeyRef& key, State* state) {
  DiskKey& kept = node_.disk().at(place_of(key));
  if (!cluster_.is_healing() &&
      cluster_.prng(Chance::kEngine).chance(cluster_.plan().load_pending_chance)) {
    return LoadStatus::kPending;
  }
  return read_record(key, kept, state);
}

/// A record of which a bit was turned must be noticed as damaged, whichever it is.
LoadStatus ShardHost::read_record(const KeyRef& key, const DiskKey& kept, State* state) {
  if (kept.is_damaged) {
    std::string bytes = kept.visible.bytes;
    if (bytes.empty()) {
      return LoadStatus::kCorrupt;
    }
    const uint64_t bit = cluster_.prng(Chance::kEngine).below(bytes.size() * 8);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    if (decode_record(key, bytes, state)) {
      cluster_.oracle().fail("a record with a bit turned is taken for sound");
    }
    return LoadStatus::kCorrupt;
  }
  if (!decode_record(key, kept.visible.bytes, state)) {
    cluster_.oracle().fail("an engine holds a record that can't be read");
  }
  return LoadStatus::kLoaded;
}

void ShardHost::load(const KeyRef& key, StoreToken token) {
  const uint32_t index = cluster_.key_index(key);
  Step& waiting = loading_[token];
  waiting = step_;
  if (key.hint_for != 0) {
    waiting.gathered = held(index);
    waiting.gathered_key = index;
  }
  waiting.brought = join(waiting.brought, read_by_step(index));
  for (const auto& [entry_key, met] : range_ghosts_) {
    if (entry_key == index) {
      waiting.brought = join(waiting.brought, met);
    }
  }
  // This node may be handing a hint over to itself, which is gone before the load ends.
  for (uint32_t place = 0; place < node_.disk().size(); ++place) {
    if (node_.disk().key_of(place) == index && node_.disk().target_of(place) != 0) {
      waiting.brought = join(waiting.brought, node_.disk().at(place).visible.met);
    }
  }
  const uint64_t stall_us = cluster_.plan().stall_us_max * 4 / 5;
  const uint64_t delay_us = cluster_.prng(Chance::kEngine).one_in(20)
                                ? cluster_.prng(Chance::kEngine).between(10'000, stall_us)
                                : cluster_.prng(Chance::kEngine).between(50, 5'000);
  node_.later(delay_us, [this, token, place = place_of(key)] { loaded(token, place); });
}

StoreStatus ShardHost::store(const KeyRef& key, std::string_view record, Durability durability,
                             StoreToken token) {
  if (key.hint_for == kRoundMarks) {
    return store_mark(key, record, durability, token);
  }
  const uint32_t index = cluster_.key_index(key);
  const uint32_t disk_place = place_of(key);
  const bool is_hint = key.hint_for != 0;
  DiskKey& kept = node_.disk().at(disk_place);
  if (!cluster_.is_healing() &&
      cluster_.prng(Chance::kEngine).chance(cluster_.plan().store_refusal_chance)) {
    cluster_.probes().add("store_refused");
    return StoreStatus::kFailed;
  }
  if (node_.disk_trouble() != StorageTrouble::kNone) {
    cluster_.probes().add("store_in_trouble");
    const bool waits = durability != Durability::kMemory || !kept.pending.empty();
    if (!waits || cluster_.prng(Chance::kEngine).one_in(2)) {
      node_.note_refused_write();
      return StoreStatus::kFailed;
    }
  }
  KeptRecord next;
  next.bytes.assign(record);
  State state;
  if (!decode_record(key, next.bytes, &state)) {
    cluster_.oracle().fail("a shard stores a record that can't be read back");
    return StoreStatus::kFailed;
  }
  const uint32_t write = write_of(token);
  StoreCause cause;
  if (write != kNone) {
    const Write& asked = cluster_.oracle().write(write);
    cause.put = asked.is_put() ? write : kNone;
    cause.modify = asked.kind == OpKind::kModify ? write : kNone;
  }
  cause.restamped_dot = restamped_dot(write);
  cause.met = join(join(held(index), step_.brought), read_by_step(index));
  if (const auto reverted = reverted_.find(index);
      write != kNone && reverted != reverted_.end() &&
      cluster_.oracle().write(write).invoked_us <= reverted->second.began_us) {
    cause.met = join(cause.met, reverted->second.met);
  }
  if (is_hint && TableId::kind_of(token) == IdKind::kReplica) {
    cause.met = join(cause.met, sent_of_key_[index]);  // such a record, kept here in the end
  }
  for (const auto& [entry_key, met] : range_ghosts_) {
    if (entry_key == index) {
      cause.met = join(cause.met, met);
    }
  }
  cause.shown_before = shown(index, is_hint);
  const ActorId actor =
      is_hint ? shard_.hints().actor(key) : shard_.copies().at(key.partition).actor;
  next.met = cluster_.oracle().stored(index, state, actor, cause);
  next.shown = cluster_.oracle().shown(index, state);
  if (is_hint) {
    gather(index, next.met);
  }
  note_dot(write, index, state, actor);
  if (cluster_.trace().on()) {
    std::string line = "node " + std::to_string(node_.number()) + " stores key " +
                       std::to_string(index) +
                       (is_hint ? " for " + node_.name_of(key.hint_for) : "") + ": floor " +
                       text(state.floor) + ", siblings";
    for (const Sibling& sibling : state.siblings) {
      line += " " + text(sibling.dot) + (sibling.is_register ? "r" : "") + " '" +
              shortened(sibling.value.bytes()) + "'";
    }
    cluster_.trace().add(cluster_.queue().now_us(), line);
  }
  const Copy& copy = shard_.copies().at(key.partition);
  if (state.never_written() && !is_hint && copy.state == CopyState::kWhole) {
    State gone;
    (void)decode_record(key, kept.visible.bytes, &gone);
    cluster_.oracle().reaped(index, gone, kept.visible.met, cluster_.queue().now_us());
  }
  // What a copy that is emptied had met is lost with it.
  const bool forgets = state.never_written() && (is_hint || copy.empties_to != 0);
  kept.visible = forgets ? KeptRecord{} : std::move(next);
  return keep(disk_place, durability, token);
}

/// No key's: only its bytes are kept.
StoreStatus ShardHost::store_mark(const KeyRef& key, std::string_view record, Durability durability,
                                  StoreToken token) {
  const uint32_t place = place_of(key);
  if (!cluster_.is_healing() &&
      cluster_.prng(Chance::kEngine).chance(cluster_.plan().store_refusal_chance)) {
    return StoreStatus::kFailed;
  }
  if (node_.disk_trouble() != StorageTrouble::kNone) {
    node_.note_refused_write();
    return StoreStatus::kFailed;
  }
  node_.disk().at(place).visible = KeptRecord{std::string(record), nullptr, nullptr};
  return keep(place, durability, token);
}

/// What is visible at the place goes to the engine's log.
StoreStatus ShardHost::keep(uint32_t disk_place, Durability durability, StoreToken token) {
  const Plan& plan = cluster_.plan();
  Prng& prng = cluster_.prng(Chance::kEngine);
  DiskKey& kept = node_.disk().at(disk_place);
  if (plan.durability == Durability::kMemory) {
    return StoreStatus::kDone;
  }
  const bool waits = durability != Durability::kMemory || !kept.pending.empty();
  const bool is_in_trouble = node_.disk_trouble() != StorageTrouble::kNone;
  if (!waits || (durability == Durability::kLogged && kept.pending.empty() && !is_in_trouble &&
                 prng.one_in(2))) {
    node_.disk().log(disk_place, kept.visible);
    return StoreStatus::kDone;
  }
  uint64_t delay_us = prng.between(50, plan.sync_us_max);
  if (prng.one_in(200) && !cluster_.is_healing()) {
    delay_us += prng.between(plan.stall_us_max / 10, plan.stall_us_max);
  }
  return node_.store_later(disk_place, index_, token, delay_us);
}

bool ShardHost::is_storing(const KeyRef& key) {
  return !node_.disk().at(place_of(key)).pending.empty();
}

void ShardHost::read_range(const FetchRange& range, StoreToken token) {
  FetchRange kept = range;
  kept.after_key = {};
  node_.later(cluster_.prng(Chance::kEngine).between(50, 3'000),
              [this, kept, after = std::string(range.after_key), token] {
                FetchRange asked = kept;
                asked.after_key = after;
                range_read(asked, token);
              });
}

void ShardHost::range_read(const FetchRange& range, StoreToken token) {
  const StoredKeyRange bounds = fetch_range(range, partitions_);
  std::vector<std::pair<std::string, uint32_t>> found;
  std::string stored;
  for (uint32_t i = 0; i < node_.disk().size(); ++i) {
    DiskKey& kept = node_.disk().at(i);
    if (node_.disk().is_mark(i)) {
      continue;
    }
    const KeyRef key = key_at(i);
    encode_stored_key(key, &stored);
    if (range.hint_for == 0 && key.partition != range.partition) {
      continue;
    }
    if (stored < bounds.begin || stored >= bounds.end) {
      continue;
    }
    if (!kept.visible.bytes.empty()) {
      found.emplace_back(stored, i);
    }
  }
  std::sort(found.begin(), found.end());
  const size_t limit =
      std::min<size_t>(range.entries_max, cluster_.prng(Chance::kEngine).between(1, 3));
  const bool done = found.size() <= limit;
  found.resize(std::min(found.size(), limit));
  std::vector<std::string> records;
  std::vector<RangeEntry> entries;
  for (const auto& [name, index] : found) {
    records.push_back(node_.disk().at(index).visible.bytes);
    if (node_.disk().at(index).is_damaged) {
      std::string& bytes = records.back();
      const uint64_t bit = cluster_.prng(Chance::kEngine).below(bytes.size() * 8);
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    }
  }
  for (size_t i = 0; i < found.size(); ++i) {
    entries.push_back(RangeEntry{key_at(found[i].second), records[i]});
  }
  begin(Step{});
  const bool ok = cluster_.is_healing() || !cluster_.prng(Chance::kEngine).chance(20'000);
  shard_.range_read(token, ok, ok ? entries : std::vector<RangeEntry>{}, done, node_.now());
  end();
}

void ShardHost::quarantine(const KeyRef& key) {
  const uint32_t index = place_of(key);
  cluster_.probes().add("quarantine");
  DiskKey& kept = node_.disk().at(index);
  kept.is_damaged = false;
  kept.visible = KeptRecord{};
  node_.count_is_exact = false;
  node_.disk().log(index, KeptRecord{});
  if (cluster_.trace().on()) {
    cluster_.trace().add(
        cluster_.queue().now_us(),
        "node " + std::to_string(node_.number()) + " quarantines key " + std::to_string(index));
  }
}

void ShardHost::send(NodeId to, const Message& message) {
  Ghost ghost = ghost_of(to, message);
  if (!builder_.append(message)) {
    cluster_.oracle().fail("a message can't be sent");
    return;
  }
  // Links deliver at most once; merges don't mind more, a request that is passed on would.
  const bool may_repeat = !std::holds_alternative<PassOn>(message);
  node_.send_data(to, builder_.finish(node_.origin()), std::move(ghost), may_repeat);
}

void ShardHost::document_wanted(NodeId holder) {
  node_.want_document(holder);
}

void ShardHost::copies_changed() {
  node_.tell_progress(index_);
}

bool ShardHost::resolve(std::string_view resolver, const KeyRef& key,
                        std::span<const std::string_view> values, std::string* resolved) {
  static const plugins::ResolverRegistry kResolvers = [] {
    plugins::ResolverRegistry registry;
    const plugins::Status status = plugins::resolvers::register_builtin_resolvers(&registry);
    return status.ok() ? registry : plugins::ResolverRegistry{};
  }();
  const plugins::Resolver* found = kResolvers.find(resolver);
  return found != nullptr && found->resolve(key.key, values, resolved).ok();
}

uint64_t ShardHost::random() {
  return node_.random();
}

void ShardHost::reply(ClientToken token, Outcome&& outcome) {
  node_.answer(token, std::move(outcome), [this](uint32_t key) { return answer_met(key); });
}

/// Nobody asks for one here: cycles do the same.
void ShardHost::reply_repair(RepairToken, const RepairReport&) {}

void ShardHost::reply_scan(ClientToken token, ScanPage&& page) {
  // Not within the step: the client asks for the next page at once.
  node_.later(0, [this, token, page = std::move(page)] { node_.scan_done(token, page); });
}

}  // namespace kindred::sim
