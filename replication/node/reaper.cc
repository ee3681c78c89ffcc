#include "replication/node/reaper.h"

#include <algorithm>

#include "replication/causal/bug_bank.h"
#include "replication/node/deadlines.h"

namespace kindred {

namespace {

// Of one round: so few that no request waits long behind them where all are in memory.
constexpr size_t kItemsMax = 64;
constexpr uint32_t kPageEntriesMax = 256;
constexpr uint32_t kPageBytesMax = 1U << 20;
constexpr uint64_t kAnswerWithinUs = 2'000'000;
constexpr uint64_t kTellAgainUs = 200'000;
// Expired keys have values, which take room; tombstones have none. Also a copy's rest after it was
// looked through.
constexpr uint64_t kExpiredGraceMsMax = 60'000;
constexpr uint64_t kRestMsMax = 24ULL * 3600 * 1000;

}  // namespace

uint64_t Reaper::next_id() {
  counter_ = (counter_ + 1) & ((uint64_t{1} << 52) - 1);
  return first_id(core_.config.shard_index, IdKind::kReap) | counter_;
}

bool Reaper::active() const {
  return drive_.phase != Phase::kIdle || !due_.empty() || voter_.active() || has_unknown_ ||
         core_.has_to_empty || emptying_.has_value();
}

void Reaper::start_cycle(Now now) {
  if (!core_.has_cluster() || core_.draining || is_cycle_) {
    return;
  }
  waiting_ = 0;
  held_up_by_ = 0;
  for (uint32_t p = 0; p < core_.copies.size(); ++p) {
    const auto partition = static_cast<uint16_t>(p);
    // Whoever has a tombstone of the last round still, kept it over a crash: it may spread, and go
    // with another round.
    core_.copies.at(partition).reaped.clear();
    if (core_.is_mine(partition) && is_due(partition, now)) {
      due_.push_back(partition);
    }
  }
  is_cycle_ = true;
  go_on(now);
}

/// Whether this node drives the partition's rounds, and its copy has something for one.
bool Reaper::is_due(uint16_t partition, Now now) {
  const auto owners = core_.owners(partition);
  if (owners.empty() || owners.front() != core_.self) {
    return false;
  }
  Copy& copy = core_.copies.at(partition);
  if (const auto found = passes_.find(partition); found != passes_.end()) {
    const Pass& pass = found->second;
    const bool rests = now.mono_us < pass.rests_until_us;
    const bool idles =
        now.mono_us < pass.idles_until_us && copy.count.dead(now.cluster_ms) == pass.dead_left;
    if (rests || idles) {
      return false;
    }
  }
  // A record put aside and a store that failed leave counts that may be wrong until the next start:
  // then the copy is looked through once a grace, whatever they say.
  const bool is_counted =
      core_.metrics.quarantined_records == 0 && core_.metrics.storage_failures == 0;
  return copy.state != CopyState::kNone &&
         (!is_counted || copy.count.dead(now.cluster_ms) != 0 || copy.count.crowded() != 0);
}

void Reaper::tick(Now now) {
  if (!core_.has_cluster()) {
    return;
  }
  look_after_copies(now);
  if (drive_.phase == Phase::kScanning && drive_.request == 0) {
    if (core_.budget.may_begin(BackgroundWork::kReaping, now.mono_us)) {
      read_page(now);
    } else {
      drive_.ends_us = now.mono_us + kAnswerWithinUs;
    }
  }
  if (drive_.phase == Phase::kTelling) {
    tell_again(now);
  } else if (drive_.phase != Phase::kIdle && now.mono_us > drive_.ends_us) {
    give_up(drive_.waiting.empty() ? core_.self : drive_.waiting.front());
  }
  go_on(now);
}

void Reaper::go_on(Now now) {
  while (drive_.phase == Phase::kIdle && !due_.empty()) {
    const uint16_t partition = due_.front();
    due_.pop_front();
    begin(partition, now);
  }
  if (is_cycle_ && drive_.phase == Phase::kIdle) {
    is_cycle_ = false;
    core_.metrics.reap_waiting = waiting_;
    core_.metrics.reap_held_up_by = held_up_by_;
  }
}

/// 0: nobody. All owners have to agree, and every member to vouch for its hints.
NodeId Reaper::who_is_missing(uint16_t partition) const {
  if (core_.is_moving(partition) || !core_.serves(partition) ||
      core_.copies.at(partition).catches_up) {
    return core_.self;
  }
  for (const Member& member : core_.cluster().members) {
    if (!core_.is_up(member.id)) {
      return member.id;
    }
  }
  return 0;
}

void Reaper::begin(uint16_t partition, Now now) {
  if (const NodeId missing = who_is_missing(partition); missing != 0) {
    ++waiting_;
    held_up_by_ = missing;
    return;
  }
  drive_ = Drive{};
  drive_.phase = Phase::kScanning;
  drive_.partition = partition;
  drive_.step = core_.step(partition);
  drive_.document = core_.document_version();
  drive_.actor = core_.copies.at(partition).actor;
  drive_.ends_us = now.mono_us + kAnswerWithinUs;
  Pass& pass = passes_[partition];
  if (!pass.is_begun) {
    pass = Pass{};
    pass.is_begun = true;
    pass.place.go_to_begin(partition, core_.partitions());
  }
  drive_.place = pass.place;
}

/// Whether what the round began with is as it was.
bool Reaper::still_holds() const {
  const Copy& copy = core_.copies.at(drive_.partition);
  return core_.step(drive_.partition) == drive_.step &&
         core_.document_version() == drive_.document && core_.serves(drive_.partition) &&
         copy.actor == drive_.actor;
}

void Reaper::read_page(Now now) {
  FetchRange range = drive_.place.range(drive_.partition, next_id());
  range.entries_max = passes_[drive_.partition].is_dense ? kItemsMax : kPageEntriesMax;
  range.bytes_max = kPageBytesMax;
  range.values_wanted = false;
  drive_.request = range.id;
  drive_.ends_us = now.mono_us + kAnswerWithinUs;
  core_.ports.read_range(range, range.id);
}

void Reaper::on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done,
                           Now now) {
  if (id == emptying_request_) {
    erase_page(ok, entries, done, now);
  } else if (id == drive_.request && drive_.phase == Phase::kScanning) {
    drive_.request = 0;
    take_page(ok, entries, done, now);
    go_on(now);
  }
}

