#include "replication/node/shard.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "replication/causal/bug_bank.h"

namespace kindred {

Shard::Shard(const ShardConfig& config, NodeId self, ShardPorts& ports)
    : core_(config, self, ports),
      replica_(core_),
      coordinator_(core_, replica_),
      fill_(core_),
      scanner_(core_),
      sweep_(core_) {}

void Shard::set_cluster(std::shared_ptr<const ClusterDocument> cluster, CopyState fresh_copies) {
  const bool flushed = core_.has_cluster() && cluster->flush_stamp > core_.cluster().flush_stamp;
  core_.set_cluster(std::move(cluster));
  const Ring& ring = core_.cluster().ring;
  core_.copies.resize(ring.partition_count());
  for (uint32_t p = 0; p < ring.partition_count(); ++p) {
    const auto partition = static_cast<uint16_t>(p);
    Copy& copy = core_.copies.at(partition);
    const bool owned = core_.is_mine(partition) && ring.owns(partition, core_.self);
    if (!owned) {
      copy.state = CopyState::kNone;
      continue;
    }
    if (copy.state == CopyState::kNone) {
      copy.state = fresh_copies;
      copy.actor = KINDRED_BUG(actor_reused_after_restart) ? core_.self ^ (uint64_t{partition} + 1)
                                                           : core_.ports.random();
    }
    if (flushed) {
      copy.count.reset();
    }
  }
  fill_.cluster_changed();
  if (flushed) {
    core_.clock.observe(stamp_unix_ms(core_.cluster().flush_stamp), core_.cluster().flush_stamp);
    sweep_.start();
  }
}

void Shard::set_alive(NodeId peer, bool alive, Now now) {
  core_.set_up(peer, alive);
  if (!alive && core_.has_cluster()) {
    coordinator_.on_peer_down(peer, now);
    scanner_.on_peer_down(peer, now);
    fill_.on_peer_down(peer);
  }
}

void Shard::submit(ClientToken token, const Operation& operation, Now now) {
  Origin origin;
  origin.client = token;
  coordinator_.submit(origin, operation, now);
}

void Shard::submit_scan(ClientToken token, const ScanRequest& request, Now now) {
  scanner_.submit(token, request, now);
}

void Shard::receive(NodeId from, const Message& message, Now now) {
  std::visit([&](const auto& one) { receive_one(from, one, now); }, message);
}

void Shard::receive_one(NodeId from, const Replicate& message, Now now) {
  replica_.on_replicate(from, message, now);
}

void Shard::receive_one(NodeId from, const ReplicateAck& message, Now now) {
  coordinator_.on_ack(from, message, now);
}

void Shard::receive_one(NodeId from, const Fetch& message, Now now) {
  replica_.on_fetch(from, message, now);
}

void Shard::receive_one(NodeId from, const FetchReply& message, Now now) {
  coordinator_.on_fetch_reply(from, message, now);
}

void Shard::receive_one(NodeId from, const PassOn& message, Now now) {
  if (message.operation == nullptr) {
    return;
  }
  Origin origin;
  origin.passer = from;
  origin.passed_id = message.id;
  coordinator_.submit(origin, *message.operation, now);
}

void Shard::receive_one(NodeId from, const PassOnReply& message, Now now) {
  coordinator_.on_pass_on_reply(from, message, now);
}

void Shard::receive_one(NodeId from, const FetchRange& message, Now) {
  replica_.on_fetch_range(from, message);
}

void Shard::receive_one(NodeId from, const FetchRangeReply& message, Now now) {
  if (TableId::kind_of(message.id) == IdKind::kFill) {
    fill_.on_range_reply(from, message, now);
  } else {
    scanner_.on_range_reply(from, message, now);
  }
}

void Shard::stored(StoreToken token, bool ok, Now now) {
  switch (TableId::kind_of(token)) {
    case IdKind::kCoordinated:
      return coordinator_.on_stored(token, ok, now);
    case IdKind::kReplica:
      return replica_.on_stored(token, ok);
    case IdKind::kFill:
      return fill_.on_stored(token, ok, now);
    case IdKind::kScan:
    case IdKind::kSweep:
      return;  // they wait for no store
  }
}

void Shard::lost(const KeyRef& key, bool was_promised, const State& lost, const State* shown,
                 Now now) {
  const bool was_written = !lost.never_written() || shown == nullptr;
  if (was_promised && was_written) {
    ++core_.metrics.storage_failures;
    core_.lose_writes(key.partition);
  }
  if (shown != nullptr) {
    State before = lost;
    State after = *shown;
    core_.filter(before);
    core_.filter(after);
    core_.copies.at(key.partition)
        .count.change(live_mark(before), live_mark(after), now.cluster_ms);
  }
}

void Shard::loaded(StoreToken token, LoadStatus status, const State& state, Now now) {
  switch (TableId::kind_of(token)) {
    case IdKind::kCoordinated:
      return coordinator_.on_loaded(token, status, state, now);
    case IdKind::kReplica:
      return replica_.on_loaded(token, status, state, now);
    case IdKind::kFill:
      return fill_.on_loaded(token, status, state, now);
    case IdKind::kScan:
    case IdKind::kSweep:
      return;  // they load nothing
  }
}

void Shard::range_read(StoreToken token, bool ok, std::span<const RangeEntry> entries, bool done,
                       Now now) {
  switch (TableId::kind_of(token)) {
    case IdKind::kReplica:
      return replica_.on_range_read(token, ok, entries, done);
    case IdKind::kScan:
      return scanner_.on_range_read(token, ok, entries, done, now);
    case IdKind::kSweep:
      return sweep_.on_range_read(token, ok, entries, done, now);
    case IdKind::kCoordinated:
    case IdKind::kFill:
      return;  // they read no ranges here
  }
}

void Shard::tick(Now now) {
  coordinator_.tick(now);
  scanner_.tick(now);
  fill_.tick(now);
  sweep_.tick();
}

bool Shard::needs_tick() const {
  return !coordinator_.idle() || !scanner_.idle() || fill_.active() || sweep_.active();
}

bool Shard::count_existing(const KeyRef& key, const State& state, Now now) {
  State current = state;
  core_.filter(current);
  if (current.never_written()) {
    return false;
  }
  core_.copies.at(key.partition).count.change(LiveMark{}, live_mark(current), now.cluster_ms);
  return true;
}

}  // namespace kindred
