#include "server/storage/saved_copies.h"

#include <string>

#include "replication/causal/bug_bank.h"

namespace kindred {

namespace {

plugins::Status put(plugins::Engine& engine, const std::string& key, const std::string& value) {
  plugins::WriteBatch batch;
  batch.put(key, value);
  return engine.apply(batch, plugins::Durability::kAsync);
}

}  // namespace

bool can_save_copies(const plugins::Capabilities& engine) {
  return engine.persistent && engine.can_sync && !engine.thread_bound;
}

plugins::Status save_copies(
    plugins::Engine& engine, const SaveMark& mark,
    const std::function<std::optional<SavedCopy>(uint16_t partition)>& saved) {
  plugins::Status status = drop_saved_copies(engine);
  std::string bytes;
  for (uint32_t p = 0; p < mark.partition_count && status.ok(); ++p) {
    const auto partition = static_cast<uint16_t>(p);
    if (const std::optional<SavedCopy> copy = saved(partition); copy) {
      encode_saved_copy(mark.id, partition, *copy, &bytes);
      status = put(engine, saved_copy_key(partition), bytes);
    }
  }
  if (status.ok()) {
    encode_save_mark(mark, &bytes);
    status = put(engine, save_mark_key(), bytes);
  }
  return status;
}

TakenSave take_save(plugins::Engine& engine) {
  TakenSave taken;
  std::string bytes;
  const plugins::Status found = engine.get(save_mark_key(), &bytes);
  if (found.not_found()) {
    return taken;
  }
  // One that can't be read goes too: it might be readable next time.
  if (!KINDRED_BUG(save_mark_kept)) {
    plugins::WriteBatch batch;
    batch.remove(save_mark_key());
    taken.status = engine.apply(batch, plugins::Durability::kGroup);
  }
  SaveMark mark;
  if (taken.status.ok() && found.ok() && decode_save_mark(bytes, &mark)) {
    taken.mark = mark;
  }
  return taken;
}

bool fits(const SaveMark& mark, const ClusterDocument& document) {
  return mark.partition_count == document.ring.partition_count() &&
         mark.flush_stamp == document.flush_stamp;
}

bool load_saved_copy(plugins::Engine& engine, const SaveMark& mark, uint16_t partition,
                     SavedCopy* copy) {
  std::string bytes;
  return engine.get(saved_copy_key(partition), &bytes).ok() &&
         decode_saved_copy(bytes, mark.id, partition, copy);
}

plugins::Status drop_saved_copies(plugins::Engine& engine) {
  const StoredKeyRange all = all_saved_range();
  return engine.erase(all.begin, all.end);
}

}  // namespace kindred
