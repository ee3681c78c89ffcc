#include "bench/repair/pair.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/peer/frame_builder.h"
#include "protocol/peer/message_reader.h"
#include "protocol/record/key.h"
#include "protocol/record/record.h"
#include "replication/node/key_place.h"

namespace kindred::bench {

namespace {

constexpr size_t kValueBytes = 100;
constexpr NodeId kWriter = 9;  // hands in what makes the sides differ

/// What is measured is wrong: says so and ends the program.
[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "kindred-repair: %s\n", what);
  std::exit(1);
}

std::string stored_key(const KeyRef& key) {
  std::string stored;
  encode_stored_key(key, &stored);
  return stored;
}

ShardConfig unhurried() {
  ShardConfig config;
  config.background_bytes_per_s = 1ULL << 40;  // bytes are counted here, not time
  return config;
}

}  // namespace

Side::Side(Pair& pair, NodeId id) : pair_(pair), id_(id), shard_(unhurried(), id, *this) {}

void Side::hold(const KeyRef& key, const State& state) {
  encode_record(key, state, &engine_[stored_key(key)]);
  if (!shard_.count_existing(key, state, pair_.now_)) {
    give_up("a key does not count");
  }
}

std::string_view Side::encode(const KeyRef& key, const State& state) {
  encode_record(key, state, &record_);
  return record_;
}

bool Side::decode(const KeyRef& key, std::string_view record, State* state) {
  return decode_record(key, record, state);
}

LoadStatus Side::try_load(const KeyRef& key, State* state) {
  const auto place = engine_.find(stored_key(key));
  const bool is_sound =
      decode_record(key, place == engine_.end() ? std::string_view() : place->second, state);
  return is_sound ? LoadStatus::kLoaded : LoadStatus::kCorrupt;
}

void Side::load(const KeyRef&, StoreToken) {
  give_up("a map is never waited for");
}

StoreStatus Side::store(const KeyRef& key, std::string_view record, Durability, StoreToken) {
  engine_[stored_key(key)] = record;
  return StoreStatus::kDone;
}

void Side::read_range(const FetchRange& range, StoreToken token) {
  pair_.events_.emplace_back([this, token, bounds = fetch_range(range, Pair::kPartitions),
                              entries_max = range.entries_max, bytes_max = range.bytes_max] {
    std::vector<RangeEntry> entries;
    uint64_t bytes = 0;
    auto place = engine_.lower_bound(bounds.begin);
    const auto is_behind = [&] { return place == engine_.end() || place->first >= bounds.end; };
    for (; !is_behind() && entries.size() < entries_max && bytes < bytes_max; ++place) {
      RangeEntry& entry = entries.emplace_back();
      if (!decode_stored_key(place->first, Pair::kPartitions, &entry.key)) {
        give_up("a stored key can't be read");
      }
      entry.record = place->second;
      bytes += place->second.size();
    }
    shard_.range_read(token, true, entries, is_behind(), pair_.now_);
  });
}

void Side::quarantine(const KeyRef&) {
  give_up("a record can't be read");
}

void Side::send(NodeId to, const Message& message) {
  pair_.pass(id_, to, message);
}

void Side::reply(ClientToken, Outcome&&) {}
void Side::reply_scan(ClientToken, ScanPage&&) {}
void Side::document_wanted(NodeId) {}
void Side::copies_changed() {}

void Side::reply_repair(RepairToken token, const RepairReport& report) {
  pair_.reports_[token] = report;
}

uint64_t Side::random() {
  return id_ * 1'000'000 + ++randoms_;
}

Pair::Pair(uint64_t keys) : keys_(keys), sides_{Side(*this, 1), Side(*this, 2)} {
  install(sides_[0]);
  install(sides_[1]);
  const std::string value(kValueBytes, 'v');
  for (uint64_t number = 0; number < keys; ++number) {
    const std::string key_name = name(number);
    const State made = state(1 + number % 2, value);
    for (Side& side : sides_) {
      side.hold(make_key(key_name, kPartitions), made);
    }
  }
  settle();
}

void Pair::install(Side& side) {
  auto document = std::make_shared<ClusterDocument>();
  document->epoch = 1;
  document->replicas = 2;
  std::vector<NodeId> flat;
  for (const NodeId id : {1, 2}) {
    Member member;
    member.id = id;
    member.name = std::to_string(id);
    document->members.push_back(member);
  }
  for (uint32_t partition = 0; partition < kPartitions; ++partition) {
    flat.insert(flat.end(), {1, 2});
  }
  document->ring = Ring::make(kPartitions, 2, 2, flat).value();
  side.shard().set_cluster(document, CopyState::kWhole, now_);
  for (const NodeId id : {1, 2}) {
    side.shard().set_alive(id, true, now_);
  }
}

