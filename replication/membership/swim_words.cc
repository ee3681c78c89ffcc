#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

#include "replication/causal/bug_bank.h"
#include "replication/membership/swim.h"
#include "replication/ring/mix.h"

namespace kindred {
namespace {

constexpr uint64_t kAskSoonerUs = 100'000;
constexpr std::size_t kHelpedMax = 64;   // questions under way for others
constexpr std::size_t kLookedAtMax = 8;  // members that one exchange makes us ask
constexpr uint32_t kTellingsAStep = 3;   // a word is told so often for each doubling of the cluster
constexpr std::size_t kFixedBytes = 1 + 8 + 8 + 8 + 1 + 4;
constexpr std::size_t kRumourBytes = 8 + 8 + 1 + 1;

std::size_t bucket_of(NodeId node) {
  return ring_detail::mix(node) % Swim::kBuckets;
}

uint64_t hash_of(const Rumour& word) {
  const auto state = static_cast<uint64_t>(word.state);
  return ring_detail::mix(ring_detail::mix(word.node, word.incarnation), state << 8 | word.flags);
}

bool is_exchange(SwimKind kind) {
  return kind == SwimKind::kExchange || kind == SwimKind::kExchangeReply;
}

}  // namespace

std::size_t encoded_bytes(const SwimMessage& message) {
  const auto list_bytes = [](std::size_t count, std::size_t each_bytes) {
    return (count < 128 ? 1 : 2) + count * each_bytes;  // the count as a varint
  };
  return kFixedBytes + list_bytes(message.rumours.size(), kRumourBytes) +
         list_bytes(message.digests.size(), sizeof(uint64_t));
}

void Swim::receive(NodeId from, const SwimMessage& message, uint64_t now_us, SwimEffects* effects) {
  effects_ = effects;
  now_us_ = begin_step(now_us);
  SwimPeer* peer = find_peer(from);
  if (peer == nullptr || !is_valid(message)) {
    ++metrics_.rejected;
    end_step();
    return;
  }
  metrics_.bytes_received += encoded_bytes(message);
  hear({from, message.incarnation, SwimState::kAlive, message.flags}, Source::kItself);
  if (is_exchange(message.kind)) {
    on_exchange(*peer, message);
  } else {
    for (const Rumour& rumour : message.rumours) {
      hear(rumour, Source::kOther);
    }
  }
  switch (message.kind) {
    case SwimKind::kPing:
      on_ping(*peer, message);
      break;
    case SwimKind::kAck:
      on_ack(*peer, message);
      break;
    case SwimKind::kPingRequest:
      on_ping_request(*peer, message);
      break;
    case SwimKind::kDigest:
      on_digest(*peer, message);
      break;
    case SwimKind::kExchange:
    case SwimKind::kExchangeReply:
      break;
  }
  end_step();
}

bool Swim::is_valid(const SwimMessage& message) const {
  const auto kind = static_cast<uint8_t>(message.kind);
  const bool is_known = kind >= static_cast<uint8_t>(SwimKind::kPing) &&
                        kind <= static_cast<uint8_t>(SwimKind::kExchangeReply);
  const bool has_sane_words = std::ranges::all_of(message.rumours, [](const Rumour& rumour) {
    return rumour.incarnation > 0 && rumour.incarnation <= kIncarnationMax &&
           (rumour.state == SwimState::kAlive || rumour.is_accusation());
  });
  return is_known && has_sane_words && message.incarnation > 0 &&
         message.incarnation <= kIncarnationMax &&
         message.rumours.size() <= rumours_max(message.kind) &&
         message.digests.size() == digests_of(message.kind);
}

void Swim::send(NodeId to, SwimMessage message) {
  message.incarnation = self_.incarnation;
  message.flags = self_.flags;
  if (!is_exchange(message.kind)) {
    const uint32_t tellings = kTellingsAStep * static_cast<uint32_t>(std::bit_width(peers_.size()));
    rumours_.tell(config_.rumours_a_message, tellings, &message.rumours);
  }
  ++metrics_.messages_sent;
  metrics_.bytes_sent += encoded_bytes(message);
  effects_->sends.push_back({to, std::move(message)});
}

// A member that stands accused is told so, or it could not refute it.
void Swim::ask(SwimPeer& peer, const Rumour* accusation) {
  Question question;
  question.sequence = ++last_sequence_;
  question.member = peer.word.node;
  question.sent_us = now_us_;
  question.slept_us = paused_us_;
  const bool may_be_accused = peer.word.state == SwimState::kAlive;
  question.helpers_asked = !may_be_accused;
  question.is_judged = !may_be_accused;
  questions_.push_back(question);
  peer.probed_us = now_us_;
  if (peer.unanswered_since_us == 0) {
    peer.unanswered_since_us = now_us_;
  }
  SwimMessage ping;
  ping.kind = SwimKind::kPing;
  ping.sequence = question.sequence;
  if (accusation != nullptr) {
    ping.rumours.push_back(*accusation);
  } else if (peer.word.is_accusation()) {
    ping.rumours.push_back(peer.word);
  }
  send(peer.word.node, std::move(ping));
}

void Swim::ask_sooner(SwimPeer& peer, const Rumour* accusation) {
  if (peer.probed_us == 0 || peer.probed_us + kAskSoonerUs <= now_us_) {
    ask(peer, accusation);
  }
}

void Swim::ask_helpers(Question& question) {
  question.helpers_asked = true;
  if (question.asked_for != 0) {
    return;
  }
  std::vector<NodeId> helpers;
  for (const SwimPeer& peer : peers_) {
    if (peer.is_up && peer.word.node != question.member) {
      helpers.push_back(peer.word.node);
    }
  }
  for (uint32_t asked = 0; asked < config_.helpers && !helpers.empty(); ++asked) {
    const std::size_t chosen = random() % helpers.size();
    SwimMessage request;
    request.kind = SwimKind::kPingRequest;
    request.sequence = question.sequence;
    request.subject = question.member;
    ++metrics_.ping_requests;
    send(helpers[chosen], std::move(request));
    helpers.erase(helpers.begin() + static_cast<std::ptrdiff_t>(chosen));
  }
}

void Swim::on_ping(SwimPeer& from, const SwimMessage& message) {
  SwimMessage ack;
  ack.kind = SwimKind::kAck;
  ack.sequence = message.sequence;
  ack.subject = self_.node;
  if (from.word.overrides(
          {from.word.node, message.incarnation, SwimState::kAlive, message.flags})) {
    ack.rumours.push_back(from.word);  // it goes above what an earlier process of it left behind
  }
  send(from.word.node, std::move(ack));
  if (from.link != LinkState::kUp) {
    ask_sooner(from);
  }
}

void Swim::on_ack(SwimPeer& from, const SwimMessage& message) {
  const auto question = std::ranges::find(questions_, message.sequence, &Question::sequence);
  if (question == questions_.end() || question->member != message.subject) {
    return;  // too late to say anything
  }
  if (message.subject == from.word.node) {
    answered(from, message.sequence);
  } else {
    heard_us_ = now_us_;
    question->is_judged = true;
  }
}

void Swim::answered(SwimPeer& peer, uint64_t sequence) {
  if (sequence < peer.accepted_from) {
    return;
  }
  heard_us_ = now_us_;
  peer.answered_us = now_us_;
  peer.unanswered_since_us = 0;
  peer.link = LinkState::kUp;
  const NodeId member = peer.word.node;
  std::vector<Question> done;
  for (const Question& question : questions_) {
    if (question.member == member && question.sequence <= sequence) {
      done.push_back(question);
    } else if (question.member == member && peer.unanswered_since_us == 0) {
      peer.unanswered_since_us = question.sent_us;
    }
  }
  const uint64_t answer_us = now_us_ - done.back().sent_us;
  peer.answers.add(answer_us);
  effects_->answers.push_back({member, answer_us + paused_us_ - done.back().slept_us});
  std::erase_if(questions_, [&](const Question& question) {
    return question.member == member && question.sequence <= sequence;
  });
  for (const Question& question : done) {
    if (question.asked_for != 0) {
      SwimMessage ack;
      ack.kind = SwimKind::kAck;
      ack.sequence = question.their_sequence;
      ack.subject = member;
      ack.rumours.push_back(peer.word);
      send(question.asked_for, std::move(ack));
    }
  }
  refresh(peer);
}

void Swim::on_ping_request(SwimPeer& from, const SwimMessage& message) {
  SwimPeer* subject = find_peer(message.subject);
  const auto helped = std::ranges::count_if(
      questions_, [](const Question& question) { return question.asked_for != 0; });
  if (subject == nullptr || static_cast<std::size_t>(helped) >= kHelpedMax) {
    return;
  }
  ask(*subject);
  questions_.back().asked_for = from.word.node;
  questions_.back().their_sequence = message.sequence;
}

void Swim::begin_exchange() {
  next_exchange_us_ = now_us_ + config_.exchange_us / 2 + random() % config_.exchange_us;
  if (KINDRED_BUG(gossip_not_exchanged)) {
    return;
  }
  const std::size_t start = random() % peers_.size();
  for (std::size_t step = 0; step < peers_.size(); ++step) {
    const SwimPeer& peer = peers_[(start + step) % peers_.size()];
    if (peer.is_up) {
      SwimMessage digest;
      digest.kind = SwimKind::kDigest;
      digest.digests = digests();
      send(peer.word.node, std::move(digest));
      return;
    }
  }
}

std::vector<uint64_t> Swim::digests() const {
  std::vector<uint64_t> hashes(kBuckets, 0);
  hashes[bucket_of(self_.node)] ^= hash_of(self_);
  for (const SwimPeer& peer : peers_) {
    if (peer.word.state != SwimState::kUnknown) {
      hashes[bucket_of(peer.word.node)] ^= hash_of(peer.word);
    }
  }
  return hashes;
}

std::vector<Rumour> Swim::words_in(uint32_t buckets) const {
  std::vector<Rumour> words;
  const auto add = [&](const Rumour& word) {
    if ((buckets >> bucket_of(word.node) & 1) != 0 && word.state != SwimState::kUnknown &&
        words.size() < kExchangedMax) {
      words.push_back(word);
    }
  };
  add(self_);
  for (const SwimPeer& peer : peers_) {
    add(peer.word);
  }
  return words;
}

void Swim::on_digest(const SwimPeer& from, const SwimMessage& message) {
  const std::vector<uint64_t> ours = digests();
  SwimMessage exchange;
  exchange.kind = SwimKind::kExchange;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    exchange.buckets |= ours[bucket] != message.digests[bucket] ? uint32_t{1} << bucket : 0;
  }
  if (exchange.buckets != 0) {
    ++metrics_.exchanges;
    exchange.rumours = words_in(exchange.buckets);
    send(from.word.node, std::move(exchange));
  }
}

