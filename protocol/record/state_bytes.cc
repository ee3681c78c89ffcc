#include "protocol/record/state_bytes.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "protocol/record/bytes.h"
#include "protocol/record/client_context.h"

namespace kindred {

namespace {

constexpr uint8_t kFormat = 1;
// A hint's: its reap round (u64) follows, then the state as in format 1.
constexpr uint8_t kFormatWithRound = 2;
constexpr size_t kRoundBytes = 1 + sizeof(uint64_t);

// Shape byte: bits 0-2 number of vector entries, 3 single dots follow, 4-5 number of siblings,
// 6-7 where the floor is. A number that its bits can't hold has them all set, and what is above
// that follows as a varint; so each number has one encoding.
constexpr unsigned kManyEntries = 7;
constexpr unsigned kHasDots = 1U << 3;
constexpr unsigned kSiblingsShift = 4;
constexpr unsigned kManySiblings = 3;
constexpr unsigned kFloorShift = 6;

// The first that fits is the canonical one.
enum class FloorPlace : uint8_t { kNone = 0, kLastSibling, kReference, kExplicit };

// Head byte of a sibling: these flags, above them the index of its reference.
constexpr unsigned kIsRegister = 1U << 0;
constexpr unsigned kHasExpiry = 1U << 1;
constexpr unsigned kHasType = 1U << 2;
constexpr unsigned kIsOlder = 1U << 3;
constexpr unsigned kIndexShift = 4;
constexpr unsigned kLargeIndex = 15;

// What SETs leave behind, by far the most of all states: a few entries, no single dots, and one
// string that never expires, a register under one of the entries with the floor at it. These are
// read and written in a straight line; to all others, and to damaged bytes, that says no and leaves
// them to the general way.
constexpr unsigned kPlainShape =
    (1U << kSiblingsShift) | (static_cast<unsigned>(FloorPlace::kLastSibling) << kFloorShift);
constexpr unsigned kHeadFlags = (1U << kIndexShift) - 1;

constexpr size_t kSiblingHeadBytesMax = 1 + kVarintBytesMax + 1 + 8 + 8 + kVarintBytesMax;
constexpr size_t kFixedBytesMax =
    kRoundBytes + 2 + 3 * kVarintBytesMax + kDotBytes + kVarintBytesMax;

// A dot that the context covers, told by its place there: the vector's entries count from zero,
// the single dots after them. An older dot has the entry's actor and a stamp of its own below it.
struct Reference {
  size_t index = 0;
  bool is_older = false;
};

bool find_reference(const CausalContext& context, const Dot& dot, Reference* reference) {
  const auto vector = context.vector();
  for (size_t i = 0; i < vector.size() && vector[i].actor <= dot.actor; ++i) {
    if (vector[i].actor == dot.actor && dot.stamp <= vector[i].stamp) {
      *reference = {i, dot.stamp < vector[i].stamp};
      return true;
    }
  }
  const auto dots = context.dots();
  const auto place = std::lower_bound(dots.begin(), dots.end(), dot);
  if (place == dots.end() || *place != dot) {
    return false;
  }
  *reference = {vector.size() + static_cast<size_t>(place - dots.begin()), false};
  return true;
}

// Reads the stamp of an older dot. False where nothing has that index or the stamp isn't older.
bool resolve(ByteReader& reader, const CausalContext& context, uint64_t index, bool is_older,
             Dot* dot) {
  const auto vector = context.vector();
  if (index < vector.size()) {
    const CausalContext::Entry& entry = vector[index];
    dot->actor = entry.actor;
    dot->stamp = is_older ? reader.u64() : entry.stamp;
    return !is_older || (dot->stamp != 0 && dot->stamp < entry.stamp);
  }
  const auto dots = context.dots();
  index -= vector.size();
  if (is_older || index >= dots.size()) {
    return false;
  }
  *dot = dots[index];
  return true;
}

FloorPlace place_of_floor(const State& state, Reference* reference) {
  if (state.floor.is_zero()) {
    return FloorPlace::kNone;
  }
  if (!state.siblings.empty() && state.siblings.back().dot == state.floor) {
    return FloorPlace::kLastSibling;
  }
  return find_reference(state.context, state.floor, reference) ? FloorPlace::kReference
                                                               : FloorPlace::kExplicit;
}

void require(bool holds, const char* invariant) {
  if (!holds) [[unlikely]] {
    std::fprintf(stderr, "state invariant broken: %s\n", invariant);
    std::abort();
  }
}

char* store_floor(char* to, const State& state, FloorPlace place, const Reference& reference) {
  if (place == FloorPlace::kExplicit) {
    return store_dot(to, state.floor);
  }
  if (place == FloorPlace::kReference) {
    to = store_varint(to, (reference.index << 1) | (reference.is_older ? 1 : 0));
    return reference.is_older ? store_le(to, state.floor.stamp) : to;
  }
  return to;
}

char* store_sibling_head(char* to, const CausalContext& context, const Sibling& sibling) {
  Reference reference;
  require(find_reference(context, sibling.dot, &reference), "the context covers every sibling");
  const size_t index_bits = std::min<size_t>(reference.index, kLargeIndex);
  *to++ = static_cast<char>((sibling.is_register ? kIsRegister : 0) |
                            (sibling.expire_at_ms != 0 ? kHasExpiry : 0) |
                            (sibling.type != 0 ? kHasType : 0) |
                            (reference.is_older ? kIsOlder : 0) | (index_bits << kIndexShift));
  if (index_bits == kLargeIndex) {
    to = store_varint(to, reference.index - kLargeIndex);
  }
  if (reference.is_older) {
    to = store_le(to, sibling.dot.stamp);
  }
  if (sibling.type != 0) {
    *to++ = static_cast<char>(sibling.type);
  }
  return sibling.expire_at_ms != 0 ? store_le(to, sibling.expire_at_ms) : to;
}

// One pass over a state's bytes, which refuses as soon as it can.
class StateLoader {
 public:
  StateLoader(std::string_view bytes, State* state) : reader_(bytes), state_(*state) {}

