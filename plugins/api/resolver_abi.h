/*
 * The C ABI by which resolvers load as shared objects. C99; needs abi.h beside it.
 *
 * A plugin exports one function, kindred_resolver_plugin_entry, that returns a table. Versions,
 * memory and errors follow abi.h's rules. One shared object may export an engine as well.
 *
 * Threads. resolve may be called by several threads at the same time, and runs on event loops: it
 * must not wait for anything.
 */
#pragma once

#include "plugins/api/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* C has typedef alone. NOLINTBEGIN(modernize-use-using) */

#define KINDRED_RESOLVER_ABI_VERSION 1u

/* Takes a copy of the resolved value. To be called once a resolve that succeeds. */
typedef void (*kindred_result_sink)(void* context, kindred_bytes resolved);

typedef struct kindred_resolver_plugin {
  uint32_t abi_version; /* KINDRED_RESOLVER_ABI_VERSION */
  uint32_t struct_size; /* sizeof(kindred_resolver_plugin) as the plugin was compiled */
  const char* name;     /* a-z, 0-9, '-' and '_'; no built-in's */

  /* Mandatory. Makes one value of count siblings' values, at least two and no two the same, in byte
   * order. plugins/api/resolver.h says what the result may depend on. */
  int32_t (*resolve)(kindred_bytes key, const kindred_bytes* values, size_t count,
                     kindred_result_sink sink, void* context, kindred_error* error);
} kindred_resolver_plugin;

/* What a plugin defines. The table is the plugin's and stays valid for the process's life. */
#define KINDRED_RESOLVER_PLUGIN_SYMBOL "kindred_resolver_plugin_entry"
KINDRED_PLUGIN_EXPORT const kindred_resolver_plugin* kindred_resolver_plugin_entry(void);

/* NOLINTEND(modernize-use-using) */

#ifdef __cplusplus
}
#endif