// Two sides of a cut hold each other for dead. What an exchange says against a member that is up
// is therefore no more than a reason to ask it, which tells it what to refute.
void Swim::on_exchange(const SwimPeer& from, const SwimMessage& message) {
  std::vector<Rumour> to_look_at;
  for (const Rumour& rumour : message.rumours) {
    if (!hear(rumour, Source::kExchange)) {
      to_look_at.push_back(rumour);
    }
  }
  for (std::size_t asked = 0; asked < kLookedAtMax && !to_look_at.empty(); ++asked) {
    const std::size_t chosen = random() % to_look_at.size();
    ask_sooner(*find_peer(to_look_at[chosen].node), &to_look_at[chosen]);
    to_look_at.erase(to_look_at.begin() + static_cast<std::ptrdiff_t>(chosen));
  }
  if (message.kind == SwimKind::kExchange) {
    SwimMessage reply;
    reply.kind = SwimKind::kExchangeReply;
    reply.buckets = message.buckets;
    reply.rumours = words_in(message.buckets);
    send(from.word.node, std::move(reply));
  }
}

// False where the word is not believed before its member was asked.
bool Swim::hear(const Rumour& rumour, Source source) {
  if (rumour.node == self_.node) {
    hear_of_self(rumour);
    return true;
  }
  SwimPeer* peer = find_peer(rumour.node);
  if (peer == nullptr || !rumour.overrides(peer->word)) {
    return true;
  }
  const bool is_first = source == Source::kItself && peer->word.state == SwimState::kUnknown;
  if (!is_first && rumour.incarnation > peer->word.incarnation + kIncarnationJumpMax &&
      !KINDRED_BUG(incarnation_unbounded)) {
    ++metrics_.rejected;
    return true;
  }
  if (source == Source::kExchange && rumour.is_accusation() && peer->is_up) {
    return false;
  }
  take_word(*peer, rumour, source);
  return true;
}

