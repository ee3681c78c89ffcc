#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "replication/membership/cluster.h"
#include "replication/membership/messages.h"
#include "replication/membership/node_record.h"

namespace kindred {

enum class LogLevel : uint8_t { kDebug, kNotice, kWarning };

/// Names a synced write of the node record.
using PersistToken = uint64_t;
/// Names a question to all local shards.
using StampToken = uint64_t;
/// Names a FLUSHALL at the driver.
using FlushToken = uint64_t;
/// Names a ring change at the driver.
using ChangeToken = uint64_t;

/// All that Membership can make happen. The driver implements it. Calls come from within a step, on
/// the thread that steps, and take effect in order; a port must not call back into Membership.
class MembershipPorts {
 public:
  virtual ~MembershipPorts() = default;

  /// Sends to the node at `to`, a peer address, dialling it where no link is up; may lose it. Goes
  /// out under no cluster's name: Membership itself tells clusters apart.
  virtual void send(const Address& to, const MembershipMessage& message) = 0;
  /// Replaces the node record on disk, synced, in the order of the calls; Membership::persisted()
  /// tells when. A driver that can't write ends the process.
  virtual void persist(const NodeRecord& record, PersistToken token) = 0;

  /// The node is a member under `self`, or its document changed. `copies_filling`: copies that were
  /// not there before have to be filled from the other primaries before they count; false: there
  /// is nothing older, they start whole.
  virtual void installed(std::shared_ptr<const ClusterDocument> document, NodeId self,
                         bool copies_filling) = 0;
  /// This node's opinion of another member, which is down until first said to be up.
  virtual void alive_changed(NodeId member, bool is_up) = 0;
  /// Asks all local shards for the highest stamp that any has issued or seen, once they have taken
  /// in every document installed before; Membership::stamp_collected() brings it.
  virtual void collect_stamp(StampToken token) = 0;
  /// A requested flush is over: `error` is empty, or the error line without '-'.
  virtual void flush_done(FlushToken token, std::string_view error) = 0;

  /// A requested ring change is over: `error` is empty, and `epoch` the one that it became part of,
  /// or the error line without '-'.
  virtual void change_done(ChangeToken token, std::string_view error, uint64_t epoch) = 0;
  /// This node is no member any more, or may not go on with what it holds; `why` is for the log.
  /// Its record says, synced, that its data is void. Membership does nothing from then on, and the
  /// process should end: with success, or, where it `starts_anew`, to start again at once, empty.
  virtual void left(std::string_view why, bool starts_anew) = 0;

  virtual void log(LogLevel level, std::string_view text) = 0;
  /// The process must exit with 1, saying `text`. Membership does nothing from then on.
  virtual void fatal(std::string_view text) = 0;

  /// From the system's source of secrets (keys are made of it), so also new over all restarts.
  /// Never zero.
  virtual uint64_t random() = 0;
};

}  // namespace kindred
