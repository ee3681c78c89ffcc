/* Compiled once for each PLUGIN_ macro. PLUGIN_PURE_C is an engine that holds one record, of key
 * "key", and answers with the codes and messages that it is asked for by key. */
#include <stdlib.h>
#include <string.h>

#include "plugins/api/abi.h"

#ifdef PLUGIN_NOT_A_PLUGIN
int some_library_function(void);
int some_library_function(void) {
  return 42;
}
#else

struct kindred_engine {
  char value[64];
  size_t value_size;
  int pins;
};

static int32_t open_engine(const kindred_open_options* options, kindred_engine** engine,
                           kindred_error* error) {
  if (options->settings_count == 1 && strcmp(options->settings[0].name, "fail") == 0) {
    /* On purpose without a terminating 0 where the message is long. */
    const size_t size = strlen(options->settings[0].value) + 1;
    const size_t room = sizeof(error->message);
    memcpy(error->message, options->settings[0].value, size < room ? size : room);
    return KINDRED_NO_SPACE;
  }
  if (options->settings_count == 1 && strcmp(options->settings[0].name, "nothing") == 0) {
    return KINDRED_OK;
  }
  *engine = calloc(1, sizeof(kindred_engine));
  return KINDRED_OK;
}

static int32_t close_engine(kindred_engine* engine, kindred_error* error) {
  (void)error;
  if (engine->pins != 0) {
    abort();
  }
  free(engine);
  return KINDRED_OK;
}

static int is_key(kindred_bytes bytes, const char* key) {
  return bytes.size == strlen(key) && memcmp(bytes.data, key, bytes.size) == 0;
}

static int32_t get(kindred_engine* engine, kindred_bytes key, kindred_value_sink sink,
                   void* context, kindred_error* error) {
  kindred_bytes value;
  if (is_key(key, "odd")) {
    strcpy(error->message, "odd key");
    return 4711;
  }
  if (!is_key(key, "key") || engine->value_size == 0) {
    return KINDRED_NOT_FOUND;
  }
  value.data = engine->value;
  value.size = engine->value_size;
  sink(context, 0, value);
  return KINDRED_OK;
}

static int32_t apply(kindred_engine* engine, const kindred_write* writes, size_t count,
                     int32_t durability, kindred_error* error) {
  size_t i;
  (void)error;
  if (durability == KINDRED_DURABILITY_GROUP) {
    return KINDRED_NOT_SUPPORTED;
  }
  for (i = 0; i < count; ++i) {
    if (!is_key(writes[i].key, "key") || writes[i].value.size > sizeof(engine->value)) {
      return KINDRED_NO_SPACE;
    }
    engine->value_size = writes[i].kind == KINDRED_WRITE_PUT ? writes[i].value.size : 0;
    if (engine->value_size > 0) {
      memcpy(engine->value, writes[i].value.data, engine->value_size);
    }
  }
  return KINDRED_OK;
}

static int32_t scan(kindred_engine* engine, kindred_bytes begin, kindred_bytes end,
                    kindred_visitor visitor, void* context, kindred_error* error) {
  kindred_bytes key = {"key", 3};
  kindred_bytes value;
  (void)begin;
  (void)end;
  (void)error;
  value.data = engine->value;
  value.size = engine->value_size;
  if (value.size > 0) {
    (void)visitor(context, key, value);
  }
  return KINDRED_OK;
}

static int32_t erase(kindred_engine* engine, kindred_bytes begin, kindred_bytes end,
                     kindred_error* error) {
  (void)begin;
  (void)end;
  (void)error;
  engine->value_size = 0;
  return KINDRED_OK;
}

static int32_t try_get(kindred_engine* engine, kindred_bytes key, kindred_pin* pin) {
  if (!is_key(key, "key")) {
    return KINDRED_NOT_FOUND;
  }
  pin->value.data = engine->value;
  pin->value.size = engine->value_size;
  pin->pin = engine;
  ++engine->pins;
  return KINDRED_OK;
}

static void release_pin(kindred_engine* engine, void* pin) {
  if (pin != engine) {
    abort();
  }
  --engine->pins;
}

static void stats(kindred_engine* engine, kindred_stat_sink sink, void* context) {
  sink(context, "records", engine->value_size > 0 ? 1 : 0);
  sink(context, "pins", (uint64_t)engine->pins);
}

const kindred_engine_plugin* kindred_engine_plugin_entry(void) {
  static kindred_engine_plugin table;
  table.abi_version = KINDRED_ENGINE_ABI_VERSION;
  table.struct_size = sizeof(table);
  table.name = "pure-c";
  table.format_version = 3;
  table.capabilities = KINDRED_CAP_TRY_GET | (UINT64_C(1) << 60);
  table.open = open_engine;
  table.close = close_engine;
  table.get = get;
  table.apply = apply;
  table.scan = scan;
  table.erase = erase;
  table.try_get = try_get;
  table.release_pin = release_pin;
  table.stats = stats;
#ifdef PLUGIN_WRONG_VERSION
  table.abi_version = 999;
#endif
#ifdef PLUGIN_SHORT_TABLE
  table.struct_size = 16;
#endif
#ifdef PLUGIN_NO_NAME
  table.name = "";
#endif
#ifdef PLUGIN_MISSING_SCAN
  table.scan = NULL;
#endif
#ifdef PLUGIN_MISSING_TRY_GET
  table.try_get = NULL;
#endif
  return &table;
}
#endif