  bool load() {
    const uint8_t format = reader_.u8();
    shape_ = reader_.u8();
    const uint64_t entry_count = number(shape_ & kManyEntries, kManyEntries);
    const uint64_t dot_count = (shape_ & kHasDots) != 0 ? number(1, 1) : 0;
    const uint64_t sibling_count =
        number((shape_ >> kSiblingsShift) & kManySiblings, kManySiblings);
    return reader_.ok() && format == kFormat && (entry_count != 0 || dot_count != 0) &&
           load_causal_context(reader_, entry_count, dot_count, &state_.context) && load_floor() &&
           load_siblings(sibling_count) && reader_.complete() && is_floor_canonical();
  }

 private:
  // A count or index of which the shape or head byte holds `bits`.
  uint64_t number(unsigned bits, unsigned many) {
    if (bits < many) {
      return bits;
    }
    const uint64_t above = reader_.varint();
    if (above > UINT32_MAX) {
      reader_.fail();
      return 0;
    }
    return above + many;
  }

  FloorPlace floor_place() const { return static_cast<FloorPlace>(shape_ >> kFloorShift); }

  bool load_floor() {
    state_.floor = Dot{};
    if (floor_place() == FloorPlace::kExplicit) {
      state_.floor = load_dot(reader_);
      return state_.floor.actor != 0 && state_.floor.stamp != 0;
    }
    if (floor_place() == FloorPlace::kReference) {
      const uint64_t reference = reader_.varint();
      return resolve(reader_, state_.context, reference >> 1, (reference & 1) != 0, &state_.floor);
    }
    return true;
  }

  bool load_siblings(uint64_t count) {
    state_.siblings.clear();
    for (uint64_t i = 0; i < count; ++i) {
      const unsigned head = reader_.u8();  // fails where the input has ended, so none is made
      if (!reader_.ok() || !load_sibling(head, i + 1 == count, &state_.siblings.emplace_back())) {
        return false;
      }
      if (i > 0 && state_.siblings[i - 1].dot >= state_.siblings[i].dot) {
        return false;
      }
    }
    return true;
  }

  bool load_sibling(unsigned head, bool is_last, Sibling* sibling) {
    const uint64_t index = number(head >> kIndexShift, kLargeIndex);
    if (!resolve(reader_, state_.context, index, (head & kIsOlder) != 0, &sibling->dot)) {
      return false;
    }
    sibling->is_register = (head & kIsRegister) != 0;
    if ((head & kHasType) != 0) {
      sibling->type = reader_.u8();
    }
    if ((head & kHasExpiry) != 0) {
      sibling->expire_at_ms = reader_.u64();
    }
    sibling->value = Value::borrowed(is_last ? reader_.rest() : reader_.sized());
    return reader_.ok() && ((head & kHasType) != 0) == (sibling->type != 0) &&
           ((head & kHasExpiry) != 0) == (sibling->expire_at_ms != 0);
  }

  // Takes the floor from the last sibling where it is told so; refuses a floor told otherwise than
  // place_of_floor() does, and registers under it.
  bool is_floor_canonical() {
    if (floor_place() == FloorPlace::kLastSibling) {
      if (state_.siblings.empty()) {
        return false;
      }
      state_.floor = state_.siblings.back().dot;
    }
    Reference unused;
    return place_of_floor(state_, &unused) == floor_place() &&
           std::none_of(state_.siblings.begin(), state_.siblings.end(),
                        [&](const Sibling& sibling) {
                          return sibling.is_register && sibling.dot < state_.floor;
                        });
  }

