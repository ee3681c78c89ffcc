#include "server/storage/storage_threads.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace kindred {

namespace {

/// Above all kinds of stored keys but those put aside; never left there.
constexpr std::string_view kProbeKey = "\x7d probe";
constexpr size_t kProbeBytes = 64 << 10;
constexpr std::chrono::milliseconds kBackoffFirst{100};
constexpr std::chrono::milliseconds kBackoffMax{5000};
constexpr std::chrono::seconds kSoundFor{30};  // then trouble is taken for new trouble

/// Whether the engine, not the batch, is to blame.
bool is_trouble(plugins::StatusCode code) {
  return code == plugins::StatusCode::kIoError || code == plugins::StatusCode::kNoSpace ||
         code == plugins::StatusCode::kReadOnly || code == plugins::StatusCode::kCorruption;
}

plugins::Durability engine_durability(Durability durability) {
  switch (durability) {
    case Durability::kMemory:
      return plugins::Durability::kNone;
    case Durability::kLogged:
      return plugins::Durability::kAsync;
    case Durability::kSynced:
      return plugins::Durability::kGroup;
  }
  return plugins::Durability::kGroup;
}

StorageResult result_of(StorageJob&& job, bool ok) {
  StorageResult result;
  result.kind = job.kind;
  result.ok = ok;
  result.wants_answer = job.wants_answer;
  result.token = job.token;
  result.sequence = job.sequence;
  result.stored_key = std::move(job.stored_key);
  return result;
}

}  // namespace

StorageThreads::StorageThreads(plugins::Engine& engine, unsigned readers,
                               std::function<void()> wake, bool probes)
    : engine_(engine), wake_(std::move(wake)), probes_(probes), writer_([this] { write_loop(); }) {
  for (unsigned i = 0; i < readers; ++i) {
    readers_.emplace_back([this] { read_loop(); });
  }
}

StorageThreads::~StorageThreads() {
  stop();
}

void StorageThreads::set_partitions(const KeyPartitions& partitions) {
  const std::lock_guard lock(read_mutex_);
  partitions_ = partitions;
}

void StorageThreads::submit(std::vector<StorageJob>* jobs) {
  bool loads = false;
  bool writes = false;
  {
    const std::lock_guard lock(read_mutex_);
    for (StorageJob& job : *jobs) {
      if (job.kind == StorageJob::Kind::kLoad) {
        reads_.push_back(std::move(job));
        loads = true;
      }
    }
  }
  {
    const std::lock_guard lock(write_mutex_);
    for (StorageJob& job : *jobs) {
      if (job.kind != StorageJob::Kind::kLoad) {
        writes_.push_back(std::move(job));
        writes = true;
      }
    }
  }
  jobs->clear();
  if (loads) {
    read_ready_.notify_all();
  }
  if (writes) {
    write_ready_.notify_one();
  }
}

void StorageThreads::take_results(std::vector<StorageResult>* results) {
  results->clear();
  const std::lock_guard lock(result_mutex_);
  results->swap(results_);
}

void StorageThreads::stop() {
  if (writer_.joinable()) {
    {
      const std::lock_guard lock(write_mutex_);
      stopping_writes_ = true;
    }
    write_ready_.notify_one();
    writer_.join();
  }
  {
    const std::lock_guard lock(read_mutex_);
    stopping_reads_ = true;
  }
  read_ready_.notify_all();
  for (std::thread& reader : readers_) {
    reader.join();
  }
  readers_.clear();
}

void StorageThreads::write_loop() {
  std::vector<StorageJob> jobs;
  while (true) {
    {
      std::unique_lock lock(write_mutex_);
      const auto is_ready = [this] { return stopping_writes_ || !writes_.empty(); };
      if (probe_at_) {
        write_ready_.wait_until(lock, *probe_at_, is_ready);
      } else {
        write_ready_.wait(lock, is_ready);
      }
      if (writes_.empty() && stopping_writes_) {
        return;
      }
      jobs.clear();
      jobs.swap(writes_);
    }
    if (!jobs.empty()) {
      apply(&jobs);
    }
    if (probe_at_ && Clock::now() >= *probe_at_) {
      probe();
    }
  }
}

void StorageThreads::note_refusal(const plugins::Status& status) {
  if (!is_trouble(status.code)) {
    return;
  }
  if (!probe_at_ && probes_) {
    const bool is_new = Clock::now() > recovered_at_ + kSoundFor;
    backoff_ = is_new ? kBackoffFirst : std::max(backoff_, kBackoffFirst);
    probe_at_ = Clock::now() + backoff_;
  }
  if (status.code != trouble_) {
    trouble_ = status.code;
    std::vector<StorageResult> news(1);
    news.front().kind = StorageJob::Kind::kProbe;
    news.front().status = status;
    publish(&news);
  }
}

