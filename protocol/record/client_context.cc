#include "protocol/record/client_context.h"

namespace kindred {

size_t client_context_bytes_max(const ClientContext& context) {
  const size_t entries = context.covered.vector().size() + context.covered.dots().size();
  return 2 * kVarintBytesMax + kDotBytes * (entries + 1);
}

char* store_client_context(char* to, const ClientContext& context) {
  const bool has_floor = !context.floor.is_zero();
  to = store_varint(to, context.covered.vector().size());
  to = store_varint(to, (context.covered.dots().size() << 1) | (has_floor ? 1 : 0));
  to = store_causal_context(to, context.covered);
  return has_floor ? store_dot(to, context.floor) : to;
}

bool load_client_context(ByteReader& reader, size_t entries_max, ClientContext* context) {
  context->floor = Dot{};
  const uint64_t entry_count = reader.varint();
  const uint64_t dots_and_floor = reader.varint();
  const uint64_t dot_count = dots_and_floor >> 1;
  if (entry_count > entries_max || dot_count > entries_max - entry_count ||
      !load_causal_context(reader, entry_count, dot_count, &context->covered)) {
    reader.fail();
    return false;
  }
  if ((dots_and_floor & 1) != 0) {
    context->floor = load_dot(reader);
    if (context->floor.stamp == 0 || context->floor.actor == 0) {
      reader.fail();
    }
  }
  return reader.ok();
}

char* store_causal_context(char* to, const CausalContext& context) {
  for (const CausalContext::Entry& entry : context.vector()) {
    to = store_le(to, entry.actor);
    to = store_le(to, entry.stamp);
  }
  for (const Dot& dot : context.dots()) {
    to = store_dot(to, dot);
  }
  return to;
}

bool load_causal_context(ByteReader& reader, size_t entry_count, size_t dot_count,
                         CausalContext* context) {
  context->clear();
  const size_t elements_max = reader.remaining() / kDotBytes;
  if (entry_count > elements_max || dot_count > elements_max - entry_count) {
    reader.fail();
    return false;
  }
  const char* at = reader.raw((entry_count + dot_count) * kDotBytes).data();
  bool is_valid = reader.ok();
  for (size_t i = 0; i < entry_count && is_valid; ++i, at += kDotBytes) {
    is_valid = context->append_entry({load_le<ActorId>(at), load_le<Stamp>(at + sizeof(ActorId))});
  }
  for (size_t i = 0; i < dot_count && is_valid; ++i, at += kDotBytes) {
    is_valid = context->append_dot({load_le<Stamp>(at), load_le<ActorId>(at + sizeof(Stamp))});
  }
  if (!is_valid) {
    reader.fail();
  }
  return is_valid;
}

}  // namespace kindred