State Pair::state(uint64_t actor, const std::string& value) {
  State made;
  NewVersion version;
  version.dot = {stamp_at_ms(++written_ms_), actor};
  version.value = Value::copied(value);
  apply_register(made, version.dot, &version);
  return made;
}

void Pair::make_differ(uint64_t keys) {
  std::set<uint64_t> numbers;
  while (numbers.size() < keys) {
    numbers.insert(random_() % keys_);
  }
  const std::string value(kValueBytes, 'w');
  for (const uint64_t number : numbers) {
    const std::string key_name = name(number);
    Replicate write;
    write.step = 1;
    write.key = make_key(key_name, kPartitions);
    std::string record;
    encode_record(write.key, state(kWriter, value), &record);
    write.record = record;
    sides_[number % 2].shard().receive(kWriter, write, now_);
  }
  settle();
  traffic_ = Traffic{};
}

uint64_t Pair::repair() {
  reports_.clear();
  for (uint32_t partition = 0; partition < kPartitions; ++partition) {
    sides_[0].shard().repair(static_cast<uint16_t>(partition), partition, now_);
  }
  settle();
  uint64_t repaired = 0;
  for (const auto& [token, report] : reports_) {
    repaired += report.keys_repaired;
    if (!report.ok) {
      give_up("a repair is not complete");
    }
  }
  return repaired;
}

void Pair::list_all() {
  for (uint32_t partition = 0; partition < kPartitions; ++partition) {
    const SlotRange slots = slot_range(partition, kPartitions);
    KeyDigestsFetch page;
    page.id = 1;
    page.step = 1;
    page.partition = static_cast<uint16_t>(partition);
    page.from_slot = slots.first;
    page.last_slot = slots.last;
    page.last_hash = ~uint64_t{0};
    page.entries_max = 1024;
    std::string after;
    bool is_done = false;
    listed_ = [&](const KeyDigestsReply& reply) {
      is_done = reply.done;
      if (!reply.entries.empty()) {
        const KeyRef& last = reply.entries.back().key;
        page.from_slot = last.slot;
        page.from_hash = last.hash;
        after.assign(last.key);
      }
    };
    while (!is_done) {
      page.after_key = after;
      pass(1, 2, page);
      settle();
    }
  }
  listed_ = nullptr;
}

void Pair::pass(NodeId from, NodeId to, const Message& message) {
  if (to == kWriter) {
    return;
  }
  FrameBuilder builder;
  if (!builder.append(message)) {
    give_up("a message is too large");
  }
  FrameOrigin origin;
  origin.cluster_id = 1;
  std::string bytes(builder.finish(origin));
  count(message, bytes.size() - kFrameHeaderBytes);
  events_.emplace_back([this, from, to, frame = std::move(bytes)] {
    Frame read;
    if (read_frame_header(frame, kFramePayloadBytesMax, &read.header) != FrameError::kNone) {
      give_up("a frame can't be read");
    }
    read.payload = std::string_view(frame).substr(kFrameHeaderBytes);
    MessageReader reader(kPartitions);
    reader.start(read);
    while (const Message* received = reader.next()) {
      const auto* listing = std::get_if<KeyDigestsReply>(received);
      if (listing != nullptr && listed_) {
        listed_(*listing);
      } else {
        sides_[to - 1].shard().receive(from, *received, now_);
      }
    }
  });
}

void Pair::count(const Message& message, uint64_t bytes) {
  const bool compares = std::holds_alternative<TreeFetch>(message) ||
                        std::holds_alternative<TreeReply>(message) ||
                        std::holds_alternative<KeyDigestsFetch>(message) ||
                        std::holds_alternative<KeyDigestsReply>(message);
  (compares ? traffic_.comparing_bytes : traffic_.state_bytes) += bytes;
  ++traffic_.messages;
}

void Pair::settle() {
  for (int quiet = 0; quiet < 3;) {
    quiet = events_.empty() ? quiet + 1 : 0;
    while (!events_.empty()) {
      const auto event = std::move(events_.front());
      events_.pop_front();
      event();
    }
    now_.mono_us += Shard::kTickMs * 1000;
    for (Side& side : sides_) {
      side.shard().tick(now_);
    }
    quiet = sides_[0].shard().needs_tick() || sides_[1].shard().needs_tick() ? 0 : quiet;
  }
}

}  // namespace kindred::bench
