#include <algorithm>
#include <utility>

#include "replication/membership/membership.h"

namespace kindred {

void Membership::request_flush(FlushToken token, LocalTime now) {
  if (!is_member() || !is_running()) {
    ports_.flush_done(token, "LOADING this node is not a member of a cluster yet");
    return;
  }
  const std::vector<Member>& members = document_->members;
  if (liveness_.up_count() < members.size()) {
    ports_.flush_done(token, "NOREPLICAS FLUSHALL needs all " + std::to_string(members.size()) +
                                 " members, up=" + std::to_string(liveness_.up_count()));
    return;
  }
  const FlushId id = ports_.random();
  const uint64_t deadline_us = now.mono_us + uint64_t{config_.request_timeout_ms} * 1000;
  if (!flushes_.begin(id, token, members, deadline_us)) {
    ports_.flush_done(token, "TRYAGAIN too many FLUSHALL at a time, nothing was flushed");
    return;
  }
  for (const MemberView& member : liveness_.views()) {
    ports_.send(member.peer_address, StampQuery{sender(), id});
  }
  collect_stamp({false, {}, id});
}

void Membership::on(const Address& from, const StampQuery& query, LocalTime /*now*/) {
  if (is_from_member(query.sender)) {
    collect_stamp({false, from, query.flush_id});
  }
}

void Membership::on(const Address& /*from*/, const StampAnswer& answer, LocalTime /*now*/) {
  if (is_from_member(answer.sender)) {
    take_stamp_answer(answer.flush_id, answer.sender.node, answer.highest, answer.cluster_ms);
  }
}

void Membership::on(const Address& from, const Flush& flush, LocalTime now) {
  if (!is_from_member(flush.sender)) {
    return;
  }
  // The coordinator compared all clocks before, this node's included: such a stamp is not its.
  if (stamp_unix_ms(flush.flush_stamp) > cluster_ms(now.unix_ms) + 2 * Flushes::kClocksApartMsMax) {
    ++metrics_.rejected_messages;
    return;
  }
  store_flush(from, flush.flush_id, flush.flush_stamp);
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
    take_stamp_answer(pending.flush_id, record_.node_id, highest, now_ms);
  } else {
    ports_.send(pending.from, StampAnswer{sender(), pending.flush_id, highest, now_ms});
  }
}

void Membership::take_stamp_answer(FlushId id, NodeId member, Stamp highest, uint64_t cluster_ms) {
  std::vector<Flushes::Finished> finished;
  const auto flush_stamp = flushes_.stamp_answered(id, member, highest, cluster_ms, &finished);
  report(finished);
  if (!flush_stamp) {
    return;
  }
  for (const MemberView& other : liveness_.views()) {
    ports_.send(other.peer_address, Flush{sender(), id, *flush_stamp});
  }
  store_flush({}, id, *flush_stamp);
}

void Membership::store_flush(const Address& from, FlushId id, Stamp flush_stamp) {
  if (document_->flush_stamp >= flush_stamp) {
    collect_stamp({true, from, id});
    return;
  }
  auto raised = std::make_shared<ClusterDocument>(*record_.document);
  raised->flush_stamp = std::max(raised->flush_stamp, flush_stamp);
  record_.document = raised;
  PendingRecord pending;
  pending.what = Storing::kFlush;
  pending.document = std::move(raised);
  pending.flush_from = from;
  pending.flush_id = id;
  persist(std::move(pending));
}

void Membership::report(const std::vector<Flushes::Finished>& finished) {
  for (const Flushes::Finished& each : finished) {
    ports_.flush_done(each.token, each.error);
  }
}

}  // namespace kindred