// Written and taken away again, as durably as the engine can.
void StorageThreads::probe() {
  if (!probes_) {
    probe_at_.reset();
    return;
  }
  batch_.clear();
  batch_.put(kProbeKey, std::string(kProbeBytes, '\0'));
  const bool can_sync = engine_.capabilities().can_sync;
  plugins::Status status =
      engine_.apply(batch_, can_sync ? plugins::Durability::kGroup : plugins::Durability::kAsync);
  if (status.ok()) {
    batch_.clear();
    batch_.remove(kProbeKey);
    status = engine_.apply(batch_, plugins::Durability::kAsync);
  }
  if (!status.ok()) {
    backoff_ = std::min(backoff_ * 2, kBackoffMax);
    probe_at_ = Clock::now() + backoff_;
    return note_refusal(status);
  }
  recovered_at_ = Clock::now();
  probe_at_.reset();
  trouble_ = plugins::StatusCode::kOk;
  std::vector<StorageResult> news(1);
  news.front().kind = StorageJob::Kind::kProbe;
  news.front().ok = true;
  publish(&news);
}

// One batch, as durable as the most demanding of its writes.
void StorageThreads::apply(std::vector<StorageJob>* jobs) {
  batch_.clear();
  Durability durability = Durability::kMemory;
  for (const StorageJob& job : *jobs) {
    durability = std::max(durability, job.durability);
    if (job.kind == StorageJob::Kind::kPut && job.record.size() > 0) {
      batch_.put(job.stored_key, job.record.bytes());
    } else if (job.kind == StorageJob::Kind::kPut) {
      batch_.remove(job.stored_key);
    } else if (job.kind == StorageJob::Kind::kQuarantine) {
      std::string damaged;
      if (engine_.get(job.stored_key, &damaged).ok()) {
        batch_.put(quarantine_key(job.stored_key), damaged);
      }
      batch_.remove(job.stored_key);
    }
  }
  const plugins::Status status =
      batch_.empty() ? plugins::Status() : engine_.apply(batch_, engine_durability(durability));
  const bool ok = status.ok();
  if (!ok) {
    note_refusal(status);  // told before the writes that failed
  }
  std::vector<StorageResult> results;
  std::vector<StorageJob> ranges;
  for (StorageJob& job : *jobs) {
    if (job.kind == StorageJob::Kind::kRange) {
      ranges.push_back(std::move(job));
    } else {
      results.push_back(result_of(std::move(job), ok));
      if (!ok) {
        look_up(&results.back());
      }
    }
  }
  publish(&results);
  if (!ranges.empty()) {
    {
      const std::lock_guard lock(read_mutex_);
      std::move(ranges.begin(), ranges.end(), std::back_inserter(reads_));
    }
    read_ready_.notify_all();
  }
}

// What a reader of the key sees now that its write is refused.
void StorageThreads::look_up(StorageResult* failed) {
  const plugins::Status status = engine_.get(failed->stored_key, &failed->record);
  failed->found = status.ok();
  failed->known = status.ok() || status.not_found();
}

void StorageThreads::publish(std::vector<StorageResult>* results) {
  if (results->empty()) {
    return;
  }
  bool first = false;
  {
    const std::lock_guard lock(result_mutex_);
    first = results_.empty();
    std::move(results->begin(), results->end(), std::back_inserter(results_));
  }
  if (first) {
    wake_();
  }
}

void StorageThreads::read_loop() {
  std::vector<StorageResult> results;
  while (true) {
    StorageJob job;
    {
      std::unique_lock lock(read_mutex_);
      read_ready_.wait(lock, [this] { return stopping_reads_ || !reads_.empty(); });
      if (reads_.empty()) {
        return;
      }
      job = std::move(reads_.front());
      reads_.pop_front();
    }
    results.clear();
    if (std::optional<StorageResult> result = read(job); result) {
      results.push_back(std::move(*result));
      publish(&results);
    } else {
      const std::lock_guard lock(read_mutex_);
      reads_.push_back(std::move(job));
    }
  }
}

std::optional<StorageResult> StorageThreads::read(StorageJob& job) {
  if (job.kind == StorageJob::Kind::kRange) {
    KeyPartitions partitions;
    {
      const std::lock_guard lock(read_mutex_);
      partitions = partitions_;
    }
    if (!job.range.front().go_on(engine_, partitions)) {
      return std::nullopt;
    }
    RangeContent content = job.range.front().take_content();
    StorageResult result = result_of(std::move(job), true);
    result.content = std::move(content);
    result.ok = result.content.status.ok();
    result.status = result.content.status;
    return result;
  }
  StorageResult result = result_of(std::move(job), true);
  result.status = engine_.get(result.stored_key, &result.record);
  result.found = result.status.ok();
  result.ok = result.found || result.status.not_found();
  return result;
}

}  // namespace kindred
