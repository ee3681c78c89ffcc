#include "tests/unit/membership/world.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "protocol/membership/message_codec.h"
#include "protocol/membership/node_record_codec.h"

namespace kindred::membership_test {
namespace {

constexpr uint64_t kUnixMsAtZero = 1'700'000'000'000;

MembershipMessage over_the_wire(const MembershipMessage& message) {
  std::string bytes;
  encode_membership(message, &bytes);
  auto decoded = decode_membership(bytes);
  EXPECT_TRUE(decoded.has_value()) << "kind " << message.index();
  return decoded ? *decoded : message;
}

NodeRecord from_disk(const std::string& bytes) {
  NodeRecord record;
  EXPECT_EQ(decode_node_record(bytes, &record), NodeRecordBytes::kValid);
  return record;
}

}  // namespace

class World::Ports final : public MembershipPorts {
 public:
  Ports(World& world, std::size_t self) : world_(world), self_(self) {}

  void send(const Address& to, const MembershipMessage& message) override {
    ++driver().messages_sent;
    driver().progress_reports_sent += std::holds_alternative<ProgressReport>(message) ? 1 : 0;
    world_.send(self_, to, message);
  }
  void persist(const NodeRecord& record, PersistToken token) override {
    world_.sync_later(self_, record, token);
  }
  void installed(std::shared_ptr<const ClusterDocument> document, NodeId self,
                 bool copies_filling) override {
    driver().installed = std::move(document);
    driver().self = self;
    driver().is_filling = copies_filling;
  }
  void alive_changed(NodeId member, bool is_up) override {
    const auto before = driver().alive.find(member);
    EXPECT_NE(before != driver().alive.end() && before->second, is_up) << "said twice";
    driver().alive[member] = is_up;
  }
  void collect_stamp(StampToken token) override {
    const uint64_t incarnation = world_.nodes_[self_].incarnation;
    world_.at(world_.now_us_ + 100, [this, token, incarnation, &world = world_, self = self_] {
      if (world.is_running(self) && world.nodes_[self].incarnation == incarnation) {
        world.step(self, [&](Membership& machine, LocalTime now) {
          machine.stamp_collected(token, driver().shards_highest, now);
        });
      }
    });
  }
  void flush_done(FlushToken token, std::string_view error) override {
    EXPECT_TRUE(driver().flushes_done.emplace(token, error).second) << "answered twice";
  }
  void change_done(ChangeToken token, std::string_view error, uint64_t epoch) override {
    EXPECT_TRUE(driver().changes_done.emplace(token, std::pair(std::string(error), epoch)).second)
        << "answered twice";
  }
  void left(std::string_view why, bool starts_anew) override {
    driver().left = why;
    driver().starts_anew = starts_anew;
  }
  void log(LogLevel /*level*/, std::string_view text) override { driver().log.emplace_back(text); }
  void fatal(std::string_view text) override { driver().fatal = text; }
  uint64_t random() override { return std::max<uint64_t>(1, world_.prng_()); }

 private:
  Driver& driver() { return *world_.nodes_[self_].driver; }

