#include "replication/membership/swim.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "replication/causal/bug_bank.h"
#include "replication/ring/mix.h"

namespace kindred {
namespace {

constexpr double kLatePhi = 3;
constexpr double kSilencePhi = 8;
constexpr uint64_t kPauseUs = 300'000;  // a step later than that: this node itself stood still
constexpr std::size_t kDoubtfulMax = 16;

}  // namespace

Swim::Swim(NodeId self, SwimConfig config, uint64_t prng_seed)
    : self_{self, 1, SwimState::kAlive, 0},
      config_(config),
      late_deviations_(deviations_at_phi(kLatePhi)),
      silence_deviations_(deviations_at_phi(kSilencePhi)),
      prng_state_(ring_detail::mix(self, prng_seed)),
      last_sequence_(random() >> 1) {}

void Swim::set_members(std::span<const NodeId> others) {
  std::vector<SwimPeer> peers;
  for (const NodeId id : others) {
    const SwimPeer* known = find_peer(id);
    peers.push_back(known != nullptr ? *known : SwimPeer{});
    peers.back().word.node = id;
  }
  std::ranges::sort(peers, {}, [](const SwimPeer& peer) { return peer.word.node; });
  peers_ = std::move(peers);
  round_.clear();
  const auto is_gone = [this](NodeId id) { return find_peer(id) == nullptr; };
  std::erase_if(suspected_, is_gone);
  std::erase_if(questions_, [&](const Question& each) { return is_gone(each.member); });
  for (Question& question : questions_) {
    question.asked_for = is_gone(question.asked_for) ? 0 : question.asked_for;
  }
  if (now_us_ != 0) {
    end_step();
  }
}

void Swim::set_flags(uint8_t flags) {
  if (flags != self_.flags) {
    self_.flags = flags;
    ++self_.incarnation;
    rumours_.add(self_);
  }
}

void Swim::look_at(NodeId member, uint64_t now_us, SwimEffects* effects) {
  effects_ = effects;
  now_us_ = begin_step(now_us);
  if (SwimPeer* peer = find_peer(member); peer != nullptr && peer->link != LinkState::kUp) {
    ask_sooner(*peer);
  }
  end_step();
}

void Swim::expect(NodeId member, uint64_t now_us, SwimEffects* effects) {
  effects_ = effects;
  now_us_ = begin_step(now_us);
  SwimPeer* peer = find_peer(member);
  if (peer != nullptr && peer->link == LinkState::kUnknown &&
      peer->word.state == SwimState::kUnknown) {
    if (!peer->is_up) {
      peer->is_up = true;
      effects_->changes.push_back({member, true});
    }
    ask_sooner(*peer);
  }
  end_step();
}

void Swim::link_lost(NodeId member, uint64_t now_us, SwimEffects* effects) {
  effects_ = effects;
  now_us_ = begin_step(now_us);
  if (SwimPeer* peer = find_peer(member); peer != nullptr && peer->link != LinkState::kDown) {
    const bool was_asked = peer->link == LinkState::kUp || peer->unanswered_since_us != 0;
    link_failed(*peer);
    if (was_asked && peer->word.state == SwimState::kAlive) {
      ask(*peer);
      ask_helpers(questions_.back());
    }
  }
  end_step();
}

void Swim::tick(uint64_t now_us, SwimEffects* effects) {
  effects_ = effects;
  now_us_ = begin_step(now_us);
  expire_questions();
  expire_suspicions();
  if (!peers_.empty() && next_period_us_ <= now_us_) {
    begin_period();
    if (next_exchange_us_ < next_period_us_) {
      begin_exchange();  // due before this node is awake again
    }
  }
  end_step();
}

uint64_t Swim::next_deadline_us() const {
  return deadline_us_ == kNever ? kNever : deadline_us_ + paused_us_;
}

void Swim::clear_gossip() {
  for (SwimPeer& peer : peers_) {
    peer.word = {peer.word.node, 0, SwimState::kUnknown, 0};
    peer.suspicion_ends_us = 0;
  }
  suspected_.clear();
  rumours_.clear();
}

const SwimPeer* Swim::find(NodeId member) const {
  const auto found = std::ranges::lower_bound(peers_, member, {},
                                              [](const SwimPeer& peer) { return peer.word.node; });
  return found == peers_.end() || found->word.node != member ? nullptr : &*found;
}

SwimPeer* Swim::find_peer(NodeId member) {
  return const_cast<SwimPeer*>(std::as_const(*this).find(member));
}

double Swim::phi(const SwimPeer& peer) const {
  return peer.unanswered_since_us == 0 ? 0 : peer.answers.phi(now_us_ - peer.unanswered_since_us);
}

bool Swim::is_up(NodeId member) const {
  const SwimPeer* peer = find(member);
  return member == self_.node || (peer != nullptr && peer->is_up);
}

std::size_t Swim::up_count() const {
  return 1 + static_cast<std::size_t>(std::ranges::count_if(peers_, &SwimPeer::is_up));
}

// The step's time on a clock that stands still while this node does. A paused node would otherwise
// take all answers that it slept through for missing ones.
uint64_t Swim::begin_step(uint64_t now_us) {
  const uint64_t awake_us = std::max(now_us - std::min(now_us, paused_us_), now_us_);
  if (now_us_ == 0) {
    heard_us_ = awake_us;
    next_period_us_ = awake_us + random() % config_.period_us;
    next_exchange_us_ = awake_us + random() % config_.exchange_us;
    return awake_us;
  }
  if (deadline_us_ != kNever && awake_us > deadline_us_ + kPauseUs &&
      !KINDRED_BUG(own_pause_blamed)) {
    const uint64_t resumed_us = std::max(deadline_us_, now_us_);
    paused_us_ += awake_us - resumed_us;
    return resumed_us;
  }
  return awake_us;
}

void Swim::end_step() {
  deadline_us_ = std::max(deadline(), now_us_);
  effects_ = nullptr;
}

uint64_t Swim::deadline() const {
  if (peers_.empty()) {
    return kNever;
  }
  uint64_t next = next_period_us_;
  for (const Question& question : questions_) {
    const SwimPeer* peer = find(question.member);
    next = std::min(next, question.sent_us + config_.silence_us_max);
    if (!question.helpers_asked) {
      next = std::min(next, question.sent_us + late_us(*peer));
    }
    if (!question.is_judged) {
      next = std::min(next, question.sent_us + config_.period_us);
    }
    if (peer->link != LinkState::kDown && peer->unanswered_since_us != 0) {
      next = std::min(next, peer->unanswered_since_us + silence_us(*peer));
    }
  }
  for (const NodeId id : suspected_) {
    next = std::min(next, find(id)->suspicion_ends_us);
  }
  return next;
}

// Where the link has nothing to say and no word was heard, the opinion stays as it was.
void Swim::refresh(SwimPeer& peer) {
  bool is_up = peer.is_up;
  if (peer.link != LinkState::kUnknown) {
    is_up = peer.link == LinkState::kUp;
  } else if (peer.word.state != SwimState::kUnknown) {
    is_up = peer.word.state != SwimState::kDead;
  }
  if (is_up != peer.is_up) {
    peer.is_up = is_up;
    effects_->changes.push_back({peer.word.node, is_up});
  }
}

void Swim::link_failed(SwimPeer& peer) {
  peer.link = LinkState::kDown;
  peer.accepted_from = last_sequence_ + 1;
  refresh(peer);
}

void Swim::begin_period() {
  next_period_us_ = now_us_ + config_.period_us;
  const uint64_t begun_us = now_us_;
  const auto count = std::min<std::size_t>(config_.fan_out, peers_.size());
  for (std::size_t probed = 0; probed < count; ++probed) {
    if (round_next_ >= round_.size()) {
      round_.clear();
      for (const SwimPeer& peer : peers_) {
        round_.push_back(peer.word.node);
      }
      for (std::size_t i = round_.size(); i > 1; --i) {
        std::swap(round_[i - 1], round_[random() % i]);
      }
      round_next_ = 0;
    }
    SwimPeer* peer = find_peer(round_[round_next_++]);
    if (peer != nullptr && peer->probed_us != begun_us) {
      ask(*peer);
    }
  }
  probe_doubtful();
  probe_one_lost();
}

// Those that owe an answer are asked again each period, so that one lost message isn't held against
// them.
void Swim::probe_doubtful() {
  std::vector<NodeId> doubtful;
  for (const Question& question : questions_) {
    const SwimPeer* peer = find(question.member);
    if (peer->probed_us != now_us_ && peer->is_up && doubtful.size() < kDoubtfulMax) {
      doubtful.push_back(question.member);
    }
  }
  for (const NodeId id : doubtful) {
    SwimPeer* peer = find_peer(id);
    if (peer->probed_us != now_us_) {
      ask(*peer);
    }
  }
}

// One member that is down, in turn: so a cut that heals is noticed however many are beyond it.
void Swim::probe_one_lost() {
  SwimPeer* next = nullptr;
  for (SwimPeer& peer : peers_) {
    if (!peer.is_up &&
        (next == nullptr || (peer.word.node > lost_last_ && next->word.node <= lost_last_))) {
      next = &peer;
    }
  }
  if (next != nullptr) {
    lost_last_ = next->word.node;
    if (next->probed_us != now_us_) {
      ask(*next);
    }
  }
}

// No answer, neither to us nor to a helper. Whom nobody answers is himself cut off, and accuses
// nobody.
void Swim::judge(Question& question) {
  question.is_judged = true;
  SwimPeer* peer = find_peer(question.member);
  const bool is_isolated = heard_us_ <= question.sent_us;
  if (!is_isolated && peer->word.state == SwimState::kAlive) {
    accuse(*peer);
  }
}

void Swim::expire_questions() {
  for (std::size_t i = 0; i < questions_.size(); ++i) {
    Question& question = questions_[i];
    SwimPeer* peer = find_peer(question.member);
    if (!question.helpers_asked && question.sent_us + late_us(*peer) <= now_us_) {
      ask_helpers(question);
    }
    if (!question.is_judged && question.sent_us + config_.period_us <= now_us_) {
      judge(question);
    }
    if (peer->link != LinkState::kDown && peer->unanswered_since_us != 0 &&
        peer->unanswered_since_us + silence_us(*peer) <= now_us_) {
      link_failed(*peer);
    }
  }
  std::erase_if(questions_, [this](const Question& question) {
    return question.sent_us + config_.silence_us_max <= now_us_;
  });
}

void Swim::expire_suspicions() {
  std::vector<NodeId> due;
  std::erase_if(suspected_, [&](NodeId id) {
    const uint64_t ends_us = find(id)->suspicion_ends_us;
    if (ends_us != 0 && ends_us <= now_us_) {
      due.push_back(id);
    }
    return ends_us <= now_us_;
  });
  for (const NodeId id : due) {
    SwimPeer* peer = find_peer(id);
    if (answered_since_suspected(*peer)) {
      // It answers us, and has been told with the question: its refutation is on the way.
      peer->suspicion_ends_us = now_us_ + suspicion_us();
      suspected_.push_back(id);
      ask_sooner(*peer);
    } else {
      take_word(*peer, {id, peer->word.incarnation, SwimState::kDead, peer->word.flags},
                Source::kOther);
    }
  }
}

bool Swim::answered_lately(const SwimPeer& peer) const {
  return peer.link == LinkState::kUp &&
         now_us_ < peer.answered_us + config_.silence_us_max + config_.period_us;
}

bool Swim::answered_since_suspected(const SwimPeer& peer) const {
  return peer.link == LinkState::kUp &&
         (peer.suspicion_began_us != 0 ? peer.answered_us > peer.suspicion_began_us
                                       : now_us_ < peer.answered_us + config_.silence_us_min);
}

uint64_t Swim::late_us(const SwimPeer& peer) const {
  return std::clamp(peer.answers.elapsed_us_at(late_deviations_), config_.late_us_min,
                    config_.late_us_max);
}

uint64_t Swim::silence_us(const SwimPeer& peer) const {
  return std::clamp(peer.answers.elapsed_us_at(silence_deviations_), config_.silence_us_min,
                    config_.silence_us_max);
}

uint64_t Swim::suspicion_us() const {
  return config_.suspicion_us + config_.suspicion_step_us * std::bit_width(peers_.size());
}

uint64_t Swim::random() {
  return ring_detail::mix(++prng_state_);
}

}  // namespace kindred
