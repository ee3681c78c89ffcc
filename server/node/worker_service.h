#pragma once

#include "server/session/node_service.h"

namespace kindred {

class Worker;

/// What a worker's sessions ask: keys' operations of the worker itself, the rest of the node.
class WorkerService final : public NodeService {
 public:
  explicit WorkerService(Worker& worker) : worker_(worker) {}

  void submit(ClientToken token, const Operation& operation) override;
  void submit_scan(ClientToken token, const ScanRequest& request) override;
  void count_keys(ClientToken token) override;
  void keys_in_slot(ClientToken token, uint16_t slot, uint32_t limit) override;
  void name_actors(ClientToken token, std::vector<ActorId> actors) override;
  void flush_all(ClientToken token) override;
  void info(ClientToken token, std::vector<std::string> sections) override;
  void drain(ClientToken token) override;
  void clear_gossip(ClientToken token) override;
  void change_ring(ClientToken token, RingRequest request) override;
  void ring_figures(ClientToken token) override;
  void repair(ClientToken token, std::optional<PartitionIndex> partition) override;
  void change_keyspaces(ClientToken token, KeyspaceRequest request) override;
  void backup(ClientToken token, BackupRequest request) override;
  void save(ClientToken token, bool in_background) override;
  uint64_t last_save_s() override;
  void change_users(ClientToken token, UserChange change) override;
  void config_set(ClientToken token,
                  std::vector<std::pair<std::string, std::string>> settings) override;
  void rewrite_config(ClientToken token) override;
  std::vector<std::pair<std::string, std::string>> config_get(
      const std::vector<std::string>& patterns) override;
  void visit_hubs(ClientToken token, HubVisit visit) override;
  void run_at_hubs(std::function<void(SessionHub&)> run) override;
  void spread(const Publication& publication) override;
  void shut_down() override;

  std::shared_ptr<const ClusterDocument> cluster() override;
  NodeId self() override;
  std::vector<MemberStatus> member_statuses() override;
  std::vector<NodeId> first_live_holders() override;
  uint64_t cluster_now_ms() override;
  uint64_t mono_us() override;
  void end_pause_after(uint64_t ms) override;
  bool ready() override;
  void prefetch(std::span<const KeyRef> keys) override;

 private:
  /// Runs on worker 0's thread, after this turn.
  void at_node(std::function<void()> run);

  Worker& worker_;
};

}  // namespace kindred
