#include "tests/sim/network.h"

#include <algorithm>

#include "protocol/record/hash.h"
#include "tests/sim/cluster.h"

namespace kindred::sim {

namespace {

constexpr uint64_t kFirstPauseUs = 50'000;
constexpr uint64_t kPauseUsMax = 1'000'000;
constexpr size_t kWaitingMax = 256;
/// A membership message that takes longer may make a living member silent.
constexpr uint64_t kLateUs = 100'000;

}  // namespace

uint64_t Network::delay_us() {
  const Plan& plan = cluster_.plan();
  return plan.delay_us + cluster_.prng(Chance::kNetwork).below(plan.delay_spread_us + 1);
}

void Network::send(Number from, Number to, std::shared_ptr<const Parcel> parcel) {
  Link& link = links_[from][to];
  switch (link.state) {
    case State::kUp:
      return transmit(from, to, parcel);
    case State::kPausing:
      return;  // as the server does: what can't be sent is dropped
    case State::kNone:
      link.pause_us = kFirstPauseUs;
      dial(from, to);
      [[fallthrough]];
    case State::kDialling:
      if (link.waiting.size() < kWaitingMax) {
        link.waiting.push_back(std::move(parcel));
      }
  }
}

void Network::dial(Number from, Number to) {
  Link& link = links_[from][to];
  link.state = State::kDialling;
  const uint64_t version = ++link.version;
  cluster_.queue().after(2 * delay_us(),
                         [this, from, to, version] { try_to_connect(from, to, version); });
}

void Network::try_to_connect(Number from, Number to, uint64_t version) {
  Link& link = links_[from][to];
  if (link.version != version) {
    return;
  }
  SimNode& target = cluster_.node(to);
  if (cut_[from][to] || cut_[to][from] || !target.machine_is_up) {
    // Nobody answers; the system tries again.
    cluster_.queue().after(cluster_.prng(Chance::kNetwork).between(300'000, 1'200'000),
                           [this, from, to, version] { try_to_connect(from, to, version); });
    return;
  }
  if (target.is_up()) {
    return connected(from, to);
  }
  link.waiting.clear();
  SimNode& owner = cluster_.node(from);
  owner.later(0, [&owner, to] { owner.link_changed(to, false); });
  redial_later(from, to);
}

void Network::connected(Number from, Number to) {
  Link& link = links_[from][to];
  link.state = State::kUp;
  ++link.version;
  link.process = cluster_.node(to).incarnation;
  link.pause_us = kFirstPauseUs;
  SimNode& owner = cluster_.node(from);
  owner.later(0, [&owner, to] { owner.link_changed(to, true); });
  const std::vector<std::shared_ptr<const Parcel>> waiting = std::move(link.waiting);
  link.waiting.clear();
  for (const auto& parcel : waiting) {
    transmit(from, to, parcel);
  }
  if (links_[to][from].state == State::kPausing) {
    dial(to, from);  // the other side is there: no use in waiting
  }
}

void Network::redial_later(Number from, Number to) {
  Link& link = links_[from][to];
  link.state = State::kPausing;
  const uint64_t version = ++link.version;
  const uint64_t pause_us =
      cluster_.prng(Chance::kNetwork).between(link.pause_us / 2, link.pause_us);
  link.pause_us = std::min(2 * link.pause_us, kPauseUsMax);
  cluster_.queue().after(pause_us, [this, from, to, version] {
    if (links_[from][to].version == version) {
      dial(from, to);
    }
  });
}

void Network::break_later(Number from, Number to) {
  const uint64_t version = links_[from][to].version;
  cluster_.queue().after(delay_us(), [this, from, to, version] {
    if (!cut_[to][from]) {
      break_link(from, to, version);
    }
  });
}

void Network::break_link(Number from, Number to, uint64_t version) {
  Link& link = links_[from][to];
  if (link.state != State::kUp || link.version != version) {
    return;
  }
  SimNode& owner = cluster_.node(from);
  owner.later(0, [&owner, to] { owner.link_changed(to, false); });
  redial_later(from, to);
}

void Network::reset_link(Number from, Number to) {
  break_link(from, to, links_[from][to].version);
}

void Network::process_ended(Number number, bool with_machine) {
  for (Number other = 1; other <= cluster_.node_count(); ++other) {
    Link& own = links_[number][other];
    own.state = State::kNone;
    ++own.version;
    own.waiting.clear();
    if (!with_machine && links_[other][number].state == State::kUp) {
      break_later(other, number);
    }
  }
}

void Network::transmit(Number from, Number to, const std::shared_ptr<const Parcel>& parcel) {
  const Plan& plan = cluster_.plan();
  Prng& prng = cluster_.prng(Chance::kNetwork);
  const bool calm = cluster_.is_healing();
  cluster_.trace().mix(cluster_.queue().now_us() << 8 | from << 4 | to);
  cluster_.trace().mix(hash64(parcel->frame));
  SimNode& target = cluster_.node(to);
  const bool is_dead = !target.is_up() || links_[from][to].process != target.incarnation;
  if (is_dead || cut_[from][to] || prng.chance(calm ? 0 : plan.drop_chance)) {
    if (parcel->is_membership) {
      cluster_.membership_judge().lost(from, to);
    }
    if (is_dead && target.machine_is_up && !cut_[from][to] && !cut_[to][from]) {
      break_later(from, to);  // the system there knows no such link
    }
    return;
  }
  const bool is_garbled = !calm && prng.chance(plan.garble_chance);
  const int copies =
      parcel->may_repeat && !calm && !is_garbled && prng.chance(plan.duplicate_chance) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    uint64_t delay = delay_us();
    if (!calm && prng.chance(plan.slow_chance)) {
      delay += prng.below(plan.slow_us_max);
    }
    if (parcel->is_membership && (delay > kLateUs || is_garbled)) {
      cluster_.membership_judge().lost(from, to);
    }
    // A frame dies with the process that it was sent to, as its link does.
    target.later(delay, [this, from, to, parcel, is_garbled] {
      if (!cut_[from][to]) {
        arrive(from, to, *parcel, is_garbled);
      } else if (parcel->is_membership) {
        cluster_.membership_judge().lost(from, to);
      }
    });
  }
}

void Network::arrive(Number from, Number to, const Parcel& parcel, bool is_garbled) {
  SimNode& target = cluster_.node(to);
  if (!is_garbled) {
    if (!target.deliver(from, parcel)) {
      cluster_.oracle().fail("a frame can't be read");
    }
    return;
  }
  Parcel garbled = parcel;
  const uint64_t bit = cluster_.prng(Chance::kNetwork).below(garbled.frame.size() * 8);
  garbled.frame[bit / 8] = static_cast<char>(garbled.frame[bit / 8] ^ (1 << (bit % 8)));
  cluster_.probes().add("garbled");
  if (target.deliver(from, garbled)) {
    cluster_.oracle().fail("a garbled frame was taken for a good one");
  }
  cluster_.membership_judge().fault(from, to);
  reset_link(from, to);
}

}  // namespace kindred::sim
