#include "server/storage/threaded_store.h"

#include <utility>

#include "protocol/record/key.h"
#include "protocol/record/record.h"

namespace kindred {

namespace {

// An empty record is a key never written, which decode_record() takes as such.
LoadStatus read_record(const KeyRef& key, std::string_view record, State* state) {
  return decode_record(key, record, state) ? LoadStatus::kLoaded : LoadStatus::kCorrupt;
}

StorageTrouble trouble_of(plugins::StatusCode code) {
  switch (code) {
    case plugins::StatusCode::kOk:
      return StorageTrouble::kNone;
    case plugins::StatusCode::kNoSpace:
      return StorageTrouble::kFull;
    case plugins::StatusCode::kReadOnly:
      return StorageTrouble::kReadOnly;
    default:
      return StorageTrouble::kFailing;
  }
}

}  // namespace

ThreadedStore::ThreadedStore(plugins::Engine& engine, unsigned readers, std::function<void()> wake,
                             bool probes)
    : engine_(engine), threads_(engine, readers, std::move(wake), probes) {}

LoadStatus ThreadedStore::try_load(const KeyRef& key, State* state) {
  encode_stored_key(key, &stored_key_);
  if (!pending_.empty()) {
    const auto pending = pending_.find(std::string_view(stored_key_));
    if (pending != pending_.end()) {
      return read_record(key, pending->second.record.bytes(), state);
    }
  }
  switch (engine_.try_get(stored_key_, &pinned_)) {
    case plugins::TryGet::kFound:
      return read_record(key, pinned_.view(), state);
    case plugins::TryGet::kNotFound:
      *state = State();
      return LoadStatus::kLoaded;
    case plugins::TryGet::kWouldBlock:
      break;
  }
  return LoadStatus::kPending;
}

bool ThreadedStore::is_storing(const KeyRef& key) {
  if (pending_.empty()) {
    return false;
  }
  encode_stored_key(key, &stored_key_);
  return pending_.contains(std::string_view(stored_key_));
}

void ThreadedStore::load(const KeyRef& key, StoreToken token) {
  encode_stored_key(key, &stored_key_);
  Loading& loading = loading_[stored_key_];
  loading.tokens.push_back(token);
  if (loading.tokens.size() > 1) {
    return;
  }
  loading.key.assign(key.key);
  loading.hash = key.hash;
  StorageJob job;
  job.kind = StorageJob::Kind::kLoad;
  job.stored_key = stored_key_;
  jobs_.push_back(std::move(job));
}

StoreStatus ThreadedStore::store(const KeyRef& key, std::string_view record, Durability durability,
                                 StoreToken token) {
  StorageJob job;
  job.kind = StorageJob::Kind::kPut;
  job.durability = durability;
  job.wants_answer = durability != Durability::kMemory;
  job.token = token;
  job.record = Value::copied(record);
  encode_stored_key(key, &job.stored_key);
  const bool answered_now = !job.wants_answer;
  remember(std::move(job));
  return answered_now ? StoreStatus::kDone : StoreStatus::kPending;
}

void ThreadedStore::quarantine(const KeyRef& key) {
  StorageJob job;
  job.kind = StorageJob::Kind::kQuarantine;
  job.durability = Durability::kLogged;
  encode_stored_key(key, &job.stored_key);
  remember(std::move(job));
}

void ThreadedStore::remember(StorageJob&& job) {
  job.sequence = ++last_sequence_;
  Pending& pending = pending_[job.stored_key];
  pending.record = job.record;
  pending.sequence = job.sequence;
  if (!loading_.empty()) {
    const auto loading = loading_.find(job.stored_key);
    if (loading != loading_.end()) {
      loading->second.overtaken = true;
      loading->second.record = job.record;
    }
  }
  jobs_.push_back(std::move(job));
}

void ThreadedStore::read_range(const FetchRange& range, StoreToken token) {
  StorageJob job;
  job.kind = StorageJob::Kind::kRange;
  job.token = token;
  job.range.emplace_back(range);
  jobs_.push_back(std::move(job));
}

void ThreadedStore::flush() {
  if (jobs_.empty()) {
    return;
  }
  if (threads_partitions_ != partitions_) {
    threads_partitions_ = partitions_;
    threads_.set_partitions(partitions_);
  }
  threads_.submit(&jobs_);
}

bool ThreadedStore::deliver(StoreClient& client) {
  threads_.take_results(&results_);
  for (const StorageResult& result : results_) {
    switch (result.kind) {
      case StorageJob::Kind::kPut:
      case StorageJob::Kind::kQuarantine:
        finish_write(result, client);
        break;
      case StorageJob::Kind::kLoad:
        finish_load(result, client);
        break;
      case StorageJob::Kind::kRange:
        result.content.entries(partitions_, &entries_);
        if (result.status.code == plugins::StatusCode::kCorruption) {
          client.engine_damaged(result.status.text());
        }
        client.range_read(result.token, result.ok, entries_, result.content.done);
        break;
      case StorageJob::Kind::kProbe:
        tell_storage(result.status, client);
        break;
    }
  }
  return !results_.empty();
}

void ThreadedStore::tell_storage(const plugins::Status& status, StoreClient& client) {
  client.storage_changed(trouble_of(status.code), status.text());
  if (status.code == plugins::StatusCode::kCorruption) {
    client.engine_damaged(status.text());
  }
}

void ThreadedStore::finish_write(const StorageResult& result, StoreClient& client) {
  const auto pending = pending_.find(result.stored_key);
  const bool is_last = pending != pending_.end() && pending->second.sequence == result.sequence;
  Value record;
  if (is_last) {
    record = std::move(pending->second.record);
    pending_.erase(pending);
  }
  if (!result.ok) {
    ++failed_writes_;
    if (result.kind == StorageJob::Kind::kPut) {
      tell_lost(result, is_last ? &record : nullptr, client);
    }
  }
  if (result.wants_answer) {
    client.stored(result.token, result.ok);
  }
}

// `lost` is null where a later write of the key hides what became of this one.
void ThreadedStore::tell_lost(const StorageResult& result, const Value* lost, StoreClient& client) {
  const std::string_view shown_record = result.found ? std::string_view(result.record) : "";
  if (lost != nullptr) {
    const auto loading = loading_.find(result.stored_key);
    if (loading != loading_.end()) {
      loading->second.overtaken = result.known;
      loading->second.record = Value::copied(shown_record);
    }
  }
  KeyRef key;
  if (!decode_stored_key(result.stored_key, partitions_, &key)) {
    return;
  }
  State lost_state;
  State shown;
  if (lost != nullptr) {
    static_cast<void>(decode_record(key, lost->bytes(), &lost_state));
  }
  const bool is_shown = lost != nullptr && result.known && decode_record(key, shown_record, &shown);
  if (is_shown || !result.wants_answer) {
    client.lost(key, !result.wants_answer, lost_state, is_shown ? &shown : nullptr);
  }
}

// Each is answered with the state as it is then: the answer to the one before may have stored.
void ThreadedStore::finish_load(const StorageResult& result, StoreClient& client) {
  auto node = loading_.extract(result.stored_key);
  const Loading& loading = node.mapped();
  KeyRef key;
  key.key = loading.key;
  key.hash = loading.hash;
  for (const StoreToken token : loading.tokens) {
    State state;
    LoadStatus status = failed_load(result.status);
    const auto pending = pending_.find(result.stored_key);
    const Value stored = pending != pending_.end() ? pending->second.record : loading.record;
    if (pending != pending_.end() || loading.overtaken) {
      status = read_record(key, stored.bytes(), &state);
    } else if (result.ok) {
      status = read_record(key, result.found ? std::string_view(result.record) : "", &state);
    }
    client.loaded(token, status, state);
  }
}

void ThreadedStore::stop() {
  flush();
  threads_.stop();
  threads_.take_results(&results_);
  for (const StorageResult& result : results_) {
    const bool is_write =
        result.kind == StorageJob::Kind::kPut || result.kind == StorageJob::Kind::kQuarantine;
    failed_writes_ += is_write && !result.ok ? 1 : 0;
  }
  pinned_.reset();  // may hold a block of the engine, which is closed next
}

}  // namespace kindred
