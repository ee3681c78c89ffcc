// The states of keys that differ, and how an exchange ends.
#include <utility>

#include "replication/causal/bug_bank.h"
#include "replication/node/exchange.h"

namespace kindred {

namespace {

constexpr uint64_t kSilenceUs = 5'000'000;  // without an answer an exchange is over

}  // namespace

void Exchanges::on_fetch_reply(NodeId from, const FetchReply& reply, Now now) {
  ExchangedKey* key = keys_.find(reply.id);
  Exchange* exchange = key != nullptr ? table_.find(key->exchange) : nullptr;
  if (exchange == nullptr || exchange->end.peer != from || key->is_storing || key->is_sending) {
    return;
  }
  count_bytes(*exchange, reply.record.size());
  core_.see_round(exchange->end.partition, reply.rounds.committed);
  if (!usable(from, reply.status) || !reply.has_record || !may_go_on(*exchange)) {
    return fail(*exchange);
  }
  key->clean = reply.rounds.clean;
  State held;
  switch (core_.load(key->key.ref(), &held)) {
    case LoadStatus::kLoaded:
      return merge_in(*key, *exchange, held, reply.record, now);
    case LoadStatus::kPending:
      key->record.assign(reply.record);
      return core_.ports.load(key->key.ref(), key->id);
    case LoadStatus::kCorrupt:
      core_.quarantine(key->key.ref());
      return fail(*exchange);
    case LoadStatus::kFailed:
      return fail(*exchange);
  }
}

void Exchanges::on_loaded(uint64_t id, LoadStatus status, const State& state, Now now) {
  ExchangedKey* key = keys_.find(id);
  Exchange* exchange = key != nullptr ? table_.find(key->exchange) : nullptr;
  if (exchange == nullptr) {
    return;
  }
  if (status == LoadStatus::kCorrupt) {
    core_.quarantine(key->key.ref());
  }
  if (status != LoadStatus::kLoaded || !may_go_on(*exchange)) {
    return fail(*exchange);
  }
  State held = state;
  core_.filter(held);
  const std::string record = std::move(key->record);
  merge_in(*key, *exchange, held, record, now);
}

/// Both sides get the merge, where they don't hold it already.
void Exchanges::merge_in(ExchangedKey& key, Exchange& exchange, const State& held,
                         std::string_view record, Now now) {
  const KeyRef ref = key.key.ref();
  if (key.clean < core_.admitted(ref)) {
    return fail(exchange);
  }
  State incoming;
  if (!core_.ports.decode(ref, record, &incoming)) {
    ++core_.metrics.damaged_records_received;
    return fail(exchange);
  }
  core_.filter(incoming);
  core_.clock.observe(now.cluster_ms, incoming.highest_stamp());
  if (core_.is_reaped(ref, incoming)) {
    incoming.clear();  // the peer has not done yet what was agreed
  }
  const State merged = merge(held, incoming);
  const bool is_news_here = !includes(held, incoming);
  const bool is_news_there = !includes(incoming, held) && !KINDRED_BUG(exchange_sends_nothing);
  const std::string_view bytes = core_.ports.encode(ref, merged);
  if (is_news_here) {
    const LiveMark before = live_mark(held);
    LiveMark after = live_mark(merged);
    if (KINDRED_BUG(tree_not_updated_by_exchange)) {
      after.digest = before.digest;
    }
    const StoreStatus status =
        core_.commit(ref, before, after, bytes, core_.config.durability, key.id, now);
    if (status == StoreStatus::kFailed) {
      return fail(exchange);
    }
    key.is_storing = status == StoreStatus::kPending;
  }
  if (is_news_there) {
    Rounds rounds = core_.rounds(exchange.end.partition);
    rounds.clean = std::min(rounds.clean, key.clean);
    send_state(key, exchange, bytes, rounds);
  }
  key.is_repaired = is_news_here || is_news_there;
  key_came_on(key, exchange, now);
}

void Exchanges::on_ack(NodeId from, const ReplicateAck& ack, Now now) {
  ExchangedKey* key = keys_.find(ack.id);
  Exchange* exchange = key != nullptr ? table_.find(key->exchange) : nullptr;
  if (exchange == nullptr || exchange->end.peer != from || !key->is_sending) {
    return;
  }
  key->is_sending = false;
  core_.see_round(exchange->end.partition, ack.round);
  if (ack.status == AckStatus::kStale) {
    core_.ports.document_wanted(from);
  }
  if (!may_go_on(*exchange)) {
    return fail(*exchange);
  }
  if (ack.status != AckStatus::kStored && ack.status != AckStatus::kFilling) {
    return fail(*exchange);
  }
  key_came_on(*key, *exchange, now);
}

void Exchanges::on_stored(uint64_t id, bool ok, Now now) {
  ExchangedKey* key = keys_.find(id);
  if (key == nullptr) {
    return;
  }
  if (!ok) {
    ++core_.metrics.storage_failures;
    core_.end_actor(key->key.partition());
  }
  key->is_storing = false;
  Exchange* exchange = table_.find(key->exchange);
  if (exchange == nullptr) {
    return keys_.free(*key);  // the exchange is over; only this was awaited
  }
  if (!ok) {
    return fail(*exchange);
  }
  key_came_on(*key, *exchange, now);
}

void Exchanges::key_came_on(ExchangedKey& key, Exchange& exchange, Now now) {
  exchange.heard_us = now.mono_us;
  if (key.is_storing || key.is_sending) {
    return;
  }
  exchange.end.keys_repaired += key.is_repaired ? 1 : 0;
  --exchange.open_keys;
  keys_.free(key);
  advance(exchange, now);
}

void Exchanges::on_peer_down(NodeId peer) {
  for (const uint64_t id : table_.ids()) {
    Exchange* exchange = table_.find(id);
    if (exchange->end.peer == peer) {
      fail(*exchange);
    }
  }
}

/// Goes on with those that wait for tokens, and ends those whose peer has gone silent.
void Exchanges::tick(Now now) {
  for (const uint64_t id : table_.ids()) {
    Exchange* exchange = table_.find(id);
    if (exchange == nullptr) {
      continue;
    }
    const bool is_held = exchange->is_waiting || exchange->open_keys > 0;
    if (is_held && now.mono_us > exchange->heard_us + kSilenceUs) {
      fail(*exchange);
    } else {
      advance(*exchange, now);
    }
  }
}

void Exchanges::fail(Exchange& exchange) {
  finish(exchange, /*ok=*/false);
}

void Exchanges::finish(Exchange& exchange, bool ok) {
  for (const uint64_t id : exchange.open_keys > 0 ? keys_.ids() : std::vector<uint64_t>()) {
    ExchangedKey* key = keys_.find(id);
    // A store under way is waited for: it must be known if it fails.
    if (key->exchange == exchange.id && !key->is_storing) {
      keys_.free(*key);
    }
  }
  exchange.end.ok = ok;
  deep_ -= exchange.is_deep ? 1 : 0;
  const bool is_fruitless = ok && exchange.end.keys_compared > 0 && exchange.end.keys_repaired == 0;
  if (is_fruitless && !KINDRED_BUG(wrong_tree_is_kept) &&
      core_.copies.at(exchange.end.partition).tree.note_fruitless_exchange()) {
    core_.has_unfit_tree = true;
  }
  ended_.push_back(exchange.end);
  table_.free(exchange);
}

}  // namespace kindred
