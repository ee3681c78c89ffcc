#include "replication/node/scanner.h"

#include <algorithm>

namespace kindred {

namespace {

constexpr uint32_t kCountMax = 10'000;
constexpr uint32_t kScanPageBytesMax = 4U << 20;
constexpr uint64_t kBelowPosition = (uint64_t{1} << (64 - ScanRequest::kHashBits)) - 1;
constexpr uint64_t kRetryUs = 10'000;  // until replicas that go by another step are asked again

uint64_t position_of(const KeyRef& key) {
  return (uint64_t{key.slot} << ScanRequest::kHashBits) |
         (key.hash >> (64 - ScanRequest::kHashBits));
}

uint16_t slot_of(uint64_t cursor) {
  return static_cast<uint16_t>(cursor >> ScanRequest::kHashBits);
}

uint64_t hash_of(uint64_t cursor) {
  return cursor << (64 - ScanRequest::kHashBits);
}

}  // namespace

Scanner::Scanner(ShardCore& core)
    : core_(core), table_(core.config.shard_index, IdKind::kScan, core.config.id_seed) {}

void Scanner::submit(ClientToken token, const ScanRequest& request, Now now) {
  Scan& scan = table_.make();
  scan.client = token;
  scan.cursor = request.cursor;
  scan.count = std::clamp<uint32_t>(request.count, 1, kCountMax);
  scan.page_bytes = kScanPageBytesMax;
  const uint32_t timeout_ms =
      request.timeout_ms != 0 ? request.timeout_ms : core_.config.request_timeout_ms;
  scan.deadline_us = now.mono_us + uint64_t{timeout_ms} * 1000;
  scan.partition = static_cast<uint16_t>(core_.cluster().ring.partition_of(slot_of(scan.cursor)));
  scan.first_layer = densest_layer(scan.partition, now);
  scan.partition = core_.partitions().in_layer(scan.partition, scan.first_layer);
  scan.horizon = UINT64_MAX;
  begin(scan, now);
}

/// A page of the layer with most keys ends soonest, and what lies behind its end need not be looked
/// at in the others: a page of few of their keys may go over all keys of the slots.
uint16_t Scanner::densest_layer(uint16_t partition, Now now) {
  uint16_t densest = 0;
  uint64_t most = 0;
  for (uint32_t layer = 0; core_.has_layers() && layer < core_.partitions().layers(); ++layer) {
    Copy& copy = core_.copies.at(core_.partitions().in_layer(partition, layer));
    if (const uint64_t keys = copy.count.live(now.cluster_ms); keys > most) {
      most = keys;
      densest = static_cast<uint16_t>(layer);
    }
  }
  return densest;
}

/// From the densest to the first, and then on by their numbers.
bool Scanner::go_to_next_layer(Scan& scan) const {
  const KeyPartitions& partitions = core_.partitions();
  const uint32_t layer = partitions.layer_of_partition(scan.partition);
  uint32_t next = layer == scan.first_layer ? 0 : layer + 1;
  next += next == scan.first_layer ? 1 : 0;
  if (next >= partitions.layers()) {
    return false;
  }
  scan.partition = partitions.in_layer(scan.partition, next);
  return true;
}

void Scanner::begin(Scan& scan, Now now) {
  const auto replicas = static_cast<uint8_t>(core_.cluster().replicas_met(scan.partition));
  const ResolvedQuorum quorum = resolve_quorum(QuorumSpec{}, core_.quorum_of_any(), replicas,
                                               core_.copies_of(scan.partition));
  scan.step = core_.step(scan.partition);
  scan.needed = quorum.modify_read;  // enough to meet every acknowledged write
  if (core_.owners_up(scan.partition) < scan.needed) {
    return fail(scan, /*no_replicas=*/true);
  }
  deadlines_.add(scan.id, scan.deadline_us);
  ask_enough(scan);
  judge(scan, now);
}

void Scanner::again(Scan& scan, Now now) {
  table_.renew(scan);
  scan.sources.clear();
  scan.was_refused_by_step = false;
  begin(scan, now);
}

void Scanner::on_new_cluster(Now now) {
  for (uint64_t id : table_.ids()) {
    Scan* scan = table_.find(id);
    if (scan != nullptr && scan->step != core_.step(scan->partition)) {
      again(*scan, now);
    }
  }
}

bool Scanner::ask_next(Scan& scan) {
  for (NodeId node : core_.owners(scan.partition)) {
    const bool asked = std::any_of(scan.sources.begin(), scan.sources.end(),
                                   [node](const Source& source) { return source.node == node; });
    const bool filling = node == core_.self && !core_.serves(scan.partition);
    if (asked || filling || !core_.is_up(node)) {
      continue;
    }
    Source source;
    source.node = node;
    scan.sources.push_back(source);
    FetchRange range;
    range.id = scan.id;
    range.step = scan.step;
    range.partition = scan.partition;
    range.from_slot = slot_of(scan.cursor);
    range.from_hash = hash_of(scan.cursor);
    if (scan.horizon != UINT64_MAX) {
      range.last_slot = slot_of(scan.horizon - 1);
      range.last_hash = hash_of(scan.horizon - 1) | kBelowPosition;
    }
    range.entries_max = scan.count + 1;
    range.bytes_max = scan.page_bytes;
    range.values_wanted = false;
    if (node == core_.self) {
      core_.ports.read_range(range, scan.id);
    } else {
      core_.ports.send(node, range);
    }
    return true;
  }
  return false;
}

void Scanner::ask_enough(Scan& scan) {
  auto usable = [&scan] {
    return std::count_if(scan.sources.begin(), scan.sources.end(), [](const Source& source) {
      return source.status != Source::Status::kFailed;
    });
  };
  while (usable() < scan.needed && ask_next(scan)) {
  }
}

void Scanner::on_range_reply(NodeId from, const FetchRangeReply& reply, Now now) {
  if (Scan* scan = table_.find(reply.id); scan != nullptr) {
    take(*scan, from, reply.status, reply.entries, reply.done, now);
  }
}

void Scanner::on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done,
                            Now now) {
  if (Scan* scan = table_.find(id); scan != nullptr) {
    // The copy may have lost something since it was asked.
    const bool counts = ok && core_.serves(scan->partition);
    take(*scan, core_.self, counts ? FetchStatus::kOk : FetchStatus::kFailed, entries, done, now);
  }
}

