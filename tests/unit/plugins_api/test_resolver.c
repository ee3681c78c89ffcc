/* Compiled once for each RESOLVER_ macro. RESOLVER_PURE_C answers with the first value; for the key
 * "fail" it fails, for "silent" and "twice" it tells no value, or two. */
#include <string.h>

#include "plugins/api/resolver_abi.h"

static int is_key(kindred_bytes key, const char* text) {
  return key.size == strlen(text) && memcmp(key.data, text, key.size) == 0;
}

static int32_t resolve(kindred_bytes key, const kindred_bytes* values, size_t count,
                       kindred_result_sink sink, void* context, kindred_error* error) {
  if (is_key(key, "fail") || count == 0) {
    strncpy(error->message, "asked to fail", sizeof(error->message));
    return KINDRED_CORRUPTION;
  }
  if (!is_key(key, "silent")) {
    sink(context, values[0]);
  }
  if (is_key(key, "twice")) {
    sink(context, values[0]);
  }
  return KINDRED_OK;
}

const kindred_resolver_plugin* kindred_resolver_plugin_entry(void) {
  static kindred_resolver_plugin table;
  table.abi_version = KINDRED_RESOLVER_ABI_VERSION;
  table.struct_size = sizeof(table);
  table.name = "pure-c";
  table.resolve = resolve;
#ifdef RESOLVER_WRONG_VERSION
  table.abi_version = 999;
#endif
#ifdef RESOLVER_SHORT_TABLE
  table.struct_size = 16;
#endif
#ifdef RESOLVER_NO_NAME
  table.name = "";
#endif
#ifdef RESOLVER_NO_FUNCTION
  table.resolve = NULL;
#endif
  return &table;
}
