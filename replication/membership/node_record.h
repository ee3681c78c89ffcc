#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "replication/membership/cluster.h"
#include "replication/membership/paxos.h"

namespace kindred {

/// "I let this directory found, and no other", or, of a member: "I let its cluster take me in, and
/// no other". The address tells later whether that directory is gone.
struct Promise {
  NodeId node = 0;
  DirectoryId directory = 0;
  Address address;
  ClusterId cluster = 0;  // of the member

  bool is_none() const { return node == 0; }
  friend bool operator==(const Promise&, const Promise&) = default;
};

/// What a node keeps of itself in its data directory, written and synced as one whole.
struct NodeRecord {
  NodeId node_id = 0;  // 0: an empty directory
  DirectoryId directory_id = 0;
  std::string name;
  Promise promised_to;  // given to another node; never to itself
  std::shared_ptr<const ClusterDocument> document;
  int64_t clock_offset_ms = 0;
  bool copies_filling = false;  // this member's copies were lost and are not whole yet
  Acceptor acceptor;            // in the instance after `document`
  bool data_is_void = false;  // the engine's data is of a cluster that this node left: to be erased
};

}  // namespace kindred