void Scanner::take(Scan& scan, NodeId from, FetchStatus status, std::span<const RangeEntry> entries,
                   bool done, Now now) {
  auto source = std::find_if(scan.sources.begin(), scan.sources.end(),
                             [from](const Source& one) { return one.node == from; });
  if (source == scan.sources.end() || source->status != Source::Status::kWaiting) {
    return;
  }
  source->status = status == FetchStatus::kOk ? Source::Status::kDone : Source::Status::kFailed;
  if (status == FetchStatus::kStale) {
    core_.ports.document_wanted(from);
  }
  scan.was_refused_by_step =
      scan.was_refused_by_step || status == FetchStatus::kStale || status == FetchStatus::kBehind;
  if (status == FetchStatus::kOk) {
    source->done = done;
    source->last_position = entries.empty() ? scan.cursor : position_of(entries.back().key);
    for (const RangeEntry& entry : entries) {
      State state;
      if (!core_.ports.decode(entry.key, entry.record, &state)) {
        ++core_.metrics.damaged_records_received;
        continue;
      }
      core_.filter(state);
      for (Sibling& sibling : state.siblings) {
        sibling.value = Value{};
      }
      auto [place, fresh] =
          scan.found.try_emplace({position_of(entry.key), std::string(entry.key.key)}, State{});
      place->second = fresh ? std::move(state) : merge(place->second, state);
    }
  }
  judge(scan, now);
}

