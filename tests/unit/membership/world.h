#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "replication/membership/membership.h"

namespace kindred::membership_test {

/// A few nodes' membership machines on one thread and one virtual clock, with a network that
/// delays, loses and cuts, and disks that hold what was synced. The same `prng_seed` gives the same
/// run. Messages and records go through their encodings.
class World {
 public:
  struct Settings {
    uint64_t delay_us_max = 2'000;
    double loss = 0;
    uint64_t sync_us_max = 5'000;
  };
  /// What a node's driver has been told.
  struct Driver {
    std::shared_ptr<const ClusterDocument> installed;
    NodeId self = 0;
    bool is_filling = false;
    std::map<NodeId, bool> alive;
    std::map<FlushToken, std::string> flushes_done;
    std::map<ChangeToken, std::pair<std::string, uint64_t>> changes_done;  // error, epoch
    std::optional<std::string> left;
    bool starts_anew = false;
    std::optional<std::string> fatal;
    std::vector<std::string> log;
    Stamp shards_highest = 0;
    uint64_t steps = 0;
    uint64_t messages_sent = 0;
    uint64_t progress_reports_sent = 0;
  };

  explicit World(uint64_t prng_seed);
  World(uint64_t prng_seed, Settings settings);
  ~World();

  /// A machine with an empty disk at address(index); `seeds` are indexes. Not started.
  std::size_t add(const std::vector<std::size_t>& seeds);
  static Address address(std::size_t index);
  MembershipConfig& config(std::size_t node);

  void start(std::size_t node);
  /// The process dies: unsynced writes may or may not reach the disk, the others' links break.
  void crash(std::size_t node);
  /// crash(), and start() on what the disk holds.
  void restart(std::size_t node);
  /// crash(), and an empty disk.
  void wipe(std::size_t node);
  /// The process stands still, its links stay.
  void hang(std::size_t node, bool hangs);
  void cut(std::size_t a, std::size_t b, bool is_cut);
  /// Cuts, or mends, all links between the two sides.
  void part(const std::vector<std::size_t>& side, const std::vector<std::size_t>& other,
            bool is_cut);
  void set_loss(double loss) { settings_.loss = loss; }
  /// How far the node's wall clock is ahead of true time.
  void set_clock_ahead_ms(std::size_t node, int64_t ahead_ms);

  void run_ms(uint64_t ms);
  /// Runs on until `holds`, at most `ms_max`; whether it held.
  bool run_until(const std::function<bool()>& holds, uint64_t ms_max);

  bool is_running(std::size_t node) const;
  Membership& machine(std::size_t node);
  Driver& driver(std::size_t node);
  const std::optional<NodeRecord>& disk(std::size_t node) const;
  LocalTime local_time(std::size_t node) const;
  uint64_t now_ms() const { return now_us_ / 1000; }
  /// Hands a message over as if it came from the network.
  void inject(std::size_t node, const Address& from, const MembershipMessage& message);
  /// In front of what the node sends.
  Sender sender(std::size_t node);
  /// Asks a node for a ring change; change_outcome() tells what came of it.
  ChangeToken request_change(std::size_t node, const RingChange& change);
  ChangeToken request_edit(std::size_t node, const Membership::DocumentEdit& edit);
  ChangeToken commit_staged(std::size_t node);
  ChangeToken clear_staged(std::size_t node);
  /// "ok", the error, or "pending" after `ms_max`.
  std::string change_outcome(std::size_t node, ChangeToken token, uint64_t ms_max = 1'250);
  static std::string text(std::size_t node) { return address_text(address(node)); }
  /// Calls a step of a node with its local time.
  void step(std::size_t node, const std::function<void(Membership&, LocalTime)>& call);

  /// All of `nodes` are members of one cluster, which lists exactly them.
  bool is_one_cluster(const std::vector<std::size_t>& nodes);
  /// As is_one_cluster(), and no partition moves nor is anything staged or left over.
  bool is_settled(const std::vector<std::size_t>& nodes);
  /// Each sees all the others up.
  bool all_see_each_other(const std::vector<std::size_t>& nodes);
  bool has_logged(std::size_t node, const std::string& part);
  /// What was seen of two clusters on disks that share a member's address; empty when all is well.
  const std::string& violation() const { return violation_; }
  /// Two documents of one number on disks, or one that does not follow from the one before.
  const std::string& document_violation() const { return document_violation_; }

  std::mt19937_64& prng() { return prng_; }

 private:
  class Ports;
  struct Write {
    PersistToken token;
    std::string bytes;
  };
  struct Node {
    MembershipConfig config;
    std::optional<NodeRecord> disk;
    int64_t clock_ahead_ms = 0;
    uint64_t incarnation = 0;
    bool is_hung = false;
    std::vector<Write> unsynced;
    uint64_t last_sync_us = 0;
    std::unique_ptr<Driver> driver;
    std::unique_ptr<Ports> ports;
    std::unique_ptr<Membership> machine;
  };

  uint64_t below(uint64_t bound) { return prng_() % bound; }
  void at(uint64_t time_us, std::function<void()> call);
  void check_vote(std::size_t from, DocumentNumber instance, Ballot ballot, bool is_accepted);
  void send(std::size_t from, const Address& to, const MembershipMessage& message);
  void sync_later(std::size_t node, const NodeRecord& record, PersistToken token);
  void sync_next(std::size_t node);
  void deliver_link(std::size_t to, std::size_t about, bool is_up);
  bool run_one(uint64_t end_us);
  void look_for_two_clusters();
  void look_at_document(const ClusterDocument& document);

  Settings settings_;
  std::mt19937_64 prng_;
  uint64_t now_us_ = 1'000'000;
  std::multimap<uint64_t, std::function<void()>> events_;
  std::vector<Node> nodes_;
  std::set<std::pair<std::size_t, std::size_t>> cuts_;
  std::map<std::pair<std::size_t, std::size_t>, uint64_t> last_delivery_us_;
  std::map<std::tuple<ClusterId, uint32_t, uint64_t>, ClusterDocument> documents_;
  ChangeToken last_change_ = 0;
  std::string violation_;
  std::string document_violation_;
};

}  // namespace kindred::membership_test
