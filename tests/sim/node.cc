#include "tests/sim/node.h"

#include <algorithm>
#include <utility>

#include "protocol/membership/message_codec.h"
#include "protocol/peer/frame.h"
#include "protocol/record/record.h"
#include "replication/ring/slot.h"
#include "tests/sim/cluster.h"

namespace kindred::sim {

namespace {

/// Which shard of the receiver a message is for.
size_t shard_for(const Message& message, size_t slot_partitions, size_t shards) {
  return std::visit(
      [slot_partitions, shards](const auto& one) -> size_t {
        using Type = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<Type, Replicate> || std::is_same_v<Type, Fetch>) {
          return one.key.partition % slot_partitions % shards;
        } else if constexpr (std::is_same_v<Type, PassOn>) {
          return one.operation->key.partition % slot_partitions % shards;
        } else if constexpr (std::is_same_v<Type, FetchRange> || std::is_same_v<Type, TreeFetch> ||
                             std::is_same_v<Type, KeyDigestsFetch> ||
                             std::is_same_v<Type, RoundCall>) {
          return one.partition % slot_partitions % shards;
        } else {
          return (one.id >> 56) % shards;
        }
      },
      message);
}

}  // namespace

SimNode::SimNode(SimCluster& cluster, Number number, uint32_t shard_count)
    : cluster_(cluster),
      number_(number),
      shard_count_(shard_count),
      disk_(cluster.plan().keys.size()),
      shards_(shard_count),
      mail_us_(shard_count, 0),
      reader_(cluster.plan().partitions) {}

LocalTime SimNode::local_time() const {
  const uint64_t now_us = cluster_.queue().now_us();
  return {now_us, true_ms(now_us) + static_cast<uint64_t>(skew_ms)};
}

Now SimNode::now() const {
  const LocalTime local = local_time();
  return Now{local.mono_us, membership_ ? membership_->cluster_ms(local.unix_ms) : local.unix_ms};
}

bool SimNode::note(const std::string& text) const {
  if (cluster_.trace().on()) {
    cluster_.trace().add(cluster_.queue().now_us(), "node " + std::to_string(number_) + " " + text);
  }
  return cluster_.trace().on();
}

void SimNode::stop(bool with_machine) {
  note(with_machine ? "and its machine are gone" : "is gone");
  for (ShardHost* host : shards()) {
    cluster_.collect_probes(host->shard());
  }
  ++incarnation;
  is_stopping_ = false;
  has_met_all_ = false;
  early_.clear();
  membership_.reset();
  document_.reset();
  std::fill(mail_us_.begin(), mail_us_.end(), 0);
  for (auto& host : shards_) {
    host.reset();
  }
  // Of the records on their way to the disk, those up to some one got there.
  std::deque<std::string>& pending = disk_.files.pending;
  if (const uint64_t arrived = cluster_.prng(Chance::kEngine).below(pending.size() + 1);
      arrived != 0) {
    disk_.files.record = pending[arrived - 1];
  }
  pending.clear();
  disk_.lose_memory();
  disk_trouble_ = StorageTrouble::kNone;
  is_trouble_told_ = false;
  paused_until_us = 0;
  machine_is_up = !with_machine;
  machine_run_ += with_machine ? 1 : 0;
  cluster_.network().process_ended(number_, with_machine);
  cluster_.membership_judge().fault_of(number_);

  drop_requests();
}

void SimNode::stop_orderly(const std::function<void()>& stopped) {
  note("is asked to stop");
  is_stopping_ = true;
  for (ShardHost* host : shards()) {
    host->shard().drain();
  }
  const uint64_t patience_us = (cluster_.plan().request_timeout_ms + 500) * 1000ULL;
  wait_for_end(cluster_.queue().now_us() + patience_us, stopped);
}

