// A resolver of one's own: of concurrent values the longest wins, of equally long ones the last in
// byte order. Every node comes to the same, whatever it met first.
#include <string_view>

#include "plugins/api/resolver_abi.h"

namespace {

std::int32_t longest(kindred_bytes /*key*/, const kindred_bytes* values, std::size_t count,
                     kindred_result_sink sink, void* context, kindred_error* /*error*/) {
  if (count == 0) {
    return KINDRED_INVALID_ARGUMENT;
  }
  kindred_bytes best = values[0];
  for (std::size_t i = 1; i < count; ++i) {
    const std::string_view held(best.data, best.size);
    const std::string_view other(values[i].data, values[i].size);
    if (other.size() > held.size() || (other.size() == held.size() && other > held)) {
      best = values[i];
    }
  }
  sink(context, best);
  return KINDRED_OK;
}

constexpr kindred_resolver_plugin kPlugin = {KINDRED_RESOLVER_ABI_VERSION,
                                             sizeof(kindred_resolver_plugin), "longest", longest};

}  // namespace

const kindred_resolver_plugin* kindred_resolver_plugin_entry(void) {
  return &kPlugin;
}
