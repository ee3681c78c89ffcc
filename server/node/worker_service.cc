#include "server/node/worker_service.h"

#include <utility>

#include "server/config/directives.h"
#include "server/node/worker.h"

namespace kindred {

void WorkerService::at_node(std::function<void()> run) {
  worker_.other(0).post_errand(std::move(run));
}

void WorkerService::submit(ClientToken token, const Operation& operation) {
  worker_.submit(token, operation);
}

void WorkerService::submit_scan(ClientToken token, const ScanRequest& request) {
  worker_.submit_scan(token, request);
}

void WorkerService::count_keys(ClientToken token) {
  at_node([&node = worker_.control(), asker = Asker{worker_.index(), token}] {
    node.count_keys(asker);
  });
}

void WorkerService::keys_in_slot(ClientToken token, uint16_t slot, uint32_t limit) {
  worker_.list_slot_keys(token, slot, limit);
}

void WorkerService::name_actors(ClientToken token, std::vector<ActorId> actors) {
  at_node([&node = worker_.control(), asker = Asker{worker_.index(), token},
           wanted = std::move(actors)] { node.name_actors(asker, wanted); });
}

void WorkerService::flush_all(ClientToken token) {
  at_node([&node = worker_.control(), asker = Asker{worker_.index(), token}] {
    node.flush_all(asker);
  });
}

void WorkerService::info(ClientToken token, std::vector<std::string> sections) {
  at_node([&node = worker_.control(), asker = Asker{worker_.index(), token},
           wanted = std::move(sections)] { node.tell_info(asker, wanted); });
}

void WorkerService::drain(ClientToken token) {
  at_node([&node = worker_.control(), asker = Asker{worker_.index(), token}] {
    node.drain_node(asker);
  });
}

void WorkerService::clear_gossip(ClientToken token) {
  at_node([&node = worker_.control(), asker = Asker{worker_.index(), token}] {
    node.clear_gossip(asker);
  });
}

void WorkerService::change_ring(ClientToken token, RingRequest request) {
  at_node([&node = worker_.control(), asker = Asker{worker_.index(), token},
           wanted = std::move(request)] { node.ask_ring_change(asker, wanted); });
}

void WorkerService::ring_figures(ClientToken token) {
  at_node([&node = worker_.control(), asker = Asker{worker_.index(), token}] {
    node.tell_ring_figures(asker);
  });
}

void WorkerService::repair(ClientToken token, std::optional<PartitionIndex> partition) {
  at_node([&node = worker_.control(), asker = Asker{worker_.index(), token}, partition] {
    node.repair(asker, partition);
  });
}

void WorkerService::backup(ClientToken token, BackupRequest request) {
  at_node([&node = worker_.control(), asker = Asker{worker_.index(), token},
           wanted = std::move(request)] { node.backup(asker, wanted); });
}

void WorkerService::save(ClientToken token, bool in_background) {
  at_node([&node = worker_.control(), asker = Asker{worker_.index(), token}, in_background] {
    node.save(asker, in_background);
  });
}

uint64_t WorkerService::last_save_s() {
  return worker_.shared().last_save_s.load(std::memory_order_relaxed);
}

void WorkerService::change_users(ClientToken token, UserChange change) {
  at_node([&node = worker_.control(), asker = Asker{worker_.index(), token},
           wanted = std::move(change)] { node.change_users(asker, wanted); });
}

void WorkerService::change_keyspaces(ClientToken token, KeyspaceRequest request) {
  at_node([&node = worker_.control(), asker = Asker{worker_.index(), token},
           wanted = std::move(request)] { node.change_keyspaces(asker, wanted); });
}

void WorkerService::config_set(ClientToken token,
                               std::vector<std::pair<std::string, std::string>> settings) {
  at_node([&node = worker_.control(), asker = Asker{worker_.index(), token},
           wanted = std::move(settings)] { node.set_config(asker, wanted); });
}

void WorkerService::rewrite_config(ClientToken token) {
  at_node([&node = worker_.control(), asker = Asker{worker_.index(), token}] {
    node.rewrite_config(asker);
  });
}

std::vector<std::pair<std::string, std::string>> WorkerService::config_get(
    const std::vector<std::string>& patterns) {
  return matching_directives(worker_.config(), patterns);
}

void WorkerService::visit_hubs(ClientToken token, HubVisit visit) {
  worker_.visit_hubs(token, visit);
}

void WorkerService::run_at_hubs(std::function<void(SessionHub&)> run) {
  worker_.run_at_hubs(run);
}

void WorkerService::spread(const Publication& publication) {
  at_node([&node = worker_.control(), publication] { node.spread(publication); });
}

void WorkerService::shut_down() {
  at_node([&node = worker_.control()] { node.stop(); });
}

std::shared_ptr<const ClusterDocument> WorkerService::cluster() {
  return worker_.view().document;
}

NodeId WorkerService::self() {
  return worker_.view().self;
}

std::vector<MemberStatus> WorkerService::member_statuses() {
  return worker_.shared().member_statuses();
}

std::vector<NodeId> WorkerService::first_live_holders() {
  return worker_.view().first_live_holders;
}

uint64_t WorkerService::cluster_now_ms() {
  return worker_.now().cluster_ms;
}

uint64_t WorkerService::mono_us() {
  return worker_.now().mono_us;
}

void WorkerService::end_pause_after(uint64_t ms) {
  worker_.end_pause_after(ms);
}

bool WorkerService::ready() {
  return worker_.view().ready;
}

void WorkerService::prefetch(std::span<const KeyRef> keys) {
  worker_.prefetch(keys);
}

}  // namespace kindred