void SimNode::wait_for_end(uint64_t until_us, const std::function<void()>& stopped) {
  const bool is_busy = std::any_of(shards_.begin(), shards_.end(), [](const auto& host) {
    return host != nullptr && host->shard().operations_in_flight() != 0;
  });
  if (is_busy && cluster_.queue().now_us() < until_us) {
    return later(10'000, [this, until_us, stopped] { wait_for_end(until_us, stopped); });
  }
  const bool is_member = document_ != nullptr;
  disk_.log_all();
  stop(false);
  disk_.files.boot->clean_stop = is_member;
  stopped();
}

void SimNode::later(uint64_t delay_us, std::function<void()> action) {
  const uint64_t mine = incarnation;
  cluster_.queue().after(delay_us, [this, mine, action = std::move(action)]() mutable {
    if (mine != incarnation) {
      return;
    }
    if (cluster_.queue().now_us() < paused_until_us) {
      return later(paused_until_us - cluster_.queue().now_us(), std::move(action));
    }
    action();
  });
}

void SimNode::post(uint8_t shard, std::function<void()> action) {
  const uint64_t now_us = cluster_.queue().now_us();
  const uint64_t delay_us = shard_count_ == 1 ? 0 : cluster_.prng(Chance::kThreads).below(300);
  mail_us_[shard] = std::max(mail_us_[shard], now_us + delay_us);
  later(mail_us_[shard] - now_us, std::move(action));
}

std::vector<ShardHost*> SimNode::shards() {
  std::vector<ShardHost*> there;
  for (auto& host : shards_) {
    if (host != nullptr) {
      there.push_back(host.get());
    }
  }
  return there;
}

FrameOrigin SimNode::origin() const {
  return {document_->cluster_id, document_->generation, document_->epoch};
}

void SimNode::send_data(NodeId to, std::string_view frame, Ghost ghost, bool may_repeat) {
  const auto peer = peers_.find(to);
  if (peer == peers_.end()) {
    return cluster_.probes().add("answer_to_unknown");  // a member since a document still to come
  }
  auto parcel = std::make_shared<Parcel>();
  parcel->sender = id();
  parcel->frame = frame;
  parcel->ghost = std::move(ghost);
  parcel->may_repeat = may_repeat;
  cluster_.network().send(number_, peer->second, std::move(parcel));
}

bool SimNode::deliver(Number from, const Parcel& parcel) {
  Frame frame;
  if (read_frame_header(parcel.frame, kFramePayloadBytesMax, &frame.header) != FrameError::kNone ||
      frame.header.payload_bytes != parcel.frame.size() - kFrameHeaderBytes ||
      !frame_checksum_holds(parcel.frame)) {
    return false;
  }
  frame.payload = std::string_view(parcel.frame).substr(kFrameHeaderBytes);
  if (frame.header.kind == FrameKind::kMembership) {
    const std::optional<MembershipMessage> message = decode_membership(frame.payload);
    if (!message) {
      return false;
    }
    step_membership([&](Membership& membership, LocalTime now) {
      membership.receive(address_of(from), *message, now);
    });
    return true;
  }
  if (document_ == nullptr || installs_missing_ != 0) {
    early_.emplace_back(from, parcel);
    return true;
  }
  if (frame.header.origin.cluster_id != document_->cluster_id) {
    return true;  // refused, as data of another cluster
  }
  peers_.try_emplace(parcel.sender, from);  // one that has just joined, and asks already
  if (document_->layers.empty()) {
    reader_.set_partitions(cluster_.plan().partitions);
    reader_.start(frame);
    while (const Message* message = reader_.next()) {
      const size_t index = shard_for(*message, cluster_.plan().partitions, shard_count_);
      if (shards_[index] != nullptr) {
        shards_[index]->receive(parcel.sender, *message, parcel.ghost);
      }
    }
    return !reader_.failed();
  }
  // Each reads it by the document that it goes by itself.
  for (size_t index = 0; index < shard_count_; ++index) {
    const uint64_t mine = incarnation;
    if (shards_[index] == nullptr) {
      continue;
    }
    reader_.set_partitions(shards_[index]->partitions());
    reader_.start(frame);
    while (const Message* message = reader_.next()) {
      if (shard_for(*message, cluster_.plan().partitions, shard_count_) == index) {
        shards_[index]->receive(parcel.sender, *message, parcel.ghost);
      }
      if (mine != incarnation) {
        return true;
      }
    }
    if (reader_.failed()) {
      return false;
    }
  }
  return true;
}

size_t SimNode::index_of_partition(uint16_t partition) const {
  return partition % cluster_.plan().partitions % shard_count_;
}

/// As Node does: data for a member that had not got, or not taken in, the document.
void SimNode::take_early() {
  for (const auto& [from, parcel] : std::exchange(early_, {})) {
    (void)deliver(from, parcel);  // what is malformed is no worse than lost
  }
}

StoreStatus SimNode::store_later(uint32_t key, uint8_t shard, StoreToken token, uint64_t delay_us) {
  PendingStore store;
  store.number = ++last_store_;
  store.shard = shard;
  store.token = token;
  store.record = disk_.at(key).visible;
  disk_.at(key).pending.push_back(std::move(store));
  const bool ok = disk_trouble_ == StorageTrouble::kNone &&
                  (cluster_.is_healing() ||
                   !cluster_.prng(Chance::kEngine).chance(cluster_.plan().store_failure_chance));
  later(delay_us, [this, key, number = last_store_, ok] {
    store_done(key, number, ok && disk_trouble_ == StorageTrouble::kNone);
  });
  return StoreStatus::kPending;
}

void SimNode::begin_disk_trouble(StorageTrouble trouble, uint64_t length_us) {
  note("can't write to its disk");
  disk_trouble_ = trouble;
  later(length_us, [this] {
    note("can write to its disk again");
    disk_trouble_ = StorageTrouble::kNone;
    if (is_trouble_told_) {
      later(cluster_.prng(Chance::kEngine).below(300'000), [this] {
        is_trouble_told_ = disk_trouble_ != StorageTrouble::kNone;
        tell_storage(disk_trouble_);
      });
    }
  });
}

void SimNode::note_refused_write() {
  if (!is_trouble_told_) {
    is_trouble_told_ = true;
    tell_storage(disk_trouble_);
  }
}

void SimNode::tell_storage(StorageTrouble trouble) {
  for (uint8_t shard = 0; shard < shard_count_; ++shard) {
    later(cluster_.prng(Chance::kThreads).below(50'000), [this, shard, trouble] {
      if (shards_[shard] != nullptr && is_trouble_told_ == (trouble != StorageTrouble::kNone)) {
        shards_[shard]->set_storage(trouble);
      }
    });
  }
}

/// Loads show again what the engine holds.
void SimNode::revert(uint32_t place) {
  DiskKey& kept = disk_.at(place);
  const KeyRef key = key_at(place);
  const std::string lost_bytes = kept.visible.bytes;
  const std::string shown_bytes = kept.logged.bytes;
  if (disk_.target_of(place) == 0 && !disk_.is_mark(place)) {
    shard_of_partition(key.partition).note_reverted(disk_.key_of(place), kept.visible.met);
  }
  kept.visible = kept.logged;
  State lost;
  State shown;
  if (disk_.target_of(place) != 0 && !disk_.is_mark(place) &&
      decode_record(key, lost_bytes, &lost) && decode_record(key, shown_bytes, &shown)) {
    shard_of_partition(key.partition).lost(place, lost, shown);
  }
}

/// Stores of a key end in order: one that ends takes the earlier ones with it; one that fails, the
/// later ones, which stand on it.
void SimNode::store_done(uint32_t key, uint64_t number, bool ok) {
  DiskKey& kept = disk_.at(key);
  std::vector<PendingStore> ended;
  if (ok) {
    while (!kept.pending.empty() && kept.pending.front().number <= number) {
      ended.push_back(std::move(kept.pending.front()));
      kept.pending.pop_front();
      disk_.log(key, ended.back().record);
    }
    if (cluster_.plan().durability == Durability::kSynced) {
      disk_.sync();
    }
  } else {
    const bool is_there =
        std::any_of(kept.pending.begin(), kept.pending.end(),
                    [number](const PendingStore& one) { return one.number == number; });
    while (is_there && !kept.pending.empty()) {
      ended.push_back(std::move(kept.pending.front()));
      kept.pending.pop_front();
    }
    if (is_there && disk_trouble_ != StorageTrouble::kNone) {
      note_refused_write();
    }
    if (is_there) {
      cluster_.probes().add("store_failed");
      revert(key);
      count_is_exact = false;
    }
  }
  const uint64_t mine = incarnation;
  for (const PendingStore& store : ended) {
    if (mine == incarnation && store.token != 0) {
      shards_[store.shard]->stored(store.token, ok);
    }
  }
}

/// What lies at a place of the disk.
KeyRef SimNode::key_at(uint32_t place) const {
  const uint32_t index = disk_.key_of(place);
  if (disk_.is_mark(place)) {
    const auto partition = static_cast<uint16_t>(index - Disk::kMarkKeys);
    return KeyRef::round_mark(partition, cluster_.plan().partitions);
  }
  KeyRef key = cluster_.keys()[index];
  key.hint_for = disk_.target_of(place);
  return key;
}

/// A copy that is emptied has lost what it acknowledged, until it is filled again.
void SimNode::note_emptying(const Copies& copies) {
  for (uint32_t p = 0; p < copies.size(); ++p) {
    if (copies.at(static_cast<uint16_t>(p)).empties_to != 0) {
      is_lossy = true;
      cluster_.note_loss_of(*this, static_cast<uint16_t>(p));
    }
  }
}

std::string SimNode::name_of(NodeId node) const {
  const auto place = peers_.find(node);
  return place == peers_.end() ? "?" : std::to_string(place->second);
}

bool SimNode::all_whole() {
  return is_ready() && std::all_of(shards_.begin(), shards_.end(),
                                   [](const auto& host) { return host->filling_copies() == 0; });
}

bool SimNode::has_vote() const {
  const Member* member = is_ready() ? document_->find_member(id()) : nullptr;
  return member != nullptr && member->directory == membership_->record().directory_id;
}

bool SimNode::idle() {
  return is_ready() && std::all_of(shards_.begin(), shards_.end(), [](const auto& host) {
           return host->shard().operations_in_flight() == 0 && !host->shard().needs_tick();
         });
}

bool SimNode::sees_all_up() const {
  return is_ready() && membership_->members_up() == document_->members.size();
}

}  // namespace kindred::sim
