#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "replication/causal/state.h"
#include "replication/causal/write.h"

namespace kindred {
namespace {

// Every history up to some length of a few copies and clients of one key. Beside the store's states
// runs an oracle that keeps events, as sets of bits; it knows neither vectors nor merge.

using Events = uint32_t;  // bit e: event e

struct Event {
  Dot dot;
  bool is_register = false;
  bool has_value = false;
  Events kills = 0;
};

/// What a copy has learnt, event by event.
struct Learnt {
  Events met = 0;      // with all that they say
  Events vouched = 0;  // met, or vouched for by a client that read them elsewhere
  Events named = 0;    // named one by one by a client that wrote them elsewhere
  Events floors = 0;   // register events whose dots count as floor

  Events all() const { return met | vouched | named; }
  void join(const Learnt& other) {
    met |= other.met;
    vouched |= other.vouched;
    named |= other.named;
    floors |= other.floors;
  }
};

/// What a client's context stands for.
struct Held {
  Events vouched = 0;
  Events named = 0;
  Events floors = 0;
  Events all() const { return vouched | named; }
};

struct Client {
  ClientContext context;
  Held held;
};

constexpr size_t kCopiesMax = 3;
constexpr size_t kClientsMax = 2;

struct World {
  std::array<State, kCopiesMax> copies;
  std::array<Learnt, kCopiesMax> learnt;
  std::array<Client, kClientsMax> clients;
  std::vector<Event> events;
};

struct Size {
  size_t copies = 2;
  size_t clients = 1;
  int steps = 5;
  std::array<int, kCopiesMax> skews{};
};

enum class Write { kPut, kRemove, kBlind, kSet, kDelete };

class Worlds {
 public:
  explicit Worlds(const Size& size) : size_(size) {}

  void explore() { walk(World{}, size_.steps); }
  uint64_t worlds() const { return worlds_; }
  uint64_t with_siblings() const { return with_siblings_; }

 private:
  static constexpr ActorId actor_of(size_t copy) { return 101 + copy; }

  static Dot floor_of(const World& world, Events floors) {
    Dot floor;
    for (Events rest = floors; rest != 0; rest &= rest - 1) {
      floor = std::max(floor, world.events[static_cast<size_t>(std::countr_zero(rest))].dot);
    }
    return floor;
  }

  /// The events whose values a copy must show.
  static Events alive(const World& world, const Learnt& learnt) {
    const Dot floor = floor_of(world, learnt.floors);
    Events dead = 0;
    Events shown = 0;
    for (Events rest = learnt.met; rest != 0; rest &= rest - 1) {
      const auto e = static_cast<size_t>(std::countr_zero(rest));
      const Event& event = world.events[e];
      dead |= event.kills;
      if (event.has_value && !(event.is_register && event.dot < floor)) {
        shown |= Events{1} << e;
      }
    }
    return shown & ~dead;
  }

  static Events shown(const World& world, const State& state) {
    Events result = 0;
    for (const Sibling& sibling : state.siblings) {
      for (size_t e = 0; e < world.events.size(); ++e) {
        if (world.events[e].dot == sibling.dot) {
          result |= Events{1} << e;
        }
      }
    }
    return result;
  }

  void check(const World& world, size_t copy) {
    ++worlds_;
    const State& state = world.copies[copy];
    const Events expected = alive(world, world.learnt[copy]);
    if (shown(world, state) != expected ||
        state.floor != floor_of(world, world.learnt[copy].floors)) {
      if (++failures_ <= 3) {
        ADD_FAILURE() << "after " << world.events.size() << " events copy " << copy << " shows "
                      << shown(world, state) << ", expected " << expected;
      }
    }
    with_siblings_ += state.siblings.size() > 1 ? 1 : 0;
  }

  void go_on(const World& world, size_t changed_copy, int steps) {
    check(world, changed_copy);
    walk(world, steps);
  }

  void walk(const World& world, int steps) {
    if (steps == 0 || failures_ > 3) {
      return;
    }
    for (size_t copy = 0; copy < size_.copies; ++copy) {
      for (size_t client = 0; client < size_.clients; ++client) {
        read(world, copy, client, steps - 1);
        write(world, Write::kBlind, copy, client, steps - 1);
        if (!world.clients[client].context.empty()) {
          write(world, Write::kPut, copy, client, steps - 1);
          write(world, Write::kRemove, copy, client, steps - 1);
        }
      }
      write(world, Write::kSet, copy, 0, steps - 1);
      write(world, Write::kDelete, copy, 0, steps - 1);
      for (size_t from = 0; from < size_.copies; ++from) {
        if (from != copy && !includes(world.copies[copy], world.copies[from])) {
          World next = world;
          next.copies[copy] = merge(world.copies[copy], world.copies[from]);
          next.learnt[copy].join(world.learnt[from]);
          go_on(next, copy, steps - 1);
        }
      }
    }
  }

