#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "replication/ring/ring.h"
#include "tests/sim/knowledge.h"

namespace kindred::sim {

class SimCluster;

/// A simulated node's number, from 1. Node ids are the nodes' own business.
using Number = uint32_t;
inline constexpr Number kNodesMax = 15;

/// What travels beside a frame, for the oracle alone.
struct Ghost {
  Knowledge met;
  std::vector<std::pair<uint32_t, Knowledge>> entries;  // of a range, by key
  uint32_t write = UINT32_MAX;                          // a request that is passed on
};

/// One frame under way.
struct Parcel {
  NodeId sender = 0;  // as its link introduced itself
  std::string frame;
  Ghost ghost;
  bool may_repeat = true;
  bool is_membership = false;
};

/// The nodes' links, as TCP makes them, over a network that delays, reorders, loses, repeats and
/// garbles frames and may be cut. Each node dials one link to each node that it speaks to; a link
/// dies with the process at its other end, and its owner hears of that at once where the machine
/// lives, else when the machine is back. A cut breaks no link: nothing arrives.
class Network {
 public:
  explicit Network(SimCluster& cluster) : cluster_(cluster) {}

  void send(Number from, Number to, std::shared_ptr<const Parcel> parcel);
  /// The process is gone: its links are, and those to it break.
  void process_ended(Number number, bool with_machine);
  void set_cut(Number from, Number to, bool is_cut) { cut_[from][to] = is_cut; }
  bool is_cut(Number from, Number to) const { return cut_[from][to]; }
  bool any_cut() const {
    return std::any_of(std::begin(cut_), std::end(cut_), [](const auto& row) {
      return std::find(std::begin(row), std::end(row), true) != std::end(row);
    });
  }
  /// A link breaks for no reason that the nodes could see.
  void reset_link(Number from, Number to);
  void heal() { cut_ = {}; }

 private:
  enum class State : uint8_t { kNone, kDialling, kPausing, kUp };
  struct Link {
    State state = State::kNone;
    uint64_t version = 0;  // grows with each change of state: timers of the past do nothing
    uint64_t process = 0;  // the other end's incarnation
    uint64_t pause_us = 0;
    std::vector<std::shared_ptr<const Parcel>> waiting;
  };

  uint64_t delay_us();
  void dial(Number from, Number to);
  void try_to_connect(Number from, Number to, uint64_t version);
  void connected(Number from, Number to);
  void break_later(Number from, Number to);
  void break_link(Number from, Number to, uint64_t version);
  void redial_later(Number from, Number to);
  void transmit(Number from, Number to, const std::shared_ptr<const Parcel>& parcel);
  void arrive(Number from, Number to, const Parcel& parcel, bool is_garbled);

  SimCluster& cluster_;
  std::array<std::array<bool, kNodesMax + 1>, kNodesMax + 1> cut_{};    // [from][to]
  std::array<std::array<Link, kNodesMax + 1>, kNodesMax + 1> links_{};  // [owner][to]
};

}  // namespace kindred::sim