void Reaper::take_page(bool ok, std::span<const RangeEntry> entries, bool done, Now now) {
  if (!ok || (entries.empty() && !done) || !still_holds()) {
    return give_up(core_.self);
  }
  core_.budget.spend(BackgroundWork::kReaping, entries.size() * BackgroundBudget::kBytesPerKey);
  size_t taken = 0;
  while (taken < entries.size() && drive_.items.size() < kItemsMax) {
    if (std::optional<Item> item = judge(entries[taken], now); item) {
      drive_.items.push_back(std::move(*item));
      drive_.items.back().ref.key = drive_.items.back().key;
    }
    ++taken;
  }
  if (taken != 0) {
    drive_.place.go_behind(entries[taken - 1].key);
  }
  passes_[drive_.partition].is_dense = !drive_.items.empty();
  drive_.is_last = done && taken == entries.size();
  if (!drive_.is_last && drive_.items.size() < kItemsMax) {
    return;  // the next tick reads on
  }
  if (drive_.items.empty()) {
    return end_drive(now);
  }
  prepare(now);
}

uint64_t Reaper::expired_grace_ms() const {
  return std::min(core_.config.tombstone_grace_ms, kExpiredGraceMsMax);
}

/// Whether a key is worth being agreed on: dead for as long as the grace says, or its context
/// crowded with actors of the past.
std::optional<Reaper::Item> Reaper::judge(const RangeEntry& entry, Now now) {
  State state;
  if (!core_.ports.decode(entry.key, entry.record, &state)) {
    return std::nullopt;  // whoever reads the key puts it aside
  }
  core_.filter(state);
  const LiveMark mark = live_mark(state);
  if (!mark.written) {
    return std::nullopt;
  }
  uint64_t dead_since_ms = stamp_unix_ms(state.highest_stamp());
  if (mark.live) {
    dead_since_ms = mark.dies_at_ms == 0 ? UINT64_MAX : std::max(dead_since_ms, mark.dies_at_ms);
  }
  const uint64_t grace_ms = mark.live ? expired_grace_ms() : core_.config.tombstone_grace_ms;
  const uint64_t due_ms =
      dead_since_ms > UINT64_MAX - grace_ms ? UINT64_MAX : dead_since_ms + grace_ms;
  const bool is_drop = due_ms <= now.cluster_ms;
  if (!is_drop) {
    uint64_t& next_ms = passes_[entry.key.partition].next_due_ms;
    next_ms = std::min(next_ms, due_ms);
  }
  if (!is_drop && !mark.is_crowded) {
    return std::nullopt;
  }
  Item item;
  item.key.assign(entry.key.key);
  item.ref = entry.key;
  item.digest = mark.digest;
  item.highest = state.highest_stamp();
  item.is_drop = is_drop;
  return item;
}

