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
  for (size_t i = 0; i < entry_count; ++i) {
    CausalContext::Entry entry;
    entry.actor = reader.u64();
    entry.stamp = reader.u64();
    if (!context->append_entry(entry)) {  // also where the input has ended: zeros are refused
      reader.fail();
      return false;
    }
  }
  for (size_t i = 0; i < dot_count; ++i) {
    if (!context->append_dot(load_dot(reader))) {
      reader.fail();
      return false;
    }
  }
  return true;
}

}  // namespace kindred
