// What a client reads: keys and whole scans.
#include <algorithm>

#include "protocol/record/key.h"
#include "tests/sim/client.h"
#include "tests/sim/trace.h"

namespace kindred::sim {

void Client::read(uint32_t key, bool is_get) {
  ++reads_;
  Request request;
  Operation& operation = request.operation;
  operation.kind = OpKind::kRead;
  operation.key = cluster_.keys()[key];
  operation.flags = op_flag::kWantState | op_flag::kWantResolved;
  ReadCheck check;
  if (!is_get && prng_.one_in(4)) {
    operation.quorum.r = 1;
  } else if (prng_.one_in(10)) {
    (prng_.one_in(2) ? operation.quorum.r : operation.quorum.pr) = static_cast<uint8_t>(
        prng_.between(cluster_.plan().read_quorum(key), cluster_.plan().replicas));
  }
  check.is_quorum = operation.quorum.r != 1;
  const uint64_t asked_us = cluster_.queue().now_us();
  cluster_.oracle().begin_read(check, key, asked_us);
  const uint64_t turn = turn_;
  const Number node = any_node();
  const QuorumSpec quorum = operation.quorum;
  cluster_.ask(
      node, std::move(request), [this, check, quorum, asked_us, turn, node](Reply&& reply) {
        check_time(reply, asked_us, cluster_.plan().request_timeout_ms);
        check_served(check.key, reply, quorum, asked_us, cluster_.plan().request_timeout_ms);
        if (turn != turn_) {
          return;
        }
        if (!reply.is_lost && reply.outcome.code == OutcomeCode::kOk) {
          take_read(check, node, reply);
        }
        think();
      });
}

void Client::take_read(const ReadCheck& check, Number node, const Reply& reply) {
  const State& state = reply.outcome.state;
  if (cluster_.trace().on()) {
    std::string line = "client " + std::to_string(number_) + " reads key " +
                       std::to_string(check.key) + " at node " + std::to_string(node) + ":";
    for (const Sibling& sibling : state.siblings) {
      line += " " + text(sibling.dot) + " '" + shortened(sibling.value.bytes()) + "'";
    }
    cluster_.trace().add(cluster_.queue().now_us(), line);
  }
  State living = state;
  living.siblings.clear();
  for (const Sibling& sibling : state.siblings) {
    if (!sibling.expired(reply.cluster_ms)) {
      living.siblings.push_back(sibling);
    }
  }
  ReadCheck judged = check;
  judged.is_quorum = check.is_quorum && reply.outcome.strict;
  cluster_.oracle().check_read(judged, living, cluster_.queue().now_us());
  const Outcome& outcome = reply.outcome;
  cluster_.oracle().check_resolved(check.key, living, outcome.has_value, outcome.value.bytes());
  KeptContext kept;
  kept.text = reply.context;
  kept.covered = reply.covered;
  kept.met = reply.met;
  kept.shown = cluster_.oracle().shown(check.key, state);
  cluster_.oracle().check_claims(check.key, kept.covered.covered, kept.met, "a reader's context");
  keep(check.key, std::move(kept));
}

/// A whole SCAN, each page at another node.
void Client::scan() {
  ++scans_;
  scan_ = cluster_.oracle().begin_scan(cluster_.queue().now_us());
  next_page(0);
}

void Client::next_page(uint64_t cursor) {
  ScanRequest request;
  request.cursor = cursor;
  request.count = static_cast<uint32_t>(prng_.between(1, 4));
  cluster_.ask_scan(any_node(), request, [this](const ScanPage& page) {
    if (!page.ok) {
      return think();
    }
    for (const ScannedKey& key : page.keys) {
      scan_.seen[cluster_.key_index(make_key(key.key, cluster_.plan().partitions))] = true;
    }
    if (page.cursor != 0) {
      return next_page(page.cursor);
    }
    ++scans_whole_;
    cluster_.oracle().end_scan(scan_);
    think();
  });
}

}  // namespace kindred::sim
