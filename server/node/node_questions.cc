// What concerns all workers or other nodes: DBSIZE, INFO, CONFIG SET, FLUSHALL, and whose message
// is whose.
#include <algorithm>

#include "protocol/peer/frame.h"
#include "replication/ring/ring.h"
#include "server/config/directives.h"
#include "server/config/value_text.h"
#include "server/node/boot.h"
#include "server/node/node.h"

namespace kindred {

namespace {

constexpr uint64_t kQuestionCheckMs = 50;

/// The worker a message is for: replies carry the index of the shard that asked, the rest belongs
/// to its partition.
template <typename WorkerOf>
uint8_t receiver_of(const Message& message, const WorkerOf& worker_of) {
  return std::visit(
      [&worker_of](const auto& content) -> uint8_t {
        using Content = std::decay_t<decltype(content)>;
        if constexpr (std::is_same_v<Content, Replicate> || std::is_same_v<Content, Fetch>) {
          return worker_of(content.key.partition);
        } else if constexpr (std::is_same_v<Content, PassOn>) {
          return worker_of(content.operation->key.partition);
        } else if constexpr (std::is_same_v<Content, FetchRange> ||
                             std::is_same_v<Content, TreeFetch> ||
                             std::is_same_v<Content, KeyDigestsFetch> ||
                             std::is_same_v<Content, RoundCall>) {
          return worker_of(content.partition);
        } else {
          return static_cast<uint8_t>(content.id >> 56);
        }
      },
      message);
}

}  // namespace

void Node::send_frame(NodeId to, std::string_view frame) {
  const auto address = peer_addresses_.find(to);
  if (address != peer_addresses_.end()) {
    links_->send(address->second, frame);
  }
}

// A peer's frame holds messages for several workers: each gets its own in a frame of its own.
void Node::route_data(NodeId from, const Frame& frame) {
  if (!router_) {
    return;
  }
  const auto hand_over = [&](size_t worker) {
    if (routed_[worker].message_count() > 0) {
      std::string bytes(routed_[worker].finish(frame.header.origin));
      routed_[worker].clear();
      workers_.front()->send_to(static_cast<uint8_t>(worker), ArrivedFrame{from, std::move(bytes)});
    }
  };
  ShardDriver* own = workers_.front()->driver();
  if (own != nullptr && own->partitions().layers() > 1) {
    router_->set_partitions(own->partitions());  // what is its own it gets as it is read here
  }
  router_->start(frame);
  workers_.front()->refresh_now();
  const auto worker_of = [this](uint16_t partition) { return this->worker_of(partition); };
  while (const Message* message = router_->next()) {
    const uint8_t receiver = receiver_of(*message, worker_of);
    if (receiver == 0 && own != nullptr) {
      own->receive(from, *message);
    } else if (receiver != 0 && receiver < worker_count_ && !routed_[receiver].append(*message)) {
      hand_over(receiver);
      static_cast<void>(routed_[receiver].append(*message));
    }
  }
  for (size_t worker = 1; worker < workers_.size(); ++worker) {
    hand_over(worker);
  }
}

FrameOrigin Node::origin() const {
  return document_ == nullptr
             ? FrameOrigin{}
             : FrameOrigin{document_->cluster_id, document_->generation, document_->epoch};
}

void Node::flush_all(Asker asker) {
  const FlushToken token = ++last_question_;
  flushes_[token] = asker;
  membership_->request_flush(token, local_time());
  after_membership_step();
}

void Node::flush_done(FlushToken token, std::string_view error) {
  const auto found = flushes_.find(token);
  if (found == flushes_.end()) {
    return;
  }
  Worker& worker = *workers_[found->second.worker];
  worker.post_errand([&worker, token = found->second.token, text = std::string(error)] {
    worker.hub().status_done(token, std::string(text));
  });
  flushes_.erase(found);
}

void Node::count_keys(Asker asker) {
  question_timer_->start(kQuestionCheckMs, kQuestionCheckMs);
  const uint32_t partitions = document_ != nullptr ? document_->ring.partition_count() : 0;
  key_counts_.begin(asker, partitions, config_->request_timeout_ms, Loop::mono_us());
}

// Copies that are whole count right, others perhaps; what this node holds needs no asking.
std::vector<NodeId> Node::owners_in_reach(uint16_t partition) {
  const LiveMembers members = live_members();
  const std::span<const NodeId> owners = document_->serving_owners(partition);
  std::vector<NodeId> in_reach;
  for (const std::vector<NodeId>* wanted : {&members.whole, &members.live}) {
    for (const NodeId owner : owners) {
      const bool is_new = std::find(in_reach.begin(), in_reach.end(), owner) == in_reach.end();
      if (is_new && std::find(wanted->begin(), wanted->end(), owner) != wanted->end()) {
        in_reach.push_back(owner);
      }
    }
  }
  return in_reach;
}

bool Node::is_in_reach(NodeId node) {
  const std::vector<NodeId> live = live_members().live;
  return std::find(live.begin(), live.end(), node) != live.end();
}

void Node::ask_count(NodeId holder, uint64_t question, std::vector<uint16_t> partitions) {
  if (holder == self_) {
    count_own_keys(partitions,
                   [this, question](uint64_t keys) { key_counts_.answered(question, keys); });
    return;
  }
  std::string frame;
  encode_frame(FrameKind::kControl, origin(),
               encode_control(CountKeys{question, std::move(partitions)}), &frame);
  send_frame(holder, frame);
}

void Node::counted(Asker asker, uint64_t keys) {
  Worker& worker = *workers_[asker.worker];
  worker.post_errand(
      [&worker, token = asker.token, keys] { worker.hub().number_done(token, keys); });
}

void Node::count_failed(Asker asker, std::string_view error) {
  Worker& worker = *workers_[asker.worker];
  worker.post_errand([&worker, token = asker.token, text = std::string(error)] {
    worker.hub().status_done(token, std::string(text));
  });
}

// `done` runs on this thread, in a later turn.
void Node::count_own_keys(const std::vector<uint16_t>& partitions,
                          const std::function<void(uint64_t)>& done) {
  struct Sum {
    size_t missing;
    uint64_t keys = 0;
  };
  const auto sum = std::make_shared<Sum>(Sum{workers_.size()});
  post_to_all([this, partitions, sum, done](Worker& worker) {
    const uint64_t keys =
        worker.driver() != nullptr ? worker.driver()->count_live_keys(partitions) : 0;
    workers_.front()->post_errand([sum, done, keys] {
      sum->keys += keys;
      if (--sum->missing == 0) {
        done(sum->keys);
      }
    });
  });
}

void Node::end_late_questions() {
  const uint64_t now_us = Loop::mono_us();
  key_counts_.tick(now_us);
  end_late_actor_questions(now_us);
  end_late_backups(now_us);
  stop_idle_timer();
}

void Node::stop_idle_timer() {
  if (key_counts_.idle() && actor_questions_.empty() && backup_questions_.empty()) {
    question_timer_->stop();
  }
}

void Node::name_actors(Asker asker, std::vector<ActorId> actors) {
  const uint64_t id = ++last_question_;
  std::vector<NodeId> peers;
  for (const MemberStatus& status : shared_.member_statuses()) {
    if (status.up && status.id != self_) {
      peers.push_back(status.id);
    }
  }
  ActorQuestion& question = actor_questions_[id];
  question.asker = asker;
  question.actors = std::move(actors);
  question.names.resize(question.actors.size());
  question.answers_missing = peers.size() + 1;
  question.deadline_us = Loop::mono_us() + uint64_t{config_->request_timeout_ms} * 1000;
  question_timer_->start(kQuestionCheckMs, kQuestionCheckMs);
  std::string frame;
  encode_frame(FrameKind::kControl, origin(), encode_control(AskActors{id, question.actors}),
               &frame);
  for (const NodeId peer : peers) {
    send_frame(peer, frame);
  }
  find_own_actors(question.actors,
                  [this, id](const std::vector<ActorId>& own) { add_actors(id, self_, own); });
}

// `done` runs on this thread, in a later turn.
void Node::find_own_actors(const std::vector<ActorId>& actors,
                           const std::function<void(const std::vector<ActorId>&)>& done) {
  struct Found {
    size_t missing;
    std::vector<ActorId> own;
  };
  const auto found = std::make_shared<Found>(Found{workers_.size(), {}});
  post_to_all([this, actors, found, done](Worker& worker) {
    const std::vector<ActorId> own =
        worker.driver() != nullptr ? worker.driver()->own_actors(actors) : std::vector<ActorId>();
    workers_.front()->post_errand([found, done, own] {
      found->own.insert(found->own.end(), own.begin(), own.end());
      if (--found->missing == 0) {
        done(found->own);
      }
    });
  });
}

void Node::add_actors(uint64_t id, NodeId node, const std::vector<ActorId>& own) {
  const auto found = actor_questions_.find(id);
  if (found == actor_questions_.end()) {
    return;
  }
  ActorQuestion& question = found->second;
  const Member* member = document_ != nullptr ? document_->find_member(node) : nullptr;
  for (size_t i = 0; i < question.actors.size() && member != nullptr; ++i) {
    if (std::find(own.begin(), own.end(), question.actors[i]) != own.end()) {
      question.names[i] = member->name;
    }
  }
  if (--question.answers_missing > 0) {
    return;
  }
  Worker& worker = *workers_[question.asker.worker];
  worker.post_errand([&worker, token = question.asker.token, names = question.names] {
    worker.hub().keys_done(token, std::vector<std::string>(names));
  });
  actor_questions_.erase(found);
  stop_idle_timer();
}

// A node that doesn't answer leaves its actors nameless.
void Node::end_late_actor_questions(uint64_t now_us) {
  std::vector<uint64_t> late;
  for (auto& [id, question] : actor_questions_) {
    if (question.deadline_us <= now_us) {
      question.answers_missing = 1;
      late.push_back(id);
    }
  }
  for (const uint64_t id : late) {
    add_actors(id, 0, {});
  }
}

void Node::answer_control(const LinkHello& from, const ControlMessage& message) {
  if (std::holds_alternative<Yielding>(message)) {
    hear_yielding(from.node);
    return;
  }
  if (const auto* reply = std::get_if<CountKeysReply>(&message)) {
    key_counts_.answered(reply->id, reply->keys);
    return;
  }
  if (const auto* actors = std::get_if<ActorsReply>(&message)) {
    add_actors(actors->id, from.node, actors->own);
    return;
  }
  if (const auto* asked = std::get_if<MakeBackup>(&message)) {
    return answer_backup(from, *asked);
  }
  if (const auto* made = std::get_if<BackupReply>(&message)) {
    return add_backup(made->id, from.node, made->error, made->directory);
  }
  if (const auto* asked = std::get_if<AskActors>(&message)) {
    find_own_actors(asked->actors, [this, id = asked->id,
                                    address = from.peer_address](const std::vector<ActorId>& own) {
      std::string frame;
      encode_frame(FrameKind::kControl, origin(), encode_control(ActorsReply{id, own}), &frame);
      links_->send(address, frame);
    });
    return;
  }
  const CountKeys& question = std::get<CountKeys>(message);
  count_own_keys(question.partitions, [this, id = question.id,
                                       address = from.peer_address](uint64_t keys) {
    std::string frame;
    encode_frame(FrameKind::kControl, origin(), encode_control(CountKeysReply{id, keys}), &frame);
    links_->send(address, frame);
  });
}

// Peers that know no publications are left out: they would close the link.
void Node::spread(const Publication& publication) {
  if (document_ == nullptr || document_->members.size() == 1) {
    return;
  }
  std::string frame;
  encode_frame(FrameKind::kPublication, origin(), encode_publication(publication), &frame);
  for (const MemberStatus& status : shared_.member_statuses()) {
    const auto known = capabilities_.find(status.id);
    const bool takes = known != capabilities_.end() && (known->second & capability::kPubsub) != 0;
    if (status.id != self_ && status.up && takes) {
      send_frame(status.id, frame);
    }
  }
}

void Node::publish(const Publication& publication) {
  const auto shared = std::make_shared<const Publication>(publication);
  post_to_all([shared](Worker& worker) { worker.hub().publish(*shared); });
}

void Node::tell_info(Asker asker, std::vector<std::string> sections) {
  sum_worker_figures([this, asker, sections](const WorkerFigures& sum) {
    Worker& asking = *workers_[asker.worker];
    asking.post_errand([&asking, token = asker.token, text = info_text(figures(sum), sections)] {
      asking.hub().text_done(token, std::string(text));
    });
  });
}

// `done` runs on this thread, in a later turn.
void Node::sum_worker_figures(const std::function<void(const WorkerFigures&)>& done) {
  struct Sum {
    size_t missing;
    WorkerFigures figures;
  };
  const auto sum = std::make_shared<Sum>(Sum{workers_.size(), {}});
  post_to_all([this, sum, done](Worker& worker) {
    const auto taken = std::make_shared<WorkerFigures>(worker.figures());
    workers_.front()->post_errand([sum, taken, done] {
      sum->figures.add(*taken);
      if (--sum->missing == 0) {
        done(sum->figures);
      }
    });
  });
}

NodeFigures Node::figures(const WorkerFigures& sum) const {
  NodeFigures figures;
  figures.sum = sum;
  figures.links = links_->metrics();
  figures.gossip = gossip_;
  figures.swim = membership_->gossip_metrics();
  figures.version = version_;
  figures.node_name = membership_->record().name;
  figures.engine = config_->storage_engine;
  figures.durability =
      durability_word(effective_durability(config_->durability, engine_capabilities_));
  figures.node_id = membership_->self();
  if (document_ != nullptr) {
    figures.cluster_id = document_->cluster_id;
    figures.ring_epoch = document_->epoch;
    figures.ring_hash = ring_hash(document_->ring);
    figures.members_up = membership_->members_up();
    figures.members_down = document_->members.size() - figures.members_up;
    const Member* holder = document_->find_member(sum.shard.reap_held_up_by);
    figures.reap_held_up_by = holder != nullptr ? holder->name : std::string();
  }
  figures.clock_offset_ms = membership_->clock_offset_ms();
  figures.membership_rejected =
      membership_->metrics().foreign_messages + membership_->metrics().rejected_messages;
  figures.uptime_s = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started_)
          .count());
  figures.config_file = config_->config_file;
  figures.unix_ms = Loop::unix_ms();
  figures.maxclients = config_->maxclients;
  figures.rejected_connections = rejected_connections_;
  figures.inventory_damaged = inventory_damaged_ + salvaged_ranges_lost_;
  figures.storage_trouble = *std::max_element(troubles_.begin(), troubles_.end());
  figures.storage_error = trouble_text_;
  figures.saves = saves_;
  if (saves_.begun_us != 0) {
    figures.save_runs_s = (Loop::mono_us() - saves_.begun_us) / 1'000'000;
  }
  figures.port = config_->client_port();
  figures.workers = worker_count_;
  figures.loading = !ready_;
  return figures;
}

}  // namespace kindred
