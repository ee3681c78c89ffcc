#include "tests/unit/node/exchange_world.h"

#include <algorithm>

#include "protocol/peer/frame_builder.h"
#include "protocol/peer/message_reader.h"

namespace kindred::exchange_test {

LoadStatus Peer::try_load(const KeyRef& key, State* state) {
  if (world_.random() % 100 < world_.pending_loads_of_100) {
    return LoadStatus::kPending;
  }
  std::string stored;
  encode_stored_key(key, &stored);
  const auto place = engine_.find(stored);
  const bool is_sound =
      decode_record(key, place == engine_.end() ? std::string_view() : place->second, state);
  return is_sound ? LoadStatus::kLoaded : LoadStatus::kCorrupt;
}

void Peer::load(const KeyRef& key, StoreToken token) {
  std::string stored;
  encode_stored_key(key, &stored);
  ++world_.loads_under_way;
  world_.loads_under_way_max = std::max(world_.loads_under_way_max, world_.loads_under_way);
  world_.later([this, stored, token] {
    --world_.loads_under_way;
    KeyRef loaded;
    ASSERT_TRUE(decode_stored_key(stored, partitions, &loaded));
    const std::string record = engine_[stored];
    State state;
    ASSERT_TRUE(decode_record(loaded, record, &state));
    shard_.loaded(token, LoadStatus::kLoaded, state, world_.now);
  });
}

void World::restart(NodeId id) {
  auto restarted = std::make_unique<Peer>(*this, id);
  restarted->engine() = std::exchange(peer(id).engine(), {});
  std::swap(peers[id - 1], restarted);
  ended_peers.push_back(std::move(restarted));
  now.cluster_ms += 100;
  install_at(peer(id), document.flush_stamp);
  for (const auto& [stored, record] : peer(id).engine()) {
    KeyRef key;
    State state;
    ASSERT_TRUE(decode_stored_key(stored, peer(id).partitions, &key));
    ASSERT_TRUE(decode_record(key, record, &state));
    ASSERT_TRUE(peer(id).shard().count_existing(key, state, now));
  }
}

void Peer::document_wanted(NodeId) {
  if (world_.pulls_documents) {
    world_.later([this] { world_.install_document(world_.peer(id_)); });
  }
}

uint64_t Peer::random() {
  return id_ * 1'000'000 + ++world_.randoms;
}

void Peer::read_range(const FetchRange& range, StoreToken token) {
  const StoredKeyRange bounds = fetch_range(range, partitions);
  world_.later([this, bounds, token, partition = range.partition, is_hints = range.hint_for != 0,
                entries_max = range.entries_max] {
    std::vector<RangeEntry> entries;
    auto place = engine_.lower_bound(bounds.begin);
    for (; place != engine_.end() && place->first < bounds.end && entries.size() < entries_max;
         ++place) {
      RangeEntry entry;
      ASSERT_TRUE(decode_stored_key(place->first, partitions, &entry.key));
      entry.record = place->second;
      if (!entry.record.empty() && (is_hints || entry.key.partition == partition)) {
        entries.push_back(entry);
      }
    }
    const bool done = place == engine_.end() || place->first >= bounds.end;
    shard_.range_read(token, true, entries, done, world_.now);
  });
}

namespace {

ShardConfig config_of_life(uint64_t number) {
  ShardConfig config;
  config.id_seed = number << 20;
  return config;
}

}  // namespace

Peer::Peer(World& world, NodeId id)
    : world_(world), id_(id), shard_(config_of_life(++world.lives), id, *this) {}

void Peer::send(NodeId to, const Message& message) {
  if (world_.observe) {
    world_.observe(id_, message);
  }
  if (world_.drops && world_.drops(id_, to, message)) {
    return;
  }
  FrameBuilder builder;
  ASSERT_TRUE(builder.append(message));
  FrameOrigin origin;
  origin.cluster_id = 1;
  const std::string frame(builder.finish(origin));
  ++world_.messages;
  world_.bytes += frame.size() - kFrameHeaderBytes;
  world_.later([this, frame, to] {
    const bool is_lost = world_.loses_answers && world_.random() % 4 == 0;
    if (is_lost || (world_.is_cut && world_.is_cut(id_, to))) {
      return;
    }
    Frame read;
    ASSERT_EQ(read_frame_header(frame, kFramePayloadBytesMax, &read.header), FrameError::kNone);
    read.payload = std::string_view(frame).substr(kFrameHeaderBytes);
    MessageReader reader(world_.peer(to).partitions);
    reader.start(read);
    while (const Message* received = reader.next()) {
      world_.peer(to).shard().receive(id_, *received, world_.now);
    }
    ASSERT_FALSE(reader.failed());
  });
}

}  // namespace kindred::exchange_test
