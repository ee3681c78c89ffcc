#include <algorithm>
#include <utility>

#include "replication/membership/membership.h"

namespace kindred {

void Membership::request_flush(FlushToken token, LocalTime now) {
  if (!is_member() || !is_running()) {
    ports_.flush_done(token, "LOADING this node is not a member of a cluster yet");
    return;
  }
  std::vector<NodeId> live = {record_.node_id};
  for (const MemberView& member : liveness_.views()) {
    if (member.is_up) {
      live.push_back(member.id);
    }
  }
  if (live.size() < document_->members.size() / 2 + 1) {
    ports_.flush_done(token, "NOMAJORITY FLUSHALL needs a majority of the " +
                                 std::to_string(document_->members.size()) + " members, up=" +
                                 std::to_string(live.size()) + ", nothing was flushed");
    return;
  }
  const FlushId id = ports_.random();
  const uint64_t deadline_us = now.mono_us + uint64_t{config_.request_timeout_ms} * 1000;
  if (!flushes_.begin(id, token, std::move(live), deadline_us)) {
    ports_.flush_done(token, "TRYAGAIN too many FLUSHALL at a time, nothing was flushed");
    return;
  }
  for (const MemberView& member : liveness_.views()) {
    if (member.is_up) {
      ports_.send(member.peer_address, StampQuery{sender(), id});
    }
  }
  collect_stamp({false, {}, id});
}

void Membership::on(const Address& from, const StampQuery& query, LocalTime /*now*/) {
  if (is_from_member(query.sender)) {
    collect_stamp({false, from, query.flush_id});
  }
}

void Membership::on(const Address& /*from*/, const StampAnswer& answer, LocalTime now) {
  if (is_from_member(answer.sender)) {
    take_stamp_answer(answer.flush_id, answer.sender.node, answer.highest, answer.cluster_ms, now);
  }
}

void Membership::on(const Address& from, const Flush& flush, LocalTime now) {
  if (!is_from_member(flush.sender)) {
    return;
  }
  if (document_->flush_stamp < flush.flush_stamp) {
    ask_for_document(from, now);
  }
  await_flush({from, flush.flush_id, flush.flush_stamp});
}

void Membership::on(const Address& /*from*/, const FlushAck& ack, LocalTime /*now*/) {
  if (is_from_member(ack.sender)) {
    std::vector<Flushes::Finished> finished;
    flushes_.acknowledged(ack.flush_id, ack.sender.node, &finished);
    report(finished);
  }
}

void Membership::collect_stamp(PendingStamp pending) {
  if (pending_stamps_.size() >= kPendingStampsMax) {
    pending_stamps_.erase(pending_stamps_.begin());  // its asker gives up by itself
  }
  const StampToken token = ++last_stamp_token_;
  pending_stamps_.emplace(token, std::move(pending));
  ports_.collect_stamp(token);
}

void Membership::stamp_collected(StampToken token, Stamp highest, LocalTime now) {
  const auto at = pending_stamps_.find(token);
  if (at == pending_stamps_.end() || !is_running() || !is_member()) {
    return;
  }
  const PendingStamp pending = std::move(at->second);
  pending_stamps_.erase(at);
  answer_collected(pending, highest, now);
}

void Membership::answer_collected(const PendingStamp& pending, Stamp highest, LocalTime now) {
  const bool is_ours = pending.from.host.empty();
  if (pending.is_barrier) {
    if (is_ours) {
      std::vector<Flushes::Finished> finished;
      flushes_.acknowledged(pending.flush_id, record_.node_id, &finished);
      report(finished);
    } else {
      ports_.send(pending.from, FlushAck{sender(), pending.flush_id});
    }
    return;
  }
  highest = std::max(highest, document_->flush_stamp);
  const uint64_t now_ms = cluster_ms(now.unix_ms);
  if (is_ours) {
    take_stamp_answer(pending.flush_id, record_.node_id, highest, now_ms, now);
  } else {
    ports_.send(pending.from, StampAnswer{sender(), pending.flush_id, highest, now_ms});
  }
}

void Membership::take_stamp_answer(FlushId id, NodeId member, Stamp highest, uint64_t cluster_ms,
                                   LocalTime now) {
  std::vector<Flushes::Finished> finished;
  const auto collected = flushes_.stamp_answered(id, member, highest, cluster_ms, &finished);
  report(finished);
  if (collected) {
    commit_flush(*collected, now);
  }
}

void Membership::commit_flush(const Flushes::Collected& collected, LocalTime now) {
  Wish flush;
  flush.deadline_us = now.mono_us + uint64_t{config_.request_timeout_ms} * 1000;
  flush.apply = [stamp = collected.flush_stamp](ClusterDocument* next) -> std::string {
    if (next->flush_stamp < stamp) {
      next->flush_stamp = stamp;
      // A node that nobody waits for, and that has not heard of it, finds no quorum without it.
      next->steps.assign(next->ring.partition_count(), next->epoch);
    }
    return {};
  };
  flush.done = [this, collected](std::string_view error, uint64_t /*epoch*/) {
    flush_committed(collected.id, collected.flush_stamp, error);
  };
  wish(std::move(flush), now);
}

void Membership::flush_committed(FlushId id, Stamp flush_stamp, std::string_view error) {
  std::vector<Flushes::Finished> finished;
  const std::vector<NodeId> members = flushes_.committed(id, error, &finished);
  report(finished);
  for (const NodeId member : members) {
    const MemberView* view = liveness_.find(member);
    if (member == record_.node_id) {
      await_flush({{}, id, flush_stamp});
    } else if (view != nullptr) {
      ports_.send(view->peer_address, Flush{sender(), id, flush_stamp});
    }
  }
}

// Answered behind the document in the shards' mailboxes.
void Membership::await_flush(const AwaitedFlush& awaited) {
  if (document_->flush_stamp >= awaited.flush_stamp) {
    collect_stamp({true, awaited.from, awaited.id});
  } else if (awaited_flushes_.size() < kPendingStampsMax) {
    awaited_flushes_.push_back(awaited);
  }
}

void Membership::report(const std::vector<Flushes::Finished>& finished) {
  for (const Flushes::Finished& each : finished) {
    ports_.flush_done(each.token, each.error);
  }
}

}  // namespace kindred
