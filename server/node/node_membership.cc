// How the node drives its membership: time, links, and what follows from a document.
#include <algorithm>
#include <utility>
#include <variant>

#include "protocol/membership/message_codec.h"
#include "protocol/peer/frame.h"
#include "server/node/node.h"
#include "server/node/random_number.h"

namespace kindred {

namespace {
constexpr uint64_t kLinkSweepUs = 10'000'000;
}

LocalTime Node::local_time() {
  return {Loop::mono_us(), Loop::unix_ms()};
}

Address Node::announced(uint16_t announce_port, uint16_t port) const {
  return {config_->announce_host.empty() ? config_->bind.front() : config_->announce_host,
          announce_port != 0 ? announce_port : port};
}

MembershipConfig Node::membership_config() const {
  MembershipConfig config;
  config.name = config_->node_name;
  config.client_address = announced(config_->announce_port, config_->client_port());
  config.peer_address = announced(config_->announce_peer_port, config_->effective_peer_port());
  config.zone = config_->zone;
  config.weight = config_->weight;
  for (const SeedAddress& seed : config_->seeds) {
    config.seeds.push_back({seed.host, seed.port});
  }
  config.partition_count = config_->ring_partitions;
  config.replicas = config_->replicas;
  config.read_quorum = config_->read_quorum;
  config.request_timeout_ms = config_->request_timeout_ms;
  config.auto_join = config_->auto_join;
  for (const Keyspace& keyspace : config_->keyspaces) {
    static_cast<void>(put_keyspace(config.keyspaces, keyspace));
  }
  return config;
}

// Between membership's steps: what happened to links meanwhile, then what its new state means for
// the workers, then when it wants to be called next.
void Node::after_membership_step() {
  while (!link_changes_.empty()) {
    const auto changes = std::move(link_changes_);
    link_changes_.clear();
    for (const auto& [address, is_up] : changes) {
      if (is_up) {
        membership_->link_up(address, local_time());
      } else {
        membership_->link_down(address, local_time());
      }
    }
  }
  if (exit_code_ != 0) {
    return;
  }
  if (self_ == 0 && membership_->self() != 0) {
    say_hello();
  }
  shared_.clock_offset_ms.store(membership_->clock_offset_ms(), std::memory_order_relaxed);
  if (document_ != nullptr) {
    tell_yielding();
    if (ready_) {
      membership_->set_whole(all_copies_whole(), local_time());
    }
    refresh_view();
  }
  const uint64_t now_us = Loop::mono_us();
  gossip_.sample(now_us);
  if (now_us > links_swept_us_ + kLinkSweepUs) {
    links_swept_us_ = now_us;
    links_->forget_unused();
  }
  const uint64_t deadline_us = membership_->next_deadline_us();
  if (deadline_us == Liveness::kNever) {
    membership_timer_->stop();
  } else {
    membership_timer_->start(deadline_us > now_us ? (deadline_us - now_us) / 1000 + 1 : 0);
  }
}

void Node::copies_changed() {
  if (membership_ && exit_code_ == 0) {
    after_membership_step();
  }
}

// The node has come as far as the worker that is furthest behind.
void Node::copies_came(uint8_t worker, MemberProgress progress) {
  worker_progress_[worker] = std::move(progress);
  MemberProgress sum = worker_progress_.front();
  for (size_t i = 1; i < worker_progress_.size(); ++i) {
    const MemberProgress& each = worker_progress_[i];
    sum.epoch = std::min(sum.epoch, each.epoch);
    sum.not_whole.insert(sum.not_whole.end(), each.not_whole.begin(), each.not_whole.end());
    sum.is_departing |= each.is_departing;
  }
  std::sort(sum.not_whole.begin(), sum.not_whole.end());
  if (membership_ && exit_code_ == 0) {
    membership_->set_progress(std::move(sum), local_time());
    membership_timer_->start(0);
  }
}

void Node::change_ring(const RingChange& change,
                       std::function<void(std::string_view error, uint64_t epoch)> done) {
  const ChangeToken token = ++last_question_;
  ring_changes_[token] = std::move(done);
  membership_->request_change(token, change, local_time());
  after_membership_step();
}

void Node::commit_ring(std::function<void(std::string_view error, uint64_t epoch)> done) {
  const ChangeToken token = ++last_question_;
  ring_changes_[token] = std::move(done);
  membership_->commit_staged(token, local_time());
  after_membership_step();
}

void Node::clear_ring(std::function<void(std::string_view error, uint64_t epoch)> done) {
  const ChangeToken token = ++last_question_;
  ring_changes_[token] = std::move(done);
  membership_->clear_staged(token, local_time());
  after_membership_step();
}

void Node::change_done(ChangeToken token, std::string_view error, uint64_t epoch) {
  const auto found = ring_changes_.find(token);
  if (found != ring_changes_.end()) {
    const auto done = std::move(found->second);
    ring_changes_.erase(found);
    done(error, epoch);
  }
}

void Node::left(std::string_view why, bool starts_anew) {
  log_.warning(why);
  if (starts_anew) {
    next_run_.emplace();
  }
  stop();
}

void Node::want_document(NodeId holder) {
  if (membership_ && exit_code_ == 0) {
    membership_->want_document(holder, local_time());
  }
}

void Node::say_hello() {
  links_->set_hello({membership_->self(),
                     announced(config_->announce_peer_port, config_->effective_peer_port()),
                     kCapabilities});
}

bool Node::all_copies_whole() const {
  return std::all_of(workers_.begin(), workers_.end(),
                     [](const auto& worker) { return worker->filling_copies() == 0; });
}

Node::LiveMembers Node::live_members() const {
  LiveMembers members;
  members.live.push_back(self_);
  if (all_copies_whole() && !is_yielding(self_)) {
    members.whole.push_back(self_);
  }
  for (const MemberView& member : membership_->others()) {
    if (member.is_up) {
      members.live.push_back(member.id);
      if (member.is_whole && !is_yielding(member.id)) {
        members.whole.push_back(member.id);
      }
    }
  }
  return members;
}

std::vector<NodeId> Node::first_live_holders(const LiveMembers& members) const {
  const auto first_of = [](std::span<const NodeId> owners, const std::vector<NodeId>& among) {
    const auto found = std::find_first_of(owners.begin(), owners.end(), among.begin(), among.end());
    return found == owners.end() ? NodeId{0} : *found;
  };
  const Ring& ring = document_->ring;
  std::vector<NodeId> holders(ring.partition_count());
  for (uint32_t partition = 0; partition < ring.partition_count(); ++partition) {
    const std::span<const NodeId> owners = document_->serving_owners(partition);
    const NodeId whole_holder = first_of(owners, members.whole);
    holders[partition] = whole_holder != 0 ? whole_holder : first_of(owners, members.live);
  }
  return holders;
}

void Node::refresh_view() {
  std::vector<MemberStatus> statuses = {{.id = self_,
                                         .up = true,
                                         .word = SwimState::kAlive,
                                         .incarnation = membership_->incarnation()}};
  for (const MemberView& member : membership_->others()) {
    statuses.push_back({.id = member.id,
                        .up = member.is_up,
                        .ping_sent_ms = static_cast<int64_t>(member.ping_sent_ms),
                        .pong_received_ms = static_cast<int64_t>(member.pong_received_ms),
                        .answered_ms = member.answered_us / 1000,
                        .word = member.word.state,
                        .incarnation = member.word.incarnation,
                        .phi = member.phi});
  }
  shared_.set_member_statuses(std::move(statuses));

  // Most steps are answers that change nothing: walking over all partitions for each is too much.
  LiveMembers members = live_members();
  if (members_of_view_ == members && view_->document == document_ && view_->ready == ready_) {
    return;
  }
  ClusterView view{document_, self_, first_live_holders(members), ready_};
  members_of_view_ = std::move(members);
  if (view.document == view_->document && view.ready == view_->ready &&
      view.first_live_holders == view_->first_live_holders) {
    return;
  }
  view_ = std::make_shared<const ClusterView>(std::move(view));
  workers_.front()->set_view(view_);
  for (size_t i = 1; i < workers_.size(); ++i) {
    workers_[i]->post_errand([&worker = *workers_[i], shown = view_] { worker.set_view(shown); });
  }
}

void Node::installed(std::shared_ptr<const ClusterDocument> document, NodeId self,
                     bool copies_filling) {
  const bool is_first = document_ == nullptr;
  const auto before = std::exchange(document_, std::move(document));
  self_ = self;
  for (const Member& member : document_->members) {
    peer_addresses_[member.id] = member.peer_address;
  }
  links_->set_cluster(document_->cluster_id);
  say_hello();
  if (is_first) {
    installs_missing_ = worker_count_;
    if (worker_count_ > 1) {
      // A partition's worker is that of its slots, whatever the layer.
      router_.emplace(document_->ring.slot_partitions());
      routed_.resize(worker_count_);
    }
  }
  look_at_keyspaces(is_first ? Keyspaces{} : before->keyspaces, is_first);
  if (is_first || before->users != document_->users) {
    take_users();
  }
  view_ = std::make_shared<const ClusterView>(ClusterView{document_, self_, {}, ready_});
  members_of_view_.reset();
  const CopyState fresh = copies_filling ? CopyState::kFilling : CopyState::kWhole;
  const auto install = [this, is_first, fresh, view = view_](Worker& worker) {
    worker.set_cluster(view, fresh);
    if (is_first) {
      const Inventory inventory = worker.take_inventory(save_, [this](uint64_t records) {
        log_.notice("Checked " + std::to_string(records) + " stored records so far");
      });
      workers_.front()->post_errand([this, inventory] { finish_install(inventory); });
    }
  };
  for (const auto& worker : workers_) {
    if (worker->index() == 0) {
      install(*worker);
    } else {
      worker->post_errand([install, &target = *worker] { install(target); });
    }
  }
}

void Node::alive_changed(NodeId member, bool is_up) {
  for (const auto& worker : workers_) {
    if (worker->index() == 0) {
      worker->set_alive(member, is_up);
    } else {
      worker->post_errand([&target = *worker, member, is_up] { target.set_alive(member, is_up); });
    }
  }
}

// Through the workers' mailboxes, behind the documents that were installed before.
void Node::collect_stamp(StampToken token) {
  struct Collection {
    size_t missing;
    Stamp highest = 0;
  };
  const auto collection = std::make_shared<Collection>(Collection{workers_.size()});
  post_to_all([this, token, collection](Worker& worker) {
    const Stamp highest = worker.driver() != nullptr ? worker.driver()->shard().highest_stamp() : 0;
    workers_.front()->post_errand([this, token, collection, highest] {
      collection->highest = std::max(collection->highest, highest);
      if (--collection->missing == 0) {
        membership_->stamp_collected(token, collection->highest, local_time());
        after_membership_step();
      }
    });
  });
}

void Node::send(const Address& to, const MembershipMessage& message) {
  std::string payload;
  std::string frame;
  encode_membership(message, &payload);
  encode_frame(FrameKind::kMembership, {}, payload, &frame);
  if (std::holds_alternative<Gossip>(message)) {
    gossip_.sent(frame.size());
  }
  links_->send(to, frame);
}

void Node::log(kindred::LogLevel level, std::string_view text) {
  switch (level) {
    case kindred::LogLevel::kDebug:
      log_.debug(text);
      break;
    case kindred::LogLevel::kNotice:
      log_.notice(text);
      break;
    case kindred::LogLevel::kWarning:
      log_.warning(text);
      break;
  }
}

void Node::fatal(std::string_view text) {
  log_.warning("Fatal: " + std::string(text));
  exit_code_ = 1;
  workers_.front()->quit();
}

uint64_t Node::random() {
  return random_number();
}

void Node::link_up(const Address& address) {
  link_changes_.emplace_back(address, true);
  membership_timer_->start(0);
}

void Node::link_down(const Address& address) {
  link_changes_.emplace_back(address, false);
  membership_timer_->start(0);
}

/// Data for a member that has not got the document yet, or not taken it in.
void Node::keep_early(const LinkHello& from, const Frame& frame) {
  if (early_bytes_ + frame.payload.size() > kEarlyBytesMax) {
    return;  // as lost as on a link that breaks
  }
  early_bytes_ += frame.payload.size();
  early_frames_.push_back({from, frame.header, std::string(frame.payload)});
}

void Node::take_early() {
  early_bytes_ = 0;
  for (const EarlyFrame& early : std::exchange(early_frames_, {})) {
    if (early.header.origin.cluster_id == document_->cluster_id) {
      // What is malformed is no worse than lost; its link says so with the next frame.
      static_cast<void>(frame_arrived(early.from, Frame{early.header, early.payload}));
    }
  }
}

bool Node::frame_arrived(const LinkHello& from, const Frame& frame) {
  if (capabilities_.size() < kPeersKnownMax || capabilities_.contains(from.node)) {
    capabilities_[from.node] = from.capabilities;
  }
  const bool is_data = frame.header.kind == FrameKind::kData;
  if (is_data && (document_ == nullptr || installs_missing_ > 0)) {
    keep_early(from, frame);
    return true;
  }
  if (document_ == nullptr && frame.header.kind != FrameKind::kMembership) {
    return true;  // there is nothing yet that it could be about
  }
  switch (frame.header.kind) {
    case FrameKind::kData:
      // Who has just joined asks before this node has the document that says so, and is answered.
      if (peer_addresses_.size() < kPeersKnownMax) {
        peer_addresses_.try_emplace(from.node, from.peer_address);
      }
      if (workers_.size() == 1) {
        workers_.front()->receive_frame(from.node, frame);
      } else {
        route_data(from.node, frame);
      }
      return true;
    case FrameKind::kMembership: {
      const std::optional<MembershipMessage> message = decode_membership(frame.payload);
      if (!message) {
        return false;
      }
      if (std::holds_alternative<Gossip>(*message)) {
        gossip_.received(kFrameHeaderBytes + frame.payload.size());
      }
      membership_->receive(from.peer_address, *message, local_time());
      after_membership_step();
      return true;
    }
    case FrameKind::kControl: {
      ControlMessage message;
      if (!decode_control(frame.payload, &message)) {
        return false;
      }
      answer_control(from, message);
      return true;
    }
    case FrameKind::kPublication: {
      Publication publication;
      if (!decode_publication(frame.payload, &publication)) {
        return false;
      }
      publish(publication);
      return true;
    }
    case FrameKind::kHello:
    case FrameKind::kPart:
      break;  // the links keep these to themselves
    case FrameKind::kChallenge:
    case FrameKind::kAnswer:
    case FrameKind::kWelcome:
      return false;  // only before all others
  }
  return true;
}

void Node::frame_rejected(const std::string& from, std::string_view why) {
  log_.warning("Closed the link from " + from + ": " + std::string(why));
}

}  // namespace kindred