void Scanner::judge(Scan& scan, Now now) {
  auto count = [&scan](Source::Status status) {
    return std::count_if(scan.sources.begin(), scan.sources.end(),
                         [status](const Source& source) { return source.status == status; });
  };
  if (count(Source::Status::kDone) >= scan.needed) {
    return complete(scan, now);
  }
  if (count(Source::Status::kDone) + count(Source::Status::kWaiting) < scan.needed) {
    ask_enough(scan);
    if (count(Source::Status::kDone) + count(Source::Status::kWaiting) >= scan.needed) {
      return;
    }
    if (scan.was_refused_by_step) {
      deadlines_.add(scan.id, now.mono_us + kRetryUs);  // then asked again
    } else {
      fail(scan, /*no_replicas=*/false);
    }
  }
}

uint64_t Scanner::end_of_partition(const Scan& scan) const {
  const uint32_t next_slot = uint32_t{core_.partitions().slots_of(scan.partition).last} + 1;
  return next_slot == kSlotCount ? 0 : uint64_t{next_slot} << ScanRequest::kHashBits;
}

/// What lies before the first position that some source may not have told all of is known of this
/// layer: on to the next.
void Scanner::complete(Scan& scan, Now now) {
  uint64_t horizon = UINT64_MAX;
  for (const Source& source : scan.sources) {
    if (source.status == Source::Status::kDone && !source.done) {
      horizon = std::min(horizon, source.last_position);
    }
  }
  if (horizon <= scan.cursor && horizon != UINT64_MAX) {
    // One position holds more keys than a page: ties come whole, so the page must grow.
    scan.count = std::min<uint32_t>(scan.count * 2 + 16, 1U << 24);
    scan.page_bytes = std::min<uint32_t>(scan.page_bytes * 2, 1U << 30);
    scan.sources.clear();
    ask_enough(scan);
    return judge(scan, now);
  }
  scan.horizon = std::min(scan.horizon, horizon);
  if (go_to_next_layer(scan)) {
    return again(scan, now);
  }
  give_out(scan, now);
}

void Scanner::give_out(Scan& scan, Now now) {
  const uint64_t horizon = scan.horizon;
  ScanPage page;
  page.ok = true;
  page.needed = scan.needed;
  page.seen = scan.needed;
  page.cursor = horizon == UINT64_MAX ? end_of_partition(scan) : horizon;
  for (auto& [place, state] : scan.found) {
    if (place.first < horizon && state.has_live_sibling(now.cluster_ms)) {
      ScannedKey key;
      key.key = place.second;
      key.type = state.siblings.back().type;
      page.keys.push_back(std::move(key));
    }
  }
  const ClientToken client = scan.client;
  table_.free(scan);
  core_.ports.reply_scan(client, std::move(page));
}

void Scanner::fail(Scan& scan, bool no_replicas) {
  ++core_.metrics.quorum_failures;
  ScanPage page;
  page.no_replicas = no_replicas;
  page.needed = scan.needed;
  page.seen = static_cast<uint8_t>(
      no_replicas
          ? core_.owners_up(scan.partition)
          : std::count_if(scan.sources.begin(), scan.sources.end(), [](const Source& source) {
              return source.status == Source::Status::kDone;
            }));
  const ClientToken client = scan.client;
  table_.free(scan);
  core_.ports.reply_scan(client, std::move(page));
}

void Scanner::on_peer_down(NodeId peer, Now now) {
  for (uint64_t id : table_.ids()) {
    if (Scan* scan = table_.find(id); scan != nullptr) {
      take(*scan, peer, FetchStatus::kFailed, {}, false, now);
    }
  }
}

void Scanner::tick(Now now) {
  deadlines_.expire(now.mono_us, [this, now](uint64_t id) {
    Scan* scan = table_.find(id);
    if (scan != nullptr && now.mono_us >= scan->deadline_us) {
      fail(*scan, /*no_replicas=*/false);
    } else if (scan != nullptr && scan->was_refused_by_step) {
      again(*scan, now);
    }
  });
}

}  // namespace kindred
