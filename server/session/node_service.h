#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/membership/cluster.h"
#include "replication/membership/rumours.h"
#include "replication/node/operation.h"
#include "replication/node/ports.h"
#include "replication/node/scan.h"
#include "server/access/users.h"
#include "server/session/keyspace_request.h"
#include "server/session/ring_figures.h"
#include "server/session/ring_request.h"

namespace kindred {

class SessionHub;
struct Publication;

/// What a member looks like from this node now.
struct MemberStatus {
  NodeId id = 0;
  bool up = false;
  int64_t ping_sent_ms = 0;      // unix ms of the last probe sent, 0: none pending (CLUSTER NODES)
  int64_t pong_received_ms = 0;  // unix ms of the last answer, 0: none yet
  uint64_t answered_ms = 0;      // as NodeService::mono_ms() counts, 0: not yet
  SwimState word = SwimState::kUnknown;  // what is said of it
  uint64_t incarnation = 0;              // under this incarnation of its
  double phi = 0;                        // how doubtful the answer is that it owes
};

struct BackupRequest {
  std::string name;  // of a directory to be made in each node's `backups`
  bool everywhere = true;
};

/// What sessions ask of the node, one implementation a worker (server/node) and one trivial one for
/// tests and for subtracting layers' cost (the ok-service). All calls on the worker's loop thread.
/// Every asynchronous call is answered exactly once through ServiceClient with the token given,
/// perhaps before the call returns.
class NodeService {
 public:
  virtual ~NodeService() = default;

  /// The operation's views need to hold only until the call returns.
  virtual void submit(ClientToken token, const Operation& operation) = 0;
  virtual void submit_scan(ClientToken token, const ScanRequest& request) = 0;
  /// Live keys of the whole store (DBSIZE) into number_done(); where not all could be counted, the
  /// error line without '-' into status_done().
  virtual void count_keys(ClientToken token) = 0;
  /// Live keys of one slot held by this node (CLUSTER COUNTKEYSINSLOT, GETKEYSINSLOT) into
  /// keys_done(); at most `limit`.
  virtual void keys_in_slot(ClientToken token, uint16_t slot, uint32_t limit) = 0;
  /// The names of the nodes whose copies the actors are (DCONTEXT) into keys_done(), in the same
  /// order; empty where no node within reach knows it: actors end with each start of their node.
  virtual void name_actors(ClientToken token, std::vector<ActorId> actors) = 0;
  /// FLUSHALL; status_done() tells: empty text: done, else the error line without '-'.
  virtual void flush_all(ClientToken token) = 0;
  /// The text of INFO for the sections asked ("all", "default", "everything", or names).
  virtual void info(ClientToken token, std::vector<std::string> sections) = 0;
  /// A ring change: number_done() brings the epoch that it became part of, or of now where it was
  /// only staged; status_done() the error line without '-'.
  virtual void change_ring(ClientToken token, RingRequest request) = 0;
  /// RING DRAIN: others coordinate from now on; status_done() tells.
  virtual void drain(ClientToken token) = 0;
  /// RING CLEAR GOSSIP: forgets what was said about the members; status_done() tells.
  virtual void clear_gossip(ClientToken token) = 0;
  /// What this node counts about the ring (RING HINTS) into ring_figures_done().
  virtual void ring_figures(ClientToken token) = 0;
  /// RING REPAIR of one partition or, where none is named, of all that this node holds; what was
  /// found comes into ring_figures_done(). A partition of which it holds no copy brings nothing.
  virtual void repair(ClientToken token, std::optional<PartitionIndex> partition) = 0;
  /// KEYSPACE's commands that change keyspaces; as change_users().
  virtual void change_keyspaces(ClientToken token, KeyspaceRequest request) = 0;
  /// A copy of all that was acknowledged before, at every member or here alone; what came of it
  /// comes into ring_figures_done(). It takes as long as the engines take.
  virtual void backup(ClientToken token, BackupRequest request) = 0;
  /// A checkpoint of this node's data in place of the one before; status_done() tells when it is
  /// there or, `in_background`, as soon as it has begun.
  virtual void save(ClientToken token, bool in_background) = 0;
  /// When the last one was made, else when the node started (LASTSAVE). Unix seconds.
  virtual uint64_t last_save_s() = 0;
  /// ACL's commands that change users; number_done() brings how many it concerned, status_done()
  /// the error line without '-'.
  virtual void change_users(ClientToken token, UserChange change) = 0;
  /// CONFIG SET; status_done() tells.
  virtual void config_set(ClientToken token,
                          std::vector<std::pair<std::string, std::string>> settings) = 0;
  /// CONFIG REWRITE; status_done() tells.
  virtual void rewrite_config(ClientToken token) = 0;
  /// CONFIG GET: matching directives as (name, value), by glob patterns.
  virtual std::vector<std::pair<std::string, std::string>> config_get(
      const std::vector<std::string>& patterns) = 0;
  /// Runs `visit` with the hub of each worker, on that worker's thread; what they return comes into
  /// keys_done(), one text a worker.
  using HubVisit = std::function<std::string(SessionHub&)>;
  virtual void visit_hubs(ClientToken token, HubVisit visit) = 0;
  /// The same without an answer.
  virtual void run_at_hubs(std::function<void(SessionHub&)> run) = 0;
  /// Tells a publication to the other nodes' clients, at most once.
  virtual void spread(const Publication& publication) = 0;
  /// SHUTDOWN: starts an orderly stop of the process.
  virtual void shut_down() = 0;

  /// The committed cluster, null before the node is in one.
  virtual std::shared_ptr<const ClusterDocument> cluster() = 0;
  virtual NodeId self() = 0;
  virtual std::vector<MemberStatus> member_statuses() = 0;
  /// For each partition the first live whole holder (CLUSTER SLOTS), 0 where none is.
  virtual std::vector<NodeId> first_live_holders() = 0;

  virtual uint64_t cluster_now_ms() = 0;
  /// Runs evenly, from no particular moment: for how long something takes.
  virtual uint64_t mono_us() = 0;
  uint64_t mono_ms() { return mono_us() / 1000; }
  /// SessionHub::end_pause() runs on this worker after so long; a later call replaces an earlier
  /// one.
  virtual void end_pause_after(uint64_t ms) = 0;
  /// False while the node is joining or founding: commands on keys answer -LOADING.
  virtual bool ready() = 0;
  /// Brings the keys' cache lines near before a batch of submits; may do nothing.
  virtual void prefetch(std::span<const KeyRef> keys) = 0;
};

/// Receives the answers; implemented by the session hub of a worker.
class ServiceClient {
 public:
  virtual ~ServiceClient() = default;
  virtual void operation_done(ClientToken token, Outcome&& outcome) = 0;
  virtual void scan_done(ClientToken token, ScanPage&& page) = 0;
  virtual void number_done(ClientToken token, uint64_t number) = 0;
  virtual void keys_done(ClientToken token, std::vector<std::string>&& keys) = 0;
  virtual void text_done(ClientToken token, std::string&& text) = 0;
  virtual void status_done(ClientToken token, std::string&& error) = 0;
  virtual void ring_figures_done(ClientToken token, RingFigures&& figures) = 0;
};

}  // namespace kindred