  ByteReader reader_;
  State& state_;
  unsigned shape_ = 0;
};

CausalContext::Entry load_entry(const char* from) {
  return {load_le<ActorId>(from), load_le<Stamp>(from + sizeof(ActorId))};
}

bool load_plain_register(std::string_view bytes, State* state) {
  if (bytes.size() < 2 || static_cast<uint8_t>(bytes[0]) != kFormat) {
    return false;
  }
  const char* const entries = bytes.data() + 2;
  const unsigned shape = static_cast<uint8_t>(bytes[1]);
  const size_t entry_count = shape & kManyEntries;
  const size_t head_at = 2 + entry_count * kDotBytes;
  if ((shape & ~kManyEntries) != kPlainShape || entry_count == kManyEntries ||
      bytes.size() <= head_at) {
    return false;
  }
  const unsigned head = static_cast<uint8_t>(bytes[head_at]);
  const size_t index = head >> kIndexShift;
  if ((head & kHeadFlags) != kIsRegister || index >= entry_count ||
      !state->context.assign_entries(
          entry_count, [entries](size_t i) { return load_entry(entries + i * kDotBytes); })) {
    return false;
  }
  const CausalContext::Entry entry = load_entry(entries + index * kDotBytes);
  state->floor = Dot{entry.stamp, entry.actor};
  state->siblings.clear();
  Sibling& sibling = state->siblings.emplace_back();
  sibling.dot = state->floor;
  sibling.is_register = true;
  sibling.value = Value::borrowed(bytes.substr(head_at + 1));
  return true;
}

// Null where the state is no plain register.
char* store_plain_register(char* to, const State& state) {
  const auto entries = state.context.vector();
  if (state.siblings.size() != 1 || entries.size() >= kManyEntries ||
      !state.context.dots().empty()) {
    return nullptr;
  }
  const Sibling& sibling = state.siblings[0];
  const CausalContext::Entry own{sibling.dot.actor, sibling.dot.stamp};
  const auto index =
      static_cast<size_t>(std::find(entries.begin(), entries.end(), own) - entries.begin());
  if (!sibling.is_register || sibling.expire_at_ms != 0 || sibling.type != kTypeString ||
      sibling.dot != state.floor || index == entries.size()) {
    return nullptr;
  }
  *to++ = static_cast<char>(kFormat);
  *to++ = static_cast<char>(kPlainShape | entries.size());
  to = store_causal_context(to, state.context);
  *to++ = static_cast<char>(kIsRegister | (index << kIndexShift));
  return store_bytes(to, sibling.value.bytes());
}

}  // namespace

size_t state_bytes_max(const State& state) {
  size_t size =
      kFixedBytesMax + kDotBytes * (state.context.vector().size() + state.context.dots().size());
  for (const Sibling& sibling : state.siblings) {
    size += kSiblingHeadBytesMax + sibling.value.size();
  }
  return size;
}

char* store_state(char* to, const State& state) {
  if (state.round != 0) {
    *to++ = static_cast<char>(kFormatWithRound);
    to = store_le(to, state.round);
  }
  if (char* const end = store_plain_register(to, state); end != nullptr) {
    return end;
  }
  const size_t entry_count = state.context.vector().size();
  const size_t dot_count = state.context.dots().size();
  const size_t sibling_count = state.siblings.size();
  require(entry_count + dot_count != 0, "a written state has a context");
  Reference floor_reference;
  const FloorPlace floor_place = place_of_floor(state, &floor_reference);
  *to++ = static_cast<char>(kFormat);
  *to++ = static_cast<char>(std::min<size_t>(entry_count, kManyEntries) |
                            (dot_count != 0 ? kHasDots : 0) |
                            (std::min<size_t>(sibling_count, kManySiblings) << kSiblingsShift) |
                            (static_cast<unsigned>(floor_place) << kFloorShift));
  if (entry_count >= kManyEntries) {
    to = store_varint(to, entry_count - kManyEntries);
  }
  if (dot_count != 0) {
    to = store_varint(to, dot_count - 1);
  }
  if (sibling_count >= kManySiblings) {
    to = store_varint(to, sibling_count - kManySiblings);
  }
  to = store_causal_context(to, state.context);
  to = store_floor(to, state, floor_place, floor_reference);
  for (const Sibling& sibling : state.siblings) {
    to = store_sibling_head(to, state.context, sibling);
    if (&sibling != &state.siblings.back()) {
      to = store_varint(to, sibling.value.size());
    }
    to = store_bytes(to, sibling.value.bytes());
  }
  return to;
}

bool load_state(std::string_view bytes, State* state) {
  uint64_t round = 0;
  if (bytes.size() > kRoundBytes && static_cast<uint8_t>(bytes[0]) == kFormatWithRound) {
    round = load_le<uint64_t>(bytes.data() + 1);
    bytes.remove_prefix(kRoundBytes);
    if (round == 0) {
      return false;
    }
  }
  state->round = round;
  return load_plain_register(bytes, state) || StateLoader(bytes, state).load();
}

}  // namespace kindred
