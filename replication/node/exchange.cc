#include "replication/node/exchange.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "replication/causal/bug_bank.h"

namespace kindred {

namespace {

constexpr uint32_t kDigestsPerPage = 1024;
constexpr uint32_t kOwnEntriesMax = 256;
constexpr uint32_t kOwnBytesMax = 1U << 20;
constexpr size_t kFetchesMax = 32;      // of one exchange at a time
constexpr size_t kDeepMax = 4;          // exchanges of copies that differ, at a time
constexpr uint64_t kMessageBytes = 32;  // the fixed part, about

// The order in which records are stored.
bool is_before(const KeyRef& a, const KeyRef& b) {
  return std::tuple(a.slot, a.hash, a.key.size(), a.key) <
         std::tuple(b.slot, b.hash, b.key.size(), b.key);
}

}  // namespace

Exchanges::Exchanges(ShardCore& core)
    : core_(core),
      table_(core.config.shard_index, IdKind::kExchange, core.config.id_seed),
      keys_(core.config.shard_index, IdKind::kExchangedKey, core.config.id_seed) {}

bool Exchanges::start(uint16_t partition, NodeId peer, Now now) {
  const Copy& copy = core_.copies.at(partition);
  if (copy.state != CopyState::kWhole || !copy.tree.is_exact() || !core_.is_up(peer)) {
    return false;
  }
  Exchange& exchange = table_.make();
  exchange.end.partition = partition;
  exchange.end.peer = peer;
  exchange.step = core_.step(partition);
  exchange.flush_stamp = core_.cluster().flush_stamp;
  exchange.heard_us = now.mono_us;
  exchange.descent.emplace();
  advance(exchange, now);
  return true;
}

bool Exchanges::may_go_on(const Exchange& exchange) const {
  const Copy& copy = core_.copies.at(exchange.end.partition);
  return copy.state == CopyState::kWhole && copy.tree.is_exact() &&
         core_.step(exchange.end.partition) == exchange.step &&
         core_.cluster().flush_stamp == exchange.flush_stamp && core_.is_up(exchange.end.peer);
}

Exchanges::Exchange* Exchanges::find(NodeId from, uint64_t id) {
  Exchange* exchange = table_.find(id);
  return exchange != nullptr && exchange->is_waiting && exchange->end.peer == from ? exchange
                                                                                   : nullptr;
}

/// Whether a peer's answer can be worked with.
bool Exchanges::usable(NodeId from, FetchStatus status) {
  if (status == FetchStatus::kStale) {
    core_.ports.document_wanted(from);
  }
  return status == FetchStatus::kOk;
}

void Exchanges::count_bytes(Exchange& exchange, uint64_t bytes) {
  exchange.end.bytes += bytes;
  core_.budget.spend(BackgroundWork::kExchanges, bytes);
}

/// Whether it may ask for more than the root, or has nothing more to ask; else it waits.
bool Exchanges::may_go_deep(Exchange& exchange) {
  const bool is_probe = !exchange.descent->knows_root() || exchange.descent->is_over();
  if (exchange.is_deep || is_probe) {
    return true;
  }
  if (deep_ >= kDeepMax) {
    if (!std::exchange(exchange.is_queued, true)) {
      queued_.push_back(exchange.id);
    }
    return false;
  }
  exchange.is_deep = true;
  ++deep_;
  return true;
}

void Exchanges::go_on(Now now) {
  while (!queued_.empty() && deep_ < kDeepMax) {
    Exchange* exchange = table_.find(queued_.front());
    queued_.pop_front();
    if (exchange != nullptr) {
      advance(*exchange, now);
    }
  }
}

/// Goes on as far as it can without an answer. Ends the exchange where it is over: nothing may be
/// done with it afterwards.
void Exchanges::advance(Exchange& exchange, Now now) {
  if (exchange.is_waiting) {
    return;
  }
  if (!may_go_on(exchange)) {
    return fail(exchange);
  }
  if (!may_go_deep(exchange)) {
    return;
  }
  if (exchange.has_page) {
    fetch_some(exchange);
    if (exchange.open_keys > 0) {
      return;
    }
    if (!exchange.own_is_read && may_go_far(now)) {
      return read_own(exchange);
    }
    if (!exchange.own_is_read) {
      return;
    }
    exchange.has_page = false;
    if (exchange.page_is_last) {
      exchange.span.reset();
    } else {
      exchange.page_start.go_behind(exchange.page.back().key.ref());
    }
  }
  if (may_go_far(now) && !ask_more(exchange)) {
    finish(exchange, /*ok=*/true);
  }
}

/// Turns to the next span whose keys are to be compared; false where none is known.
bool Exchanges::next_span(Exchange& exchange) {
  exchange.span = exchange.descent->take_span(tree_of(exchange));
  if (exchange.span) {
    exchange.page_start = KeyPlace{exchange.span->first.slot, exchange.span->first.hash, {}};
  }
  return exchange.span.has_value();
}

/// The next question to the peer; false where there is none.
bool Exchanges::ask_more(Exchange& exchange) {
  if (exchange.span || next_span(exchange)) {
    ask_digests(exchange);
    return true;
  }
  const NodesQuestion* question = exchange.descent->next(tree_of(exchange));
  if (question == nullptr) {
    if (!next_span(exchange)) {
      return false;
    }
    ask_digests(exchange);
    return true;
  }
  table_.renew(exchange);
  TreeFetch fetch;
  fetch.id = exchange.id;
  fetch.step = exchange.step;
  fetch.partition = exchange.end.partition;
  fetch.flush_stamp = exchange.flush_stamp;
  fetch.level = question->level;
  fetch.nodes = question->nodes;
  exchange.is_waiting = true;
  count_bytes(exchange, kMessageBytes + question->nodes.size());
  core_.ports.send(exchange.end.peer, fetch);
  return true;
}

void Exchanges::on_tree_reply(NodeId from, const TreeReply& reply, Now now) {
  Exchange* exchange = find(from, reply.id);
  if (exchange == nullptr) {
    return;
  }
  exchange->is_waiting = false;
  exchange->heard_us = now.mono_us;
  count_bytes(*exchange, kMessageBytes + reply.hashes.size() * sizeof(uint64_t));
  if (!usable(from, reply.status) ||
      !exchange->descent->answer(tree_of(*exchange),
                                 {reply.leaf_level, reply.keys, reply.hashes})) {
    return fail(*exchange);
  }
  advance(*exchange, now);
}

void Exchanges::ask_digests(Exchange& exchange) {
  table_.renew(exchange);
  KeyDigestsFetch fetch;
  fetch.id = exchange.id;
  fetch.step = exchange.step;
  fetch.partition = exchange.end.partition;
  fetch.flush_stamp = exchange.flush_stamp;
  fetch.from_slot = exchange.page_start.slot;
  fetch.from_hash = exchange.page_start.hash;
  fetch.after_key = exchange.page_start.after_key;
  fetch.last_slot = exchange.span->last.slot;
  fetch.last_hash = exchange.span->last.hash;
  fetch.entries_max = kDigestsPerPage;
  exchange.is_waiting = true;
  count_bytes(exchange, kMessageBytes + fetch.after_key.size());
  core_.ports.send(exchange.end.peer, fetch);
}

void Exchanges::on_key_digests_reply(NodeId from, const KeyDigestsReply& reply, Now now) {
  Exchange* exchange = find(from, reply.id);
  if (exchange == nullptr) {
    return;
  }
  exchange->is_waiting = false;
  exchange->heard_us = now.mono_us;
  uint64_t bytes = kMessageBytes;
  exchange->page.resize(reply.entries.size());
  bool is_sound = usable(from, reply.status) && (reply.done || !reply.entries.empty());
  for (size_t i = 0; i < reply.entries.size(); ++i) {
    const StateDigest& entry = reply.entries[i];
    bytes += entry.key.key.size() + sizeof(Digest);
    is_sound = is_sound && entry.key.partition == exchange->end.partition &&
               (i == 0 || is_before(reply.entries[i - 1].key, entry.key));
    exchange->page[i].key.assign(entry.key);
    exchange->page[i].digest = entry.digest;
  }
  count_bytes(*exchange, bytes);
  if (!is_sound) {
    return fail(*exchange);
  }
  exchange->has_page = true;
  exchange->page_is_last = reply.done;
  exchange->own = exchange->page_start;
  exchange->own_is_read = false;
  exchange->compared = 0;
  exchange->wanted.clear();
  exchange->fetched = 0;
  advance(*exchange, now);
}

/// This side's part of the page: up to the peer's last key, or to the end of the span.
void Exchanges::read_own(Exchange& exchange) {
  table_.renew(exchange);
  FetchRange range = exchange.own.range(exchange.end.partition, exchange.id);
  range.last_slot = exchange.span->last.slot;
  range.last_hash = exchange.span->last.hash;
  if (!exchange.page_is_last) {
    const KeyRef last = exchange.page.back().key.ref();
    range.last_slot = last.slot;
    range.last_hash = last.hash;
  }
  range.entries_max = kOwnEntriesMax;
  range.bytes_max = kOwnBytesMax;
  exchange.is_waiting = true;
  exchange.own_rounds = core_.rounds(exchange.end.partition);
  core_.ports.read_range(range, exchange.id);
}

void Exchanges::on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done,
                              Now now) {
  Exchange* exchange = table_.find(id);
  if (exchange == nullptr || !exchange->is_waiting) {
    return;
  }
  exchange->is_waiting = false;
  exchange->heard_us = now.mono_us;
  if (!ok || (entries.empty() && !done) || !may_go_on(*exchange)) {
    return fail(*exchange);
  }
  exchange->own_is_read = done;
  for (const RangeEntry& entry : entries) {
    const bool is_behind =
        !exchange->page_is_last && is_before(exchange->page.back().key.ref(), entry.key);
    if (is_behind) {
      exchange->own_is_read = true;
      break;
    }
    if (!compare(*exchange, entry)) {
      return fail(*exchange);
    }
  }
  if (!entries.empty()) {
    exchange->own.go_behind(entries.back().key);
  }
  if (exchange->own_is_read) {
    want_rest(*exchange);
  }
  advance(*exchange, now);
}

