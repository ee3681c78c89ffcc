#include "server/storage/storage_threads.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace kindred {

namespace {

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
                               std::function<void()> wake)
    : engine_(engine), wake_(std::move(wake)), writer_([this] { write_loop(); }) {
  for (unsigned i = 0; i < readers; ++i) {
    readers_.emplace_back([this] { read_loop(); });
  }
}

StorageThreads::~StorageThreads() {
  stop();
}

void StorageThreads::set_partition_count(uint32_t count) {
  const std::lock_guard lock(read_mutex_);
  partition_count_ = count;
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
      write_ready_.wait(lock, [this] { return stopping_writes_ || !writes_.empty(); });
      if (writes_.empty()) {
        return;
      }
      jobs.clear();
      jobs.swap(writes_);
    }
    apply(&jobs);
  }
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
  const bool ok = batch_.empty() || engine_.apply(batch_, engine_durability(durability)).ok();
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
    results.push_back(read(job));
    publish(&results);
  }
}

StorageResult StorageThreads::read(const StorageJob& job) {
  if (job.kind == StorageJob::Kind::kRange) {
    uint32_t partition_count = 0;
    {
      const std::lock_guard lock(read_mutex_);
      partition_count = partition_count_;
    }
    StorageResult result = result_of(StorageJob(job), true);
    result.content = read_engine_range(engine_, job.range.front().view(), partition_count);
    result.ok = result.content.ok;
    return result;
  }
  StorageResult result = result_of(StorageJob(job), true);
  const plugins::Status status = engine_.get(result.stored_key, &result.record);
  result.found = status.ok();
  result.ok = status.ok() || status.not_found();
  return result;
}

}  // namespace kindred
