#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replication/membership/cluster.h"
#include "replication/membership/ring_plan.h"
#include "server/config/config.h"
#include "server/session/node_service.h"
#include "server/session/shared_counters.h"

namespace kindred {

/// The cluster as a worker goes by it; replaced as a whole.
struct ClusterView {
  std::shared_ptr<const ClusterDocument> document;
  NodeId self = 0;
  /// For each partition the first live holder, 0 where none is.
  std::vector<NodeId> first_live_holders;
  bool ready = false;
};

/// What the workers of a node have in common and any thread may touch.
struct NodeShared {
  std::atomic<int64_t> clock_offset_ms{0};  // cluster clock less this machine's
  SharedCounters sessions;
  std::atomic<uint32_t> client_count{0};
  std::atomic<uint64_t> last_save_s{0};  // see NodeService::last_save_s()

  std::vector<MemberStatus> member_statuses() const {
    const std::lock_guard lock(mutex_);
    return statuses_;
  }
  void set_member_statuses(std::vector<MemberStatus> statuses) {
    const std::lock_guard lock(mutex_);
    statuses_.swap(statuses);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<MemberStatus> statuses_;
};

/// A question of a worker's session to the whole node; the answer goes to that worker.
struct Asker {
  uint8_t worker = 0;
  ClientToken token = 0;
};

/// Takes a worker's part of an answer; on any thread, once.
using FiguresAnswer = std::function<void(RingFigures&&)>;

/// What only the node as a whole can do. On worker 0's thread; answers through the worker of the
/// asker, perhaps much later.
class NodeControl {
 public:
  virtual ~NodeControl() = default;
  virtual void flush_all(Asker asker) = 0;
  virtual void count_keys(Asker asker) = 0;
  virtual void name_actors(Asker asker, std::vector<ActorId> actors) = 0;
  virtual void tell_info(Asker asker, std::vector<std::string> sections) = 0;
  virtual void tell_ring_figures(Asker asker) = 0;
  virtual void repair(Asker asker, std::optional<PartitionIndex> partition) = 0;
  virtual void backup(Asker asker, const BackupRequest& request) = 0;
  virtual void save(Asker asker, bool in_background) = 0;
  virtual void ask_ring_change(Asker asker, const RingRequest& request) = 0;
  virtual void drain_node(Asker asker) = 0;
  virtual void clear_gossip(Asker asker) = 0;
  virtual void change_keyspaces(Asker asker, const KeyspaceRequest& request) = 0;
  virtual void change_users(Asker asker, const UserChange& change) = 0;
  virtual void set_config(Asker asker,
                          std::vector<std::pair<std::string, std::string>> settings) = 0;
  virtual void rewrite_config(Asker asker) = 0;
  /// To the other nodes' clients.
  virtual void spread(const Publication& publication) = 0;
  virtual void stop() = 0;
  /// A worker's copies became whole, or stopped being so.
  virtual void copies_changed() = 0;
  /// How far a worker's copies have come, whenever that changes.
  virtual void copies_came(uint8_t worker, MemberProgress progress) = 0;
  /// A worker's shard met a member that goes by a later cluster document.
  virtual void want_document(NodeId holder) = 0;
  /// A worker's engine refuses writes, for another reason than before, or takes them again.
  virtual void storage_changed(uint8_t worker, StorageTrouble trouble, const std::string& text) = 0;
  /// Saved trees of a worker's copies did not tell what is stored, and do now.
  virtual void copies_mended(uint64_t copies) = 0;
  /// A worker's engine found bytes of its own damaged.
  virtual void engine_damaged(const std::string& text) = 0;

  /// A worker's frame for a peer.
  virtual void send_frame(NodeId to, std::string_view frame) = 0;
};

}  // namespace kindred