/// One of this side's keys against the peer's, both in their order. False where it is damaged.
bool Exchanges::compare(Exchange& exchange, const RangeEntry& entry) {
  State state;
  if (!core_.ports.decode(entry.key, entry.record, &state)) {
    core_.quarantine(entry.key);
    return false;
  }
  core_.filter(state);
  const Digest mine = tree_digest(state);
  for (; exchange.compared < exchange.page.size(); ++exchange.compared) {
    const PeerKey& theirs = exchange.page[exchange.compared];
    if (!is_before(theirs.key.ref(), entry.key)) {
      break;
    }
    ++exchange.end.keys_compared;
    if (theirs.digest != 0) {
      exchange.wanted.push_back(exchange.compared);
    }
  }
  ++exchange.end.keys_compared;
  Digest digest = 0;
  if (exchange.compared < exchange.page.size() &&
      exchange.page[exchange.compared].key.ref().key == entry.key.key) {
    digest = exchange.page[exchange.compared].digest;
    if (digest != 0 && digest != mine) {
      exchange.wanted.push_back(exchange.compared);
    }
    ++exchange.compared;
  }
  if (digest == 0 && mine != 0 && !KINDRED_BUG(exchange_sends_nothing)) {
    push(exchange, entry);
  }
  return true;
}