void Reaper::prepare(Now now) {
  for (Item& item : drive_.items) {
    item.ref.key = item.key;  // the vector has grown since
  }
  const RoundMark& mark = core_.copies.at(drive_.partition).mark;
  drive_.base = mark.round;
  // Above all that it reaps: what has a higher stamp was not in it.
  Stamp above = std::max({mark.clean, mark.round, mark.bar, highest_seen_});
  for (const Item& item : drive_.items) {
    above = std::max(above, item.highest);
  }
  drive_.round = core_.clock.next(now.cluster_ms, above);
  drive_.in_use.clear();
  if (drive_.round == 0 || !core_.is_credible(drive_.round)) {
    return give_up(core_.self);
  }
  auto owners = core_.owners(drive_.partition);
  if (KINDRED_BUG(reap_without_one_owner) && owners.size() > 1) {
    owners = owners.first(owners.size() - 1);
  }
  call(Phase::kPreparing, owners, now);
}

void Reaper::send_call(NodeId to, const RoundCall& message, Now now) {
  if (to == core_.self) {
    voter_.on_call(core_.self, message, now);
  } else {
    core_.ports.send(to, message);
  }
}

/// Asks the nodes at the same time, this one among them.
void Reaper::call(Phase phase, std::span<const NodeId> nodes, Now now) {
  drive_.phase = phase;
  drive_.request = next_id();
  drive_.ends_us = now.mono_us + kAnswerWithinUs;
  drive_.waiting.assign(nodes.begin(), nodes.end());
  send_calls(now);
}

/// Whoever misses what was agreed may show others what is gone, so it is told until it answers. It
/// has voted: what it has is clean meanwhile, and the next message of somebody else tells it too.
void Reaper::tell_again(Now now) {
  if (now.mono_us > drive_.ends_us) {
    return end_drive(now);
  }
  if (now.mono_us >= drive_.tells_again_us) {
    send_calls(now);
  }
}

/// To whom of the phase's nodes has not answered.
void Reaper::send_calls(Now now) {
  const Phase phase = drive_.phase;
  drive_.tells_again_us = now.mono_us + kTellAgainUs;
  RoundCall message;
  message.id = drive_.request;
  message.part = phase == Phase::kPreparing ? RoundPart::kPrepare
                 : phase == Phase::kBarring ? RoundPart::kBar
                                            : RoundPart::kCommit;
  message.step = drive_.step;
  message.document = drive_.document;
  message.partition = drive_.partition;
  message.round = drive_.round;
  message.base = drive_.base;
  std::vector<ReapItem> items;
  for (const Item& item : drive_.items) {
    if (item.is_agreed && phase != Phase::kBarring) {
      items.push_back({item.ref, item.digest, item.is_drop});
    }
  }
  message.items = items;
  if (message.part == RoundPart::kCommit) {
    message.in_use = drive_.in_use;
  }
  const std::vector<NodeId> asked = drive_.waiting;
  for (const NodeId node : asked) {
    send_call(node, message, now);
  }
  answer_own(now);
}

/// What the voter here said to this node's own calls.
void Reaper::answer_own(Now now) {
  for (RoundVoter::OwnReply& own : voter_.take_own_replies()) {
    own.reply.agreed = own.agreed;
    on_reply(core_.self, own.reply, now);
  }
}

void Reaper::on_call(NodeId from, const RoundCall& message, Now now) {
  voter_.on_call(from, message, now);
}

void Reaper::on_loaded(uint64_t id, LoadStatus status, const State& state, Now now) {
  voter_.on_loaded(id, status, state, now);
  answer_own(now);
}

void Reaper::on_stored(uint64_t id, bool ok, Now now) {
  if (TableId::kind_of(id) == IdKind::kReap) {
    if (emptying_stores_.erase(id) != 0) {
      // Where one failed the record shows again: the walk is begun anew.
      emptying_is_read_ = emptying_is_read_ && ok;
      emptying_starts_over_ = emptying_starts_over_ || !ok;
    }
    return;
  }
  voter_.on_stored(id, ok, now);
  answer_own(now);
}