void Swim::hear_of_self(const Rumour& rumour) {
  if (rumour.incarnation > self_.incarnation + kIncarnationJumpMax &&
      !KINDRED_BUG(incarnation_unbounded)) {
    ++metrics_.rejected;
    return;
  }
  // Of an earlier process of this node, or against this one: this one's word goes above it.
  if (rumour.overrides(self_) && !(rumour.is_accusation() && KINDRED_BUG(accusation_not_refuted))) {
    self_.incarnation = rumour.incarnation + 1;
    metrics_.refutations += rumour.is_accusation() ? 1 : 0;
    rumours_.add(self_);
  }
}

void Swim::take_word(SwimPeer& peer, const Rumour& rumour, Source source) {
  peer.word = rumour;
  rumours_.add(rumour);
  peer.suspicion_ends_us = 0;
  bool is_to_be_asked = false;
  if (rumour.state == SwimState::kSuspect) {
    is_to_be_asked = answered_lately(peer);
    peer.suspicion_began_us = now_us_;
    peer.suspicion_ends_us = now_us_ + suspicion_us();
    if (std::ranges::find(suspected_, rumour.node) == suspected_.end()) {
      suspected_.push_back(rumour.node);
    }
  } else {
    const bool is_dead = rumour.state == SwimState::kDead;
    is_to_be_asked = is_dead ? answered_since_suspected(peer) : peer.link == LinkState::kDown;
    if (is_dead && peer.link == LinkState::kUp && !is_to_be_asked) {
      peer.link = LinkState::kUnknown;  // its last answer says nothing against the others' word
    }
    peer.suspicion_began_us = 0;
  }
  if (source != Source::kItself) {
    refresh(peer);  // its own word says that it reaches us, not that we reach it
  }
  if (is_to_be_asked) {
    ask_sooner(peer);
  }
}

void Swim::accuse(SwimPeer& peer) {
  ++metrics_.suspicions;
  take_word(peer, {peer.word.node, peer.word.incarnation, SwimState::kSuspect, peer.word.flags},
            Source::kOther);
}

}  // namespace kindred
