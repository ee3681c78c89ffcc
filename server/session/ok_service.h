#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "replication/causal/clock.h"
#include "replication/mutation/mutation.h"
#include "server/session/node_service.h"

namespace kindred {

/// A node of one that holds everything in memory and answers at once: for tests of the wire and to
/// subtract what a node costs. No quorums, no durability, no peers. One thread.
class OkService final : public NodeService {
 public:
  /// `hub` outlives the service.
  explicit OkService(SessionHub& hub);
  ~OkService() override;

  void set_now_ms(uint64_t now_ms) { now_ms_ = now_ms; }
  void set_ready(bool ready) { ready_ = ready; }
  bool stopped() const { return stopped_; }
  /// The client address that CLUSTER tells of this node.
  void set_address(std::string host, uint16_t port);
  std::vector<std::pair<std::string, std::string>>& directives() { return directives_; }

  void submit(ClientToken token, const Operation& operation) override;
  void submit_scan(ClientToken token, const ScanRequest& request) override;
  void count_keys(ClientToken token) override;
  void keys_in_slot(ClientToken token, uint16_t slot, uint32_t limit) override;
  void name_actors(ClientToken token, std::vector<ActorId> actors) override {
    client_.keys_done(token, std::vector<std::string>(actors.size(), "ok"));
  }
  void flush_all(ClientToken token) override;
  void info(ClientToken token, std::vector<std::string> sections) override;
  void drain(ClientToken token) override { client_.status_done(token, ""); }
  void clear_gossip(ClientToken token) override { client_.status_done(token, ""); }
  void change_ring(ClientToken token, RingRequest) override {
    client_.status_done(token, "ERR a node of one has no ring to change");
  }
  void ring_figures(ClientToken token) override { client_.ring_figures_done(token, {}); }
  void repair(ClientToken token, std::optional<PartitionIndex>) override {
    client_.ring_figures_done(token, {});
  }
  void backup(ClientToken token, BackupRequest) override { client_.ring_figures_done(token, {}); }
  void save(ClientToken token, bool) override {
    last_save_s_ = now_ms_ / 1000;
    client_.status_done(token, "");
  }
  uint64_t last_save_s() override { return last_save_s_; }
  void change_users(ClientToken token, UserChange change) override;
  void change_keyspaces(ClientToken token, KeyspaceRequest) override {
    client_.status_done(token, "ERR a node of one has no cluster to change");
  }
  void config_set(ClientToken token,
                  std::vector<std::pair<std::string, std::string>> settings) override;
  void rewrite_config(ClientToken token) override {
    client_.status_done(token, "ERR The server is running without a config file");
  }
  std::vector<std::pair<std::string, std::string>> config_get(
      const std::vector<std::string>& patterns) override;
  void visit_hubs(ClientToken token, HubVisit visit) override;
  void run_at_hubs(std::function<void(SessionHub&)> run) override { run(hub_); }
  void spread(const Publication&) override {}
  void shut_down() override { stopped_ = true; }

  std::shared_ptr<const ClusterDocument> cluster() override { return cluster_; }
  NodeId self() override;
  std::vector<MemberStatus> member_statuses() override;
  std::vector<NodeId> first_live_holders() override;
  uint64_t cluster_now_ms() override { return now_ms_; }
  uint64_t mono_us() override { return now_ms_ * 1000; }
  void end_pause_after(uint64_t ms) override { pause_ends_ms_ = now_ms_ + ms; }
  uint64_t pause_ends_ms() const { return pause_ends_ms_; }
  bool ready() override { return ready_; }
  void prefetch(std::span<const KeyRef>) override {}

 private:
  struct Record {
    uint16_t slot = 0;
    uint64_t hash = 0;
    State state;
  };

  Outcome carry_out(const Operation& operation);
  Record& record_of(const KeyRef& key);
  Outcome modify(Record& record, const Operation& operation);
  Outcome run_together(const Operation& operation);
  void apply(Record& record, Mutation& mutation);
  Dot next_dot(const State& state);

  SessionHub& hub_;
  ServiceClient& client_;  // the hub too
  std::unordered_map<std::string, Record> records_;
  HybridClock clock_;
  uint64_t now_ms_ = 1'700'000'000'000;
  uint64_t pause_ends_ms_ = 0;
  uint64_t last_save_s_ = now_ms_ / 1000;
  bool ready_ = true;
  bool stopped_ = false;
  std::shared_ptr<const ClusterDocument> cluster_;
  std::vector<std::pair<std::string, std::string>> directives_;
};

}  // namespace kindred