void Reaper::on_reply(NodeId from, const RoundReply& reply, Now now) {
  if (const auto asked = asked_.find(reply.id); asked != asked_.end()) {
    const uint16_t partition = asked->second;
    asked_.erase(asked);
    told(partition, reply);
    return asked_.empty() ? look_again(now) : void();
  }
  const auto place = std::find(drive_.waiting.begin(), drive_.waiting.end(), from);
  if (drive_.phase == Phase::kIdle || reply.id != drive_.request || place == drive_.waiting.end()) {
    return;
  }
  drive_.waiting.erase(place);
  if (core_.is_credible(reply.rounds.clean)) {
    highest_seen_ = std::max(highest_seen_, reply.rounds.clean);
  }
  core_.see_round(drive_.partition, reply.rounds.committed);
  if (drive_.phase == Phase::kTelling) {
    if (drive_.waiting.empty()) {
      end_drive(now);
    }
    return go_on(now);
  }
  if (reply.status != RoundStatus::kOk || !still_holds()) {
    give_up(from);
    return go_on(now);
  }
  if (drive_.phase == Phase::kPreparing) {
    take_vote(from, reply, now);
  }
  if (drive_.phase != Phase::kIdle && drive_.waiting.empty()) {
    phase_done(now);
  }
  go_on(now);
}

void Reaper::take_vote(NodeId from, const RoundReply& reply, Now) {
  if (reply.agreed.size() != drive_.items.size()) {
    return give_up(from);
  }
  bool any = false;
  for (size_t i = 0; i < drive_.items.size(); ++i) {
    Item& item = drive_.items[i];
    item.is_agreed = item.is_agreed && reply.agreed[i] != '\0';
    any = any || item.is_agreed;
  }
  drive_.in_use.insert(std::upper_bound(drive_.in_use.begin(), drive_.in_use.end(), reply.actor),
                       reply.actor);
  if (!any) {
    give_up(from);  // copies differ: anti-entropy comes first
  }
}

void Reaper::phase_done(Now now) {
  switch (drive_.phase) {
    case Phase::kPreparing: {
      std::vector<NodeId> members;
      for (const Member& member : core_.cluster().members) {
        members.push_back(member.id);
      }
      return call(Phase::kBarring, members, now);
    }
    case Phase::kBarring: {
      // This copy's mark is the decision: once it is stored, the round is agreed.
      const NodeId own[] = {core_.self};
      return call(Phase::kCommitting, own, now);
    }
    case Phase::kCommitting: {
      ++core_.metrics.reap_rounds;
      const std::vector<NodeId> owners(core_.owners(drive_.partition).begin(),
                                       core_.owners(drive_.partition).end());
      std::vector<NodeId> others;
      std::copy_if(owners.begin(), owners.end(), std::back_inserter(others),
                   [this](NodeId node) { return node != core_.self; });
      if (others.empty()) {
        return end_drive(now);
      }
      return call(Phase::kTelling, others, now);
    }
    case Phase::kTelling:
      return end_drive(now);
    case Phase::kIdle:
    case Phase::kScanning:
      return;
  }
}

void Reaper::give_up(NodeId because_of) {
  ++waiting_;
  held_up_by_ = because_of;
  Pass& pass = passes_[drive_.partition];
  pass.next_due_ms = 0;  // these come again
  pass.is_begun = !drive_.is_last;
  pass.place = drive_.place;  // but not the same ones in front of all others each time
  drive_ = Drive{};
}

void Reaper::end_drive(Now now) {
  Pass& pass = passes_[drive_.partition];
  pass.is_begun = !drive_.is_last;
  pass.place = drive_.place;
  const bool all_agreed = std::all_of(drive_.items.begin(), drive_.items.end(),
                                      [](const Item& item) { return item.is_agreed; });
  pass.next_due_ms = all_agreed ? pass.next_due_ms : 0;
  if (drive_.is_last) {
    const uint64_t due_in_ms =
        pass.next_due_ms > now.cluster_ms ? pass.next_due_ms - now.cluster_ms : 0;
    const uint64_t idles_ms = std::min({due_in_ms, core_.config.tombstone_grace_ms, kRestMsMax});
    pass.rests_until_us = all_agreed ? now.mono_us + expired_grace_ms() * kUsPerMs : 0;
    pass.idles_until_us = now.mono_us + idles_ms * kUsPerMs;
    pass.dead_left = core_.copies.at(drive_.partition).count.dead(now.cluster_ms);
  } else {
    due_.push_back(drive_.partition);
  }
  drive_ = Drive{};
}

void Reaper::config_changed() {
  for (auto& [partition, pass] : passes_) {
    pass.rests_until_us = 0;
    pass.idles_until_us = 0;
  }
}

void Reaper::on_peer_down(NodeId peer, Now now) {
  if (std::find(drive_.waiting.begin(), drive_.waiting.end(), peer) != drive_.waiting.end()) {
    if (drive_.phase == Phase::kTelling) {
      end_drive(now);  // the round is agreed
    } else {
      give_up(peer);
    }
    go_on(now);
  }
}

}  // namespace kindred