void Exchanges::want_rest(Exchange& exchange) {
  for (; exchange.compared < exchange.page.size(); ++exchange.compared) {
    ++exchange.end.keys_compared;
    if (exchange.page[exchange.compared].digest != 0) {
      exchange.wanted.push_back(exchange.compared);
    }
  }
}

void Exchanges::fetch_some(Exchange& exchange) {
  while (exchange.fetched < exchange.wanted.size() && exchange.open_keys < kFetchesMax) {
    const PeerKey& theirs = exchange.page[exchange.wanted[exchange.fetched++]];
    ExchangedKey& key = keys_.make();
    key.exchange = exchange.id;
    key.key.assign(theirs.key.ref());
    ++exchange.open_keys;
    Fetch fetch;
    fetch.id = key.id;
    fetch.step = exchange.step;
    fetch.key = key.key.ref();
    fetch.whole_state = true;
    count_bytes(exchange, kMessageBytes + fetch.key.key.size());
    core_.ports.send(exchange.end.peer, fetch);
  }
}

/// The peer lacks a key: it gets the state as it was read.
void Exchanges::push(Exchange& exchange, const RangeEntry& entry) {
  ExchangedKey& key = keys_.make();
  key.exchange = exchange.id;
  key.key.assign(entry.key);
  key.is_repaired = true;
  ++exchange.open_keys;
  send_state(key, exchange, entry.record, exchange.own_rounds);
}

void Exchanges::send_state(ExchangedKey& key, Exchange& exchange, std::string_view record,
                           const Rounds& rounds) {
  count_bytes(exchange, kMessageBytes + key.key.ref().key.size() + record.size());
  key.is_sending = true;
  Replicate message;
  message.id = key.id;
  message.step = exchange.step;
  message.rounds = rounds;
  message.key = key.key.ref();
  message.record = record;
  message.durability = core_.config.durability;
  message.is_repair = true;
  core_.ports.send(exchange.end.peer, message);
}

}  // namespace kindred
