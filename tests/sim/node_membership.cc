// How a node drives its membership, and what follows from a document: the simulator's twin of
// server/node.
#include <algorithm>
#include <utility>

#include "protocol/membership/message_codec.h"
#include "protocol/membership/node_record_codec.h"
#include "protocol/peer/frame.h"
#include "protocol/record/record.h"
#include "tests/sim/cluster.h"

namespace kindred::sim {

namespace {

constexpr uint16_t kPortBase = 17000;
constexpr char kHost[] = "10.0.0.1";
constexpr char kEngine[] = "simulated";

DurabilityDirective directive_of(Durability durability) {
  switch (durability) {
    case Durability::kMemory:
      return DurabilityDirective::kNone;
    case Durability::kLogged:
      return DurabilityDirective::kAsync;
    case Durability::kSynced:
      break;
  }
  return DurabilityDirective::kGroup;
}

}  // namespace

Address SimNode::address_of(Number number) {
  return {kHost, static_cast<uint16_t>(kPortBase + number)};
}

Number SimNode::number_at(const Address& address) const {
  const Number number = address.port - kPortBase;
  return number >= 1 && number <= cluster_.node_count() ? number : 0;
}

MembershipConfig SimNode::membership_config() const {
  MembershipConfig config;
  config.name = "n" + std::to_string(number_);
  config.peer_address = address_of(number_);
  config.client_address = {kHost, static_cast<uint16_t>(config.peer_address.port - 10'000)};
  config.seeds = seeds_;
  config.partition_count = cluster_.plan().partitions;
  config.replicas = cluster_.plan().replicas;
  config.read_quorum = cluster_.plan().quorum.read;
  config.auto_join = joins_by_itself;
  const std::vector<Keyspace>& rules = cluster_.plan().rules;
  for (size_t i = 0; i < rules.size(); ++i) {
    Keyspace keyspace = rules[i];
    keyspace.pattern = cluster_.keys()[i].key;
    if (!put_keyspace(config.keyspaces, std::move(keyspace))) {
      cluster_.oracle().fail("more keyspaces than a cluster can have");
    }
  }
  config.request_timeout_ms = cluster_.plan().request_timeout_ms;
  return config;
}

/// What a node finds in its directory, as Node::open_engines() reads it.
NodeRecord SimNode::boot() {
  NodeRecord record;
  NodeFiles& files = disk_.files;
  if (!files.record.empty() &&
      decode_node_record(files.record, &record) != NodeRecordBytes::kValid) {
    cluster_.oracle().fail("a node record can't be read");
  }
  if (record.data_is_void) {
    disk_.erase_all();
    record.data_is_void = false;
    encode_node_record(record, &files.record);
  }
  const Durability durability = cluster_.plan().durability;
  BootSituation situation;
  situation.has_record = files.boot.has_value();
  situation.before = files.boot.value_or(BootRecord{});
  situation.machine_boot_id = std::to_string(machine_run_);
  situation.engine = kEngine;
  situation.engine_persistent = durability != Durability::kMemory;
  situation.engine_had_data = files.boot.has_value();
  const bool has_other_copies = record.document != nullptr && record.document->ring.copies() > 1;
  if (has_other_copies && !record.copies_filling && copies_need_filling(situation)) {
    record.copies_filling = true;
    encode_node_record(record, &files.record);
  }
  files.boot = BootRecord{false, situation.machine_boot_id, directive_of(durability), kEngine};
  return record;
}

void SimNode::start() {
  ++incarnation;
  machine_is_up = true;
  count_is_exact = true;
  installs_missing_ = shard_count_;
  timer_us_ = kNever;
  record_synced_us_ = 0;
  peers_.clear();
  progress_.assign(shard_count_, MemberProgress{});
  is_leaving_ = false;
  NodeRecord record = boot();
  note(std::string("starts") + (record.document == nullptr ? ", no member yet" : "") +
       (record.copies_filling ? ", its copies filling" : ""));
  cluster_.membership_judge().started(number_);
  membership_ = std::make_unique<Membership>(membership_config(), *this);
  // Until each shard has told how far its copies are, nothing is stored or handed over.
  membership_->set_progress(MemberProgress{0, {}, true}, local_time());
  step_membership(
      [&](Membership& membership, LocalTime now) { membership.start(std::move(record), now); });
}

void SimNode::after_membership_step() {
  if (is_ready()) {
    in_membership_step_ = true;
    membership_->set_whole(all_whole(), local_time());
    in_membership_step_ = false;
  }
  arm_timer();
}

void SimNode::copies_changed() {
  if (is_up() && !in_membership_step_) {
    after_membership_step();
  }
}

void SimNode::arm_timer() {
  const uint64_t deadline_us = membership_->next_deadline_us();
  if (deadline_us == timer_us_) {
    return;
  }
  timer_us_ = deadline_us;
  if (deadline_us == kNever) {
    return;
  }
  const uint64_t now_us = cluster_.queue().now_us();
  later(deadline_us > now_us ? deadline_us - now_us : 0, [this, deadline_us] {
    if (timer_us_ == deadline_us) {
      timer_us_ = kNever;
      step_membership([](Membership& membership, LocalTime now) { membership.tick(now); });
    }
  });
}

void SimNode::link_changed(Number to, bool is_up) {
  step_membership([&](Membership& membership, LocalTime now) {
    is_up ? membership.link_up(address_of(to), now) : membership.link_down(address_of(to), now);
  });
}

void SimNode::send(const Address& to, const MembershipMessage& message) {
  const Number number = number_at(to);
  if (number == 0) {
    return;  // nobody ever was there
  }
  std::string payload;
  encode_membership(message, &payload);
  auto parcel = std::make_shared<Parcel>();
  parcel->sender = id();
  parcel->is_membership = true;
  encode_frame(FrameKind::kMembership, {}, payload, &parcel->frame);
  cluster_.network().send(number_, number, std::move(parcel));
}

void SimNode::persist(const NodeRecord& record, PersistToken token) {
  std::string bytes;
  encode_node_record(record, &bytes);
  disk_.files.pending.push_back(std::move(bytes));
  Prng& prng = cluster_.prng(Chance::kEngine);
  const uint64_t stall_us = cluster_.plan().stall_us_max * 3 / 5;
  const uint64_t slow_us = prng.one_in(20) && !cluster_.is_healing() ? stall_us : 0;
  const uint64_t now_us = cluster_.queue().now_us();
  record_synced_us_ =
      std::max(record_synced_us_, now_us + prng.between(50, cluster_.plan().sync_us_max + slow_us));
  later(record_synced_us_ - now_us, [this, token] {
    disk_.files.record = std::move(disk_.files.pending.front());
    disk_.files.pending.pop_front();
    step_membership(
        [token](Membership& membership, LocalTime now) { membership.persisted(token, now); });
  });
}

void SimNode::installed(std::shared_ptr<const ClusterDocument> document, NodeId /*self*/,
                        bool copies_filling) {
  if (document_ != nullptr && document->flush_stamp > document_->flush_stamp) {
    count_is_exact = false;  // what is written meanwhile is counted again only by a restart
  }
  const auto before = std::exchange(document_, std::move(document));
  codec_.emplace(document_->cluster_id, document_->tag_keys);
  for (const Member& member : document_->members) {
    peers_[member.id] = number_at(member.peer_address);
  }
  note("installs " + std::to_string(document_->generation) + "/" +
       std::to_string(document_->epoch) + ", flush " + text(Dot{document_->flush_stamp, 0}));
  losses.split(document_->partitions());
  cluster_.membership_judge().installed(number_, before.get(), *document_);
  cluster_.oracle().flush_installed(document_->flush_stamp);
  const CopyState fresh = copies_filling ? CopyState::kFilling : CopyState::kWhole;
  for (uint8_t i = 0; i < shard_count_; ++i) {
    if (i == 0) {
      install_in_shard(i, document_, fresh);
    } else {
      post(i, [this, i, installed = document_, fresh] { install_in_shard(i, installed, fresh); });
    }
  }
}

void SimNode::install_in_shard(uint8_t shard,
                               const std::shared_ptr<const ClusterDocument>& document,
                               CopyState fresh) {
  const bool is_first = shards_[shard] == nullptr;
  if (is_first) {
    const Plan& plan = cluster_.plan();
    ShardConfig config;
    config.shard_index = shard;
    config.shard_count = static_cast<uint8_t>(shard_count_);
    config.id_seed = random();
    config.quorum = plan.quorum;
    config.hint_ttl_ms = plan.hint_ttl_ms;
    config.tombstone_grace_ms = plan.tombstone_grace_ms;
    config.durability = plan.durability;
    config.engine_can_sync = plan.durability == Durability::kSynced;
    config.request_timeout_ms = plan.request_timeout_ms;
    config.siblings_max = 40;
    config.tree_bytes_max = plan.tree_bytes_max;
    shards_[shard] = std::make_unique<ShardHost>(*this, config);
  }
  shards_[shard]->set_cluster(document, fresh);
  if (is_first) {
    take_inventory(shard);
    post(0, [this] {
      --installs_missing_;
      after_membership_step();
      if (installs_missing_ == 0) {
        take_early();
      }
    });
  }
  shards_[shard]->wake();
  tell_progress(shard);
}

/// Of the shard that is furthest behind, all together. Only the inventory shows copies that are to
/// be handed over, so nothing is told before.
void SimNode::tell_progress(uint8_t index) {
  post(index, [this, index] {
    const Shard& shard = shards_[index]->shard();
    MemberProgress progress;
    progress.epoch = shards_[index]->document_epoch();
    progress.is_departing = !shard.may_go();
    for (const Transfer& transfer : shard.transfers()) {
      if (transfer.state != CopyState::kDeparting) {
        progress.not_whole.push_back(transfer.partition);
      }
    }
    post(0, [this, index, progress] {
      progress_[index] = progress;
      MemberProgress sum = progress_.front();
      for (const MemberProgress& each : progress_) {
        sum.epoch = std::min(sum.epoch, each.epoch);
        sum.is_departing |= each.is_departing;
      }
      sum.not_whole.clear();
      for (const MemberProgress& each : progress_) {
        sum.not_whole.insert(sum.not_whole.end(), each.not_whole.begin(), each.not_whole.end());
      }
      std::sort(sum.not_whole.begin(), sum.not_whole.end());
      step_membership([&](Membership& membership, LocalTime now) {
        membership.set_progress(std::move(sum), now);
      });
    });
  });
}

void SimNode::take_inventory(uint8_t index) {
  Shard& shard = shards_[index]->shard();
  for (uint32_t i = 0; i < disk_.size(); ++i) {
    const KeyRef key = shards_[index]->key_at(i);
    State state;
    if (index_of_partition(key.partition) != index) {
      continue;
    }
    if (disk_.at(i).is_damaged) {
      shard.found_corrupt(key);
    } else if (!decode_record(key, disk_.at(i).visible.bytes, &state)) {
      cluster_.oracle().fail("an engine holds a record that can't be read");
    } else if (!state.never_written()) {
      (void)shard.count_existing(key, state, now());
    }
  }
}

void SimNode::alive_changed(NodeId member, bool is_up) {
  note("takes node " + std::to_string(peers_[member]) + " for " + (is_up ? "up" : "down"));
  cluster_.probes().add(is_up ? "seen_up" : "seen_down");
  cluster_.membership_judge().alive_changed(number_, peers_[member], member, is_up);
  for (uint8_t i = 0; i < shard_count_; ++i) {
    if (i == 0) {
      shards_[i]->set_alive(member, is_up);
    } else {
      post(i, [this, i, member, is_up] { shards_[i]->set_alive(member, is_up); });
    }
  }
}

void SimNode::collect_stamp(StampToken token) {
  struct Collection {
    uint32_t missing;
    Stamp highest = 0;
  };
  const auto collection = std::make_shared<Collection>(Collection{shard_count_});
  for (uint8_t i = 0; i < shard_count_; ++i) {
    post(i, [this, i, token, collection] {
      const Stamp highest = shards_[i]->shard().highest_stamp();
      post(0, [this, token, collection, highest] {
        collection->highest = std::max(collection->highest, highest);
        if (--collection->missing == 0) {
          step_membership([&](Membership& membership, LocalTime now) {
            membership.stamp_collected(token, collection->highest, now);
          });
        }
      });
    });
  }
}

void SimNode::want_document(NodeId holder) {
  post(0, [this, holder] {
    step_membership(
        [holder](Membership& membership, LocalTime now) { membership.want_document(holder, now); });
  });
}

void SimNode::ask_flush(std::function<void(FlushEnd)> done) {
  const FlushToken token = ++last_flush_;
  flushes_.emplace(token, std::move(done));
  later(0, [this, token] {
    step_membership(
        [token](Membership& membership, LocalTime now) { membership.request_flush(token, now); });
  });
}

void SimNode::flush_done(FlushToken token, std::string_view error) {
  const auto at = flushes_.find(token);
  if (at == flushes_.end()) {
    return cluster_.oracle().fail("a flush was answered twice");
  }
  note("ends a flush: " + std::string(error));
  const auto done = std::move(at->second);
  flushes_.erase(at);
  done(error.empty()                   ? FlushEnd::kDone
       : error.starts_with("NOQUORUM") ? FlushEnd::kUnknown
                                       : FlushEnd::kRefused);
}

void SimNode::ask_change(RingChange change, ChangeDone done) {
  const ChangeToken token = ++last_change_;
  changes_.emplace(token, std::move(done));
  later(0, [this, token, change = std::move(change)] {
    note("is asked for a ring change of kind " + std::to_string(static_cast<int>(change.kind)) +
         ": " + change.node + " " + change.replacement);
    step_membership([&](Membership& membership, LocalTime now) {
      membership.request_change(token, change, now);
    });
  });
}

void SimNode::ask_edit(Membership::DocumentEdit edit, ChangeDone done) {
  const ChangeToken token = ++last_change_;
  changes_.emplace(token, std::move(done));
  later(0, [this, token, edit = std::move(edit)] {
    note("is asked for another n of a keyspace");
    step_membership(
        [&](Membership& membership, LocalTime now) { membership.request_edit(token, edit, now); });
  });
}

void SimNode::ask_commit(ChangeDone done) {
  const ChangeToken token = ++last_change_;
  changes_.emplace(token, std::move(done));
  later(0, [this, token] {
    step_membership(
        [token](Membership& membership, LocalTime now) { membership.commit_staged(token, now); });
  });
}

void SimNode::ask_clear(ChangeDone done) {
  const ChangeToken token = ++last_change_;
  changes_.emplace(token, std::move(done));
  later(0, [this, token] {
    step_membership(
        [token](Membership& membership, LocalTime now) { membership.clear_staged(token, now); });
  });
}

void SimNode::change_done(ChangeToken token, std::string_view error, uint64_t epoch) {
  const auto at = changes_.find(token);
  if (at == changes_.end()) {
    return cluster_.oracle().fail("a ring change was answered twice");
  }
  note("ends a ring change: " + (error.empty() ? std::to_string(epoch) : std::string(error)));
  // Told in any case, also where the process ends within the very step.
  cluster_.queue().after(
      0, [done = std::move(at->second), text = std::string(error), epoch] { done(text, epoch); });
  changes_.erase(at);
}

void SimNode::left(std::string_view why, bool starts_anew) {
  note("leaves: " + std::string(why));
  is_leaving_ = true;
  later(0, [this, starts_anew] {
    stop_orderly([this, starts_anew] { cluster_.ring_operator().has_left(*this, starts_anew); });
  });
}

void SimNode::log(LogLevel /*level*/, std::string_view text) {
  note("logs: " + std::string(text));
}

void SimNode::fatal(std::string_view text) {
  cluster_.oracle().fail("node " + std::to_string(number_) + " gives up: " + std::string(text));
}

uint64_t SimNode::random() {
  return cluster_.actors().next() | 1;
}

}  // namespace kindred::sim
