#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/session/hub.h"
#include "server/session/ok_service.h"

namespace kindred {

/// A node that takes questions and answers when the test says so, in the order it says.
class ScriptedService final : public NodeService {
 public:
  struct Asked {
    ClientToken token = 0;
    Operation operation;  // key and value point into the strings below
    std::string key;
    std::string value;
  };

  explicit ScriptedService(SessionHub& hub) : client_(hub), inner_(hub) {}

  std::vector<Asked>& asked() { return asked_; }
  void set_now_ms(uint64_t now_ms) { now_ms_ = now_ms; }
  size_t prefetches() const { return prefetches_; }

  /// Answers question number `index`, counted from the first ever.
  void answer(size_t index, Outcome outcome = {}) {
    client_.operation_done(asked_[index].token, std::move(outcome));
  }
  /// Answers a read with one live string.
  void answer_value(size_t index, std::string_view value) {
    Outcome outcome;
    Sibling sibling;
    sibling.dot = {stamp_at_ms(1), 1};
    sibling.value = Value::copied(value);
    outcome.state.context.raise(1, sibling.dot.stamp);
    outcome.state.siblings.push_back(std::move(sibling));
    answer(index, std::move(outcome));
  }

  void submit(ClientToken token, const Operation& operation) override {
    Asked asked;
    asked.token = token;
    asked.operation = operation;
    asked.key = operation.key.key;
    asked.value = operation.value.bytes();
    asked.operation.value = Value();
    asked_.push_back(std::move(asked));
  }
  void submit_scan(ClientToken token, const ScanRequest& request) override {
    scans_.emplace_back(token, request);
  }
  std::vector<std::pair<ClientToken, ScanRequest>>& scans() { return scans_; }
  ServiceClient& client() { return client_; }

  void count_keys(ClientToken token) override { other_tokens_.push_back(token); }
  void keys_in_slot(ClientToken token, uint16_t, uint32_t) override {
    other_tokens_.push_back(token);
  }
  void name_actors(ClientToken token, std::vector<ActorId>) override {
    other_tokens_.push_back(token);
  }
  void change_users(ClientToken token, UserChange) override { other_tokens_.push_back(token); }
  void change_keyspaces(ClientToken token, KeyspaceRequest request) override {
    keyspace_requests_.emplace_back(token, std::move(request));
  }
  std::vector<std::pair<ClientToken, KeyspaceRequest>>& keyspace_requests() {
    return keyspace_requests_;
  }
  void flush_all(ClientToken token) override { other_tokens_.push_back(token); }
  void rewrite_config(ClientToken token) override { other_tokens_.push_back(token); }
  void info(ClientToken token, std::vector<std::string>) override {
    other_tokens_.push_back(token);
  }
  void drain(ClientToken token) override { other_tokens_.push_back(token); }
  void clear_gossip(ClientToken token) override { other_tokens_.push_back(token); }
  void change_ring(ClientToken token, RingRequest request) override {
    ring_requests_.emplace_back(token, std::move(request));
  }
  std::vector<std::pair<ClientToken, RingRequest>>& ring_requests() { return ring_requests_; }
  void ring_figures(ClientToken token) override { other_tokens_.push_back(token); }
  void repair(ClientToken token, std::optional<PartitionIndex> partition) override {
    repairs_.emplace_back(token, partition);
  }
  std::vector<std::pair<ClientToken, std::optional<PartitionIndex>>>& repairs() { return repairs_; }
  void backup(ClientToken token, BackupRequest request) override {
    backups_.emplace_back(token, std::move(request));
  }
  std::vector<std::pair<ClientToken, BackupRequest>>& backups() { return backups_; }
  void save(ClientToken token, bool in_background) override {
    saves_.emplace_back(token, in_background);
  }
  std::vector<std::pair<ClientToken, bool>>& saves() { return saves_; }
  uint64_t last_save_s() override { return 1'700'000'000; }
  void config_set(ClientToken token, std::vector<std::pair<std::string, std::string>>) override {
    other_tokens_.push_back(token);
  }
  std::vector<ClientToken>& other_tokens() { return other_tokens_; }

  std::vector<std::pair<std::string, std::string>> config_get(
      const std::vector<std::string>&) override {
    return {};
  }
  void visit_hubs(ClientToken token, HubVisit) override { other_tokens_.push_back(token); }
  void run_at_hubs(std::function<void(SessionHub&)>) override {}
  void spread(const Publication& publication) override { spread_.push_back(publication.message); }
  const std::vector<std::string>& spread_messages() const { return spread_; }
  void shut_down() override {}
  std::shared_ptr<const ClusterDocument> cluster() override { return inner_.cluster(); }
  NodeId self() override { return inner_.self(); }
  std::vector<MemberStatus> member_statuses() override { return inner_.member_statuses(); }
  std::vector<NodeId> first_live_holders() override { return inner_.first_live_holders(); }
  uint64_t cluster_now_ms() override { return now_ms_; }
  uint64_t mono_us() override { return now_ms_ * 1000; }
  void end_pause_after(uint64_t) override {}
  bool ready() override { return true; }
  void prefetch(std::span<const KeyRef> keys) override { prefetches_ += keys.size(); }

 private:
  ServiceClient& client_;
  OkService inner_;
  std::vector<Asked> asked_;
  std::vector<std::pair<ClientToken, ScanRequest>> scans_;
  std::vector<std::pair<ClientToken, RingRequest>> ring_requests_;
  std::vector<std::pair<ClientToken, BackupRequest>> backups_;
  std::vector<std::pair<ClientToken, bool>> saves_;
  std::vector<std::pair<ClientToken, std::optional<PartitionIndex>>> repairs_;
  std::vector<std::pair<ClientToken, KeyspaceRequest>> keyspace_requests_;
  std::vector<ClientToken> other_tokens_;
  std::vector<std::string> spread_;
  uint64_t now_ms_ = 1'700'000'000'000;
  size_t prefetches_ = 0;
};

}  // namespace kindred