  World& world_;
  std::size_t self_;
};

World::World(uint64_t prng_seed) : World(prng_seed, Settings{}) {}
World::World(uint64_t prng_seed, Settings settings) : settings_(settings), prng_(prng_seed) {}
World::~World() = default;

std::size_t World::add(const std::vector<std::size_t>& seeds) {
  Node node;
  const std::size_t index = nodes_.size();
  node.config.peer_address = address(index);
  node.config.client_address = {address(index).host, 7000};
  node.config.partition_count = 16;
  for (const std::size_t seed : seeds) {
    node.config.seeds.push_back(address(seed));
  }
  node.driver = std::make_unique<Driver>();
  nodes_.push_back(std::move(node));
  return index;
}

Address World::address(std::size_t index) {
  return {"127.0.0." + std::to_string(index + 1), 17000};
}

MembershipConfig& World::config(std::size_t node) {
  return nodes_[node].config;
}

void World::start(std::size_t node) {
  Node& started = nodes_[node];
  ++started.incarnation;
  started.is_hung = false;
  started.driver = std::make_unique<Driver>();
  started.ports = std::make_unique<Ports>(*this, node);
  started.machine = std::make_unique<Membership>(started.config, *started.ports);
  step(node, [&](Membership& machine, LocalTime now) {
    machine.start(started.disk.value_or(NodeRecord{}), now);
  });
  for (std::size_t other = 0; other < nodes_.size(); ++other) {
    if (other != node && is_running(other)) {
      deliver_link(other, node, true);
    }
  }
}

void World::crash(std::size_t node) {
  Node& crashed = nodes_[node];
  const std::size_t reached_disk = below(crashed.unsynced.size() + 1);
  if (reached_disk > 0) {
    crashed.disk = from_disk(crashed.unsynced[reached_disk - 1].bytes);
  }
  crashed.unsynced.clear();
  crashed.machine.reset();
  ++crashed.incarnation;
  for (std::size_t other = 0; other < nodes_.size(); ++other) {
    if (other != node && is_running(other)) {
      deliver_link(other, node, false);
    }
  }
}

void World::restart(std::size_t node) {
  crash(node);
  start(node);
}

void World::wipe(std::size_t node) {
  crash(node);
  nodes_[node].disk.reset();
}

void World::hang(std::size_t node, bool hangs) {
  nodes_[node].is_hung = hangs;
}

void World::cut(std::size_t a, std::size_t b, bool is_cut) {
  const auto link = std::minmax(a, b);
  is_cut ? (void)cuts_.insert(link) : (void)cuts_.erase(link);
}

void World::part(const std::vector<std::size_t>& side, const std::vector<std::size_t>& other,
                 bool is_cut) {
  for (const std::size_t a : side) {
    for (const std::size_t b : other) {
      cut(a, b, is_cut);
    }
  }
}

ChangeToken World::request_change(std::size_t node, const RingChange& change) {
  const ChangeToken token = ++last_change_;
  step(node,
       [&](Membership& machine, LocalTime now) { machine.request_change(token, change, now); });
  return token;
}

ChangeToken World::request_edit(std::size_t node, const Membership::DocumentEdit& edit) {
  const ChangeToken token = ++last_change_;
  step(node, [&](Membership& machine, LocalTime now) { machine.request_edit(token, edit, now); });
  return token;
}

ChangeToken World::commit_staged(std::size_t node) {
  const ChangeToken token = ++last_change_;
  step(node, [&](Membership& machine, LocalTime now) { machine.commit_staged(token, now); });
  return token;
}

ChangeToken World::clear_staged(std::size_t node) {
  const ChangeToken token = ++last_change_;
  step(node, [&](Membership& machine, LocalTime now) { machine.clear_staged(token, now); });
  return token;
}

std::string World::change_outcome(std::size_t node, ChangeToken token, uint64_t ms_max) {
  auto& done = driver(node).changes_done;
  run_until([&] { return done.contains(token); }, ms_max);
  if (!done.contains(token)) {
    return "pending";
  }
  return done[token].first.empty() ? "ok" : done[token].first;
}

void World::set_clock_ahead_ms(std::size_t node, int64_t ahead_ms) {
  nodes_[node].clock_ahead_ms = ahead_ms;
}

void World::run_ms(uint64_t ms) {
  run_until([] { return false; }, ms);
}

bool World::run_until(const std::function<bool()>& holds, uint64_t ms_max) {
  const uint64_t end_us = now_us_ + ms_max * 1000;
  while (!holds()) {
    if (!run_one(end_us)) {
      now_us_ = end_us;
      return holds();
    }
  }
  return true;
}

bool World::is_running(std::size_t node) const {
  return nodes_[node].machine != nullptr;
}
Membership& World::machine(std::size_t node) {
  return *nodes_[node].machine;
}
World::Driver& World::driver(std::size_t node) {
  return *nodes_[node].driver;
}
const std::optional<NodeRecord>& World::disk(std::size_t node) const {
  return nodes_[node].disk;
}

LocalTime World::local_time(std::size_t node) const {
  const uint64_t true_ms = kUnixMsAtZero + now_us_ / 1000;
  return {now_us_, true_ms + static_cast<uint64_t>(nodes_[node].clock_ahead_ms)};
}

void World::inject(std::size_t node, const Address& from, const MembershipMessage& message) {
  step(node, [&](Membership& machine, LocalTime now) { machine.receive(from, message, now); });
}

Sender World::sender(std::size_t node) {
  const Membership& sending = machine(node);
  return {sending.self(), sending.record().directory_id,
          sending.document() != nullptr ? sending.document()->cluster_id : 0};
}

void World::step(std::size_t node, const std::function<void(Membership&, LocalTime)>& call) {
  ++driver(node).steps;
  call(machine(node), local_time(node));
}

bool World::is_one_cluster(const std::vector<std::size_t>& nodes) {
  std::set<ClusterId> clusters;
  for (const std::size_t node : nodes) {
    if (!is_running(node) || driver(node).installed == nullptr) {
      return false;
    }
    const ClusterDocument& document = *driver(node).installed;
    clusters.insert(document.cluster_id);
    if (document.members.size() != nodes.size() ||
        document.find_peer_address(address(node)) == nullptr) {
      return false;
    }
  }
  return clusters.size() == 1;
}

bool World::is_settled(const std::vector<std::size_t>& nodes) {
  return is_one_cluster(nodes) && std::ranges::all_of(nodes, [&](std::size_t node) {
           const ClusterDocument& document = *driver(node).installed;
           return document == *driver(nodes.front()).installed && document.moves.empty() &&
                  document.staged.empty();
         });
}

bool World::all_see_each_other(const std::vector<std::size_t>& nodes) {
  return is_one_cluster(nodes) && std::ranges::all_of(nodes, [&](std::size_t node) {
           return machine(node).members_up() == nodes.size();
         });
}

bool World::has_logged(std::size_t node, const std::string& part) {
  return std::ranges::any_of(driver(node).log, [&](const std::string& line) {
    return line.find(part) != std::string::npos;
  });
}

void World::at(uint64_t time_us, std::function<void()> call) {
  events_.emplace(time_us, std::move(call));
}

/// A vote is told once it is synced, or once its instance is over.
void World::check_vote(std::size_t from, DocumentNumber instance, Ballot ballot, bool is_accepted) {
  const NodeRecord& record = *disk(from);
  const bool is_over = record.document != nullptr && number_of(*record.document) >= instance;
  const Ballot synced = is_accepted ? record.acceptor.accepted : record.acceptor.promised;
  EXPECT_TRUE(is_over || (record.acceptor.instance == instance && synced >= ballot))
      << "voted before it was synced";
}

void World::send(std::size_t from, const Address& to, const MembershipMessage& message) {
  if (const auto* prepared = std::get_if<Prepared>(&message)) {
    check_vote(from, prepared->instance, prepared->ballot, false);
  } else if (const auto* accepted = std::get_if<Accepted>(&message)) {
    check_vote(from, accepted->instance, accepted->ballot, true);
  }
  if (const auto* hello = std::get_if<Hello>(&message); hello && !hello->promised_to.is_none()) {
    EXPECT_EQ(hello->promised_to, disk(from)->promised_to) << "told before it was synced";
  }
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    if (address(node) != to || !is_running(node)) {
      continue;
    }
    const bool is_lost = static_cast<double>(below(1'000'000)) < settings_.loss * 1'000'000;
    if (is_lost || cuts_.contains(std::minmax(from, node))) {
      return;
    }
    uint64_t& last_us = last_delivery_us_[{from, node}];  // a link keeps its order
    last_us = std::max(last_us, now_us_ + 50 + below(settings_.delay_us_max));
    at(last_us,
       [this, from, node, incarnation = nodes_[node].incarnation, wired = over_the_wire(message)] {
         if (is_running(node) && nodes_[node].incarnation == incarnation && !nodes_[node].is_hung) {
           inject(node, address(from), wired);
         }
       });
  }
}