  void read(const World& world, size_t copy, size_t client, int steps) {
    if (steps == 0) {
      return;  // a last read changes nothing that is looked at
    }
    const State& state = world.copies[copy];
    const Learnt& learnt = world.learnt[copy];
    Client reader;
    reader.context = context_of_read(state);
    reader.held.floors = learnt.floors;
    // All events of the actors shown; of a tombstone, all events.
    const Events siblings = alive(world, learnt);
    for (Events rest = learnt.vouched; rest != 0; rest &= rest - 1) {
      const auto e = static_cast<size_t>(std::countr_zero(rest));
      bool is_shown = siblings == 0;
      for (Events s = siblings; s != 0; s &= s - 1) {
        is_shown |= world.events[static_cast<size_t>(std::countr_zero(s))].dot.actor ==
                    world.events[e].dot.actor;
      }
      reader.held.vouched |= is_shown ? Events{1} << e : 0;
    }
    if (reader.context == world.clients[client].context) {
      return;
    }
    World next = world;
    next.clients[client] = reader;
    walk(next, steps);
  }

  void write(const World& world, Write kind, size_t copy, size_t client, int steps) {
    World next = world;
    State& state = next.copies[copy];
    Learnt& learnt = next.learnt[copy];
    Client writer;
    if (kind == Write::kPut || kind == Write::kRemove) {
      writer = world.clients[client];
    }
    const int clock = 2 * (static_cast<int>(world.events.size()) + 1) + size_.skews[copy];
    const Stamp stamp = std::max({state.highest_stamp() + 1, writer.context.highest_stamp() + 1,
                                  static_cast<Stamp>(std::max(clock, 1))});
    Event event;
    event.dot = {stamp, actor_of(copy)};
    event.is_register = kind == Write::kSet || kind == Write::kDelete;
    event.has_value = kind != Write::kRemove && kind != Write::kDelete;
    event.kills = event.is_register ? learnt.all() : writer.held.all();
    NewVersion version;
    version.dot = event.dot;
    const NewVersion* given = event.has_value ? &version : nullptr;
    if (event.is_register) {
      apply_register(state, event.dot, given);
    } else {
      apply_put(state, writer.context, event.dot, given);
    }
    const Events own = Events{1} << world.events.size();
    next.events.push_back(event);
    learnt.met |= own;
    learnt.vouched |= own | writer.held.vouched;
    learnt.named |= writer.held.named;
    learnt.floors |= writer.held.floors | (event.is_register ? own : 0);
    if (!event.is_register) {
      writer.context = context_of_put(writer.context, state, event.dot);
      writer.held.named = (writer.held.named & ~learnt.vouched) | own;
      next.clients[client] = writer;
    }
    go_on(next, copy, steps);
  }

  Size size_;
  uint64_t worlds_ = 0;
  uint64_t with_siblings_ = 0;
  int failures_ = 0;
};

class SmallWorlds : public ::testing::TestWithParam<Size> {};

TEST_P(SmallWorlds, EveryCopyShowsWhatItsEventsSay) {
  Worlds worlds(GetParam());
  worlds.explore();
  RecordProperty("worlds", static_cast<int>(worlds.worlds()));
  EXPECT_GT(worlds.worlds(), 10'000U);
  EXPECT_GT(worlds.with_siblings(), 1'000U);
}

INSTANTIATE_TEST_SUITE_P(Clocks, SmallWorlds,
                         ::testing::Values(Size{2, 1, 5, {0, 0, 0}}, Size{2, 1, 6, {7, 0, 0}},
                                           Size{2, 2, 5, {0, 0, 0}}, Size{2, 2, 5, {-1, 7, 0}},
                                           Size{2, 2, 6, {7, 0, 0}}, Size{3, 1, 5, {0, 0, 0}},
                                           Size{3, 1, 5, {7, 0, -1}}));

}  // namespace
}  // namespace kindred
