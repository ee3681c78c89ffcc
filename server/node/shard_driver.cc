#include "server/node/shard_driver.h"

#include <algorithm>
#include <utility>

#include "protocol/record/record.h"
#include "server/node/random_number.h"

namespace kindred {

namespace {

// Storage tokens of the driver's own; those of shards have their index (under 64) in the top byte.
constexpr StoreToken kListingTokens = StoreToken{0xff} << 56;
constexpr uint32_t kListingEntries = 256;
constexpr uint32_t kListingBytes = 1 << 20;
constexpr size_t kAheadMax = 16;

// These point to nothing of the reader's, so they outlive its next().
bool reads_a_key(const Message& message) {
  return std::holds_alternative<Replicate>(message) || std::holds_alternative<Fetch>(message);
}

const KeyRef& key_of(const Message& message) {
  const auto* replicate = std::get_if<Replicate>(&message);
  return replicate != nullptr ? replicate->key : std::get<Fetch>(message).key;
}

}  // namespace

ShardDriver::ShardDriver(const ShardConfig& config, NodeId self, StateStore& store,
                         const plugins::ResolverRegistry& resolvers, ShardOutlet& outlet)
    : store_(store), resolvers_(resolvers), outlet_(outlet), shard_(config, self, *this) {}

ShardDriver::~ShardDriver() = default;

void ShardDriver::set_cluster(const std::shared_ptr<const ClusterDocument>& cluster,
                              CopyState fresh_copies) {
  origin_ = {cluster->cluster_id, cluster->generation, cluster->epoch};
  messages_.set_partitions(cluster->partitions());
  store_.set_partitions(cluster->partitions());
  shard_.set_cluster(cluster, fresh_copies, outlet_.now());
}

// A message alone would wait for memory at every key: so those that ask for a key's state are read
// ahead, and their keys brought near together.
bool ShardDriver::receive_frame(NodeId from, const Frame& frame) {
  const Now now = outlet_.now();
  messages_.start(frame);
  while (const Message* message = messages_.next()) {
    if (!reads_a_key(*message)) {
      receive_ahead(from, now);
      shard_.receive(from, *message, now);
      continue;
    }
    ahead_.push_back(*message);
    ahead_keys_.push_back(key_of(*message));
    if (ahead_.size() == kAheadMax) {
      receive_ahead(from, now);
    }
  }
  receive_ahead(from, now);
  return !messages_.failed();
}

void ShardDriver::receive_ahead(NodeId from, Now now) {
  if (ahead_.size() > 1) {
    store_.prefetch(ahead_keys_);
  }
  for (const Message& message : ahead_) {
    shard_.receive(from, message, now);
  }
  ahead_.clear();
  ahead_keys_.clear();
}

void ShardDriver::receive(NodeId from, const Message& message) {
  shard_.receive(from, message, outlet_.now());
}

bool ShardDriver::deliver_storage() {
  return store_.deliver(*this);
}

void ShardDriver::flush() {
  store_.flush();
  for (PeerOutput& output : outputs_) {
    if (output.builder.message_count() > 0) {
      finish_frame(output);
    }
  }
}

void ShardDriver::finish_frame(PeerOutput& output) {
  outlet_.deliver_frame(output.node, output.builder.finish(origin_));
  output.builder.clear();
}

FrameBuilder& ShardDriver::builder_for(NodeId to) {
  for (PeerOutput& output : outputs_) {
    if (output.node == to) {
      return output.builder;
    }
  }
  outputs_.emplace_back();
  outputs_.back().node = to;
  return outputs_.back().builder;
}

std::string_view ShardDriver::encode(const KeyRef& key, const State& state) {
  encode_record(key, state, &record_);
  return record_;
}

bool ShardDriver::decode(const KeyRef& key, std::string_view record, State* state) {
  return decode_record(key, record, state);
}

LoadStatus ShardDriver::try_load(const KeyRef& key, State* state) {
  return store_.try_load(key, state);
}

void ShardDriver::load(const KeyRef& key, StoreToken token) {
  store_.load(key, token);
}

StoreStatus ShardDriver::store(const KeyRef& key, std::string_view record, Durability durability,
                               StoreToken token) {
  return store_.store(key, record, durability, token);
}

bool ShardDriver::is_storing(const KeyRef& key) {
  return store_.is_storing(key);
}

void ShardDriver::read_range(const FetchRange& range, StoreToken token) {
  store_.read_range(range, token);
}

void ShardDriver::quarantine(const KeyRef& key) {
  store_.quarantine(key);
}

void ShardDriver::send(NodeId to, const Message& message) {
  if (builder_for(to).append(message)) {
    return;
  }
  // The frame is full: this one goes first.
  for (PeerOutput& output : outputs_) {
    if (output.node == to && output.builder.message_count() > 0) {
      finish_frame(output);
    }
  }
  if (!builder_for(to).append(message)) {
    ++dropped_messages_;
  }
}

void ShardDriver::reply(ClientToken token, Outcome&& outcome) {
  outlet_.deliver_outcome(token, std::move(outcome));
}

void ShardDriver::reply_scan(ClientToken token, ScanPage&& page) {
  outlet_.deliver_page(token, std::move(page));
}

void ShardDriver::repair(uint16_t partition, RepairAnswer answer) {
  repairs_.emplace(++last_repair_, std::move(answer));
  shard_.repair(partition, last_repair_, outlet_.now());
}

void ShardDriver::reply_repair(RepairToken token, const RepairReport& report) {
  const auto answer = repairs_.extract(token);
  if (!answer.empty()) {
    answer.mapped()(report);
  }
}

void ShardDriver::document_wanted(NodeId holder) {
  outlet_.want_document(holder);
}

void ShardDriver::copies_changed() {
  outlet_.copies_changed();
}

bool ShardDriver::resolve(std::string_view resolver, const KeyRef& key,
                          std::span<const std::string_view> values, std::string* resolved) {
  const plugins::Resolver* found = resolvers_.find(resolver);
  return found != nullptr && found->resolve(key.key, values, resolved).ok();
}

uint64_t ShardDriver::random() {
  return random_number();
}

void ShardDriver::lost(const KeyRef& key, bool was_promised, const State& lost,
                       const State* shown) {
  shard_.lost(key, was_promised, lost, shown, outlet_.now());
}

void ShardDriver::stored(StoreToken token, bool ok) {
  shard_.stored(token, ok, outlet_.now());
}

void ShardDriver::loaded(StoreToken token, LoadStatus status, const State& state) {
  shard_.loaded(token, status, state, outlet_.now());
}

void ShardDriver::range_read(StoreToken token, bool ok, std::span<const RangeEntry> entries,
                             bool done) {
  if (token >= kListingTokens) {
    list_page(token, ok, entries, done);
  } else {
    shard_.range_read(token, ok, entries, done, outlet_.now());
  }
}

void ShardDriver::storage_changed(StorageTrouble trouble, std::string_view text) {
  shard_.set_storage(trouble);
  outlet_.storage_changed(trouble, text);
}

void ShardDriver::list_slot_keys(uint16_t partition, uint16_t slot, uint32_t limit,
                                 KeysAnswer answer) {
  const StoreToken token = kListingTokens | ++last_listing_;
  SlotListing& listing = listings_[token];
  listing.next.partition = partition;
  if (!is_held(partition) && !go_to_next_layer(listing)) {
    listings_.erase(token);
    answer({});
    return;
  }
  listing.next.from_slot = slot;
  listing.next.entries_max = kListingEntries;
  listing.next.bytes_max = kListingBytes;
  listing.next.values_wanted = false;
  listing.limit = limit;
  listing.answer = std::move(answer);
  store_.read_range(listing.next, token);
}

bool ShardDriver::is_held(uint32_t partition) {
  return shard_.copies().at(static_cast<uint16_t>(partition)).state != CopyState::kNone;
}

/// To the begin of the slot in the next layer of which this node has a copy; false where none is.
bool ShardDriver::go_to_next_layer(SlotListing& listing) {
  const uint32_t slot_partitions = shard_.cluster().ring.slot_partitions();
  listing.after_key.clear();
  listing.next.from_hash = 0;
  listing.next.after_key = {};
  for (uint32_t p = listing.next.partition + slot_partitions; p < shard_.copies().size();
       p += slot_partitions) {
    listing.next.partition = static_cast<uint16_t>(p);
    if (is_held(p)) {
      return true;
    }
  }
  return false;
}

// A range is read behind all writes before it.
void ShardDriver::after_writes(std::function<void()> done) {
  const StoreToken token = kListingTokens | ++last_listing_;
  barriers_.emplace(token, std::move(done));
  FetchRange range;
  range.last_slot = 0;  // next to nothing
  range.last_hash = 0;
  range.entries_max = 1;
  range.bytes_max = 1;
  range.values_wanted = false;
  store_.read_range(range, token);
}

void ShardDriver::list_page(StoreToken token, bool ok, std::span<const RangeEntry> entries,
                            bool done) {
  if (const auto barrier = barriers_.extract(token); !barrier.empty()) {
    return barrier.mapped()();
  }
  const auto found = listings_.find(token);
  if (found == listings_.end()) {
    return;
  }
  SlotListing& listing = found->second;
  const uint64_t now_ms = outlet_.now().cluster_ms;
  bool more = ok && !done && !entries.empty();
  State state;
  for (const RangeEntry& entry : entries) {
    if (entry.key.slot != listing.next.from_slot || listing.keys.size() >= listing.limit) {
      more = false;
      break;
    }
    if (decode_record(entry.key, entry.record, &state) && state.has_live_sibling(now_ms)) {
      listing.keys.emplace_back(entry.key.key);
    }
  }
  if (!more && ok && listing.keys.size() < listing.limit && go_to_next_layer(listing)) {
    store_.read_range(listing.next, token);
    return;
  }
  if (!more) {
    const SlotListing finished = std::move(listing);
    listings_.erase(found);
    finished.answer(std::vector<std::string>(finished.keys));
    return;
  }
  const RangeEntry& last = entries.back();
  listing.after_key.assign(last.key.key);
  listing.next.from_hash = last.key.hash;
  listing.next.after_key = listing.after_key;
  store_.read_range(listing.next, token);
}

std::vector<ActorId> ShardDriver::own_actors(const std::vector<ActorId>& actors) {
  std::vector<ActorId> own;
  const Copies& copies = shard_.copies();
  for (uint32_t partition = 0; partition < copies.size(); ++partition) {
    const Copy& copy = copies.at(static_cast<uint16_t>(partition));
    if (copy.state != CopyState::kNone &&
        std::find(actors.begin(), actors.end(), copy.actor) != actors.end()) {
      own.push_back(copy.actor);
    }
  }
  return own;
}

uint64_t ShardDriver::count_live_keys(const std::vector<uint16_t>& partitions) {
  uint64_t keys = 0;
  for (const uint16_t partition : partitions) {
    if (partition < shard_.copies().size()) {
      keys += shard_.copies().at(partition).count.live(outlet_.now().cluster_ms);
    }
  }
  return keys;
}

}  // namespace kindred