void World::sync_later(std::size_t node, const NodeRecord& record, PersistToken token) {
  Write write{token, {}};
  encode_node_record(record, &write.bytes);
  Node& writing = nodes_[node];
  writing.unsynced.push_back(std::move(write));
  writing.last_sync_us =
      std::max(writing.last_sync_us, now_us_ + 10 + below(settings_.sync_us_max));
  at(writing.last_sync_us, [this, node, incarnation = writing.incarnation] {
    if (is_running(node) && nodes_[node].incarnation == incarnation) {
      sync_next(node);
    }
  });
}

void World::sync_next(std::size_t node) {
  Node& writing = nodes_[node];
  const Write write = std::move(writing.unsynced.front());
  writing.unsynced.erase(writing.unsynced.begin());
  writing.disk = from_disk(write.bytes);
  look_for_two_clusters();
  if (writing.disk->document != nullptr) {
    look_at_document(*writing.disk->document);
  }
  step(node, [&](Membership& machine, LocalTime now) { machine.persisted(write.token, now); });
}

void World::deliver_link(std::size_t to, std::size_t about, bool is_up) {
  at(now_us_ + below(settings_.delay_us_max),
     [this, to, about, is_up, incarnation = nodes_[to].incarnation] {
       if (!is_running(to) || nodes_[to].incarnation != incarnation) {
         return;
       }
       step(to, [&](Membership& machine, LocalTime now) {
         is_up ? machine.link_up(address(about), now) : machine.link_down(address(about), now);
       });
     });
}

