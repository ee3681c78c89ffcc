#pragma once

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <string>

#include "replication/handoff/hint_book.h"
#include "replication/node/key_holder.h"
#include "replication/node/messages.h"
#include "replication/node/operation.h"
#include "replication/node/ports.h"
#include "replication/quorum/quorum.h"

namespace kindred {

/// Who waits for a request: a client of this node, or the node that passed it on.
struct Origin {
  ClientToken client = 0;
  NodeId passer = 0;  // 0: our own client
  MessageId passed_id = 0;
  bool as_fallback = false;  // the passer has no whole primary in reach

  bool passed_on() const { return passer != 0; }
};

/// One request under way at its coordinator, or at the node that passed it on.
struct CoordinatedOp {
  enum class Phase : uint8_t {
    kPassedOn,      // waits for another node's outcome
    kDelayed,       // nothing is done yet: to be placed again once the steps may agree
    kQueued,        // waits for an earlier read-modify-write of its key
    kLoadingRead,   // waits for the local copy, to read
    kReading,       // waits for replicas' answers
    kAnswered,      // the client has its answer; late replies feed read repair
    kTogether,      // a transaction of several keys: waits for its parts
    kPrepared,      // a part of one: has been read, and waits for the others
    kLoadingWrite,  // waits for the local copy, to write
    kLoadingRestamp,
    kLoadingRound,  // waits for the local copy, to send it under the step of now
    kWriting,       // waits for acks
    kSettling,      // answered; until every primary has acked or has a hint
  };
  /// A fallback that was asked to keep a hint in this round.
  struct HintPlace {
    NodeId target = 0;
    NodeId holder = 0;
    bool is_over = false;  // it answered
  };
  /// A replica asked during a read.
  struct Asked {
    enum class Status : uint8_t {
      kWaiting,
      kDone,
      kFailed,
      kRefused,  // goes by another step: to be asked again
    };
    NodeId node = 0;
    Status status = Status::kWaiting;
    bool whole_state = false;
    bool is_fallback = false;
    bool is_empty = false;  // a fallback without a hint
    Digest digest = 0;
  };

  /// Memory that an entry not in use holds on to for values.
  static constexpr size_t kKeptBytesMax = 4096;

  uint64_t id = 0;
  Origin origin;
  uint64_t whole = 0;        // the transaction of which this is a key's part; 0: none
  size_t part = 0;           // which one
  bool is_together = false;  // such a transaction
  OpKind kind = OpKind::kRead;
  uint16_t flags = 0;  // the operation's
  Phase phase = Phase::kReading;
  KeyHolder key;
  uint64_t started_us = 0;
  uint64_t asked_us = 0;  // when it was last passed on, or its read first sent to others
  uint64_t deadline_us = 0;
  QuorumSpec spec;
  Step step = 0;  // that `quorum` and what is under way go by
  ResolvedQuorum quorum;
  AckSet acks;

  Operation request;  // as asked, owned; only where a later step needs it (kept())
  boost::container::small_vector<NodeId, 3> tried;  // pass-on: nodes that refused
  bool was_refused_by_step = false;                 // one of them only because of its step

  // Reading.
  State read;            // merged so far, owned
  Round read_clean = 0;  // what `read` is clean for
  Digest local_digest = 0;
  bool differs = false;
  boost::container::small_vector<Asked, 3> asked;
  std::vector<ReplicaReport> reports;

  // Writing.
  boost::container::small_vector<NodeId, 3> waiting;  // asked to store, not answered
  boost::container::small_vector<NodeId, 3> refused;  // go by another step: to be asked again
  NodeId home = 0;          // the primary that this node, a fallback, stands in for; 0: it is one
  HintMark home_before;     // of this node's hint for `home`, before the write
  std::string home_record;  // what was stored there: the hint may be delivered meanwhile
  Round home_clean = 0;     // what that is clean for
  boost::container::small_vector<HintPlace, 1> hints;
  boost::container::small_vector<NodeId, 1> unhinted;  // primaries whose hint waits for a load
  bool loads_for_hints = false;
  bool keeps_hints_itself = false;  // no fallback is asked any more
  Dot dot;
  Dot highest;             // highest dot that an ack reported
  NewVersion version;      // while the write waits for acks, its value lies in kept_value
  std::string kept_value;  // its memory is used again
  bool has_version = false;
  bool is_register = false;
  bool covers_read = false;  // a SET that is no register write: it replaces what it read first
  bool restamped = false;
  bool written =
      false;  // a first round went out: from then on a failure leaves the outcome unknown
  CausalContext first_round;
  Outcome outcome;  // what to tell once the write is through

  void reset() {
    origin = Origin{};
    whole = 0;
    is_together = false;
    phase = Phase::kReading;
    tried.clear();
    was_refused_by_step = false;
    acks.clear();
    asked.clear();
    reports.clear();
    waiting.clear();
    refused.clear();
    dot = Dot{};
    highest = Dot{};
    differs = false;
    has_version = false;
    is_register = false;
    covers_read = false;
    restamped = false;
    written = false;
    home = 0;
    home_record.clear();
    keeps_hints_itself = false;
    forget_hints();
    if (kept_value.capacity() > kKeptBytesMax) {
      std::string().swap(kept_value);
    }
  }

  /// For another round, which hints anew.
  void forget_hints() {
    hints.clear();
    unhinted.clear();
    loads_for_hints = false;
  }

  /// This node's state of the key: its copy, or the hint that it coordinates from.
  KeyRef local_key() const {
    KeyRef local = key.ref();
    local.hint_for = home;
    return local;
  }

  /// Keeps the version's value for a re-stamp in a later step.
  void keep_version() {
    if (!version.value.is_owned() && version.value.bytes().data() != kept_value.data()) {
      kept_value.assign(version.value.bytes());
      version.value = Value::borrowed(kept_value);
    }
  }

  /// Keeps the operation for later steps.
  void keep(const Operation& operation) {
    request = operation;
    request.key = key.ref();
    request.value.own();
  }
};

}  // namespace kindred