bool World::run_one(uint64_t end_us) {
  uint64_t next_us = events_.empty() ? UINT64_MAX : events_.begin()->first;
  std::optional<std::size_t> to_tick;
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    if (is_running(node) && !nodes_[node].is_hung) {
      const uint64_t deadline_us = std::max(machine(node).next_deadline_us(), now_us_);
      if (deadline_us < next_us) {
        next_us = deadline_us;
        to_tick = node;
      }
    }
  }
  if (next_us > end_us) {
    return false;
  }
  now_us_ = std::max(now_us_, next_us);
  if (to_tick) {
    step(*to_tick, [](Membership& machine, LocalTime now) { machine.tick(now); });
    EXPECT_GT(machine(*to_tick).next_deadline_us(), now_us_) << "a tick that leaves work due";
  } else {
    const auto call = std::move(events_.begin()->second);
    events_.erase(events_.begin());
    call();
  }
  return true;
}

void World::look_for_two_clusters() {
  for (const Node& one : nodes_) {
    for (const Node& other : nodes_) {
      if (!one.disk || !other.disk || !one.disk->document || !other.disk->document ||
          one.disk->document->cluster_id == other.disk->document->cluster_id) {
        continue;
      }
      for (const Member& member : one.disk->document->members) {
        if (other.disk->document->find_peer_address(member.peer_address) != nullptr) {
          violation_ = "two clusters list " + address_text(member.peer_address);
        }
      }
    }
  }
}

void World::look_at_document(const ClusterDocument& document) {
  const auto key = [&](uint64_t epoch) {
    return std::tuple(document.cluster_id, document.generation, epoch);
  };
  const auto [at, is_new] = documents_.emplace(key(document.epoch), document);
  if (!is_new && at->second != document) {
    document_violation_ = "two documents of epoch " + std::to_string(document.epoch);
  }
  const auto before = documents_.find(key(document.epoch - 1));
  if (is_new && before != documents_.end() && !may_follow(before->second, document)) {
    document_violation_ = "epoch " + std::to_string(document.epoch) + " does not follow";
  }
}

}  // namespace kindred::membership_test
