/*
 * The C ABI by which storage engines load as shared objects. C99, no other header needed.
 *
 * A plugin exports one function, kindred_engine_plugin_entry, that returns a table. The semantics
 * of each function are those of the method of the same name in plugins/api/engine.h; this file
 * says how they cross the border.
 *
 * Versions. abi_version and struct_size stay the first two members for ever. Within one
 * abi_version, members are only appended, and enumerations and capability bits only added: the host
 * reads no member beyond the plugin's struct_size, and a plugin reads none beyond the struct_size
 * of what it is given. Anything else raises abi_version, and the host refuses the plugin by name.
 *
 * Memory. Nobody frees what the other side allocated. Bytes passed to a function belong to the
 * caller and are valid during the call. Bytes passed to a callback belong to the plugin and are
 * valid during the callback. The two things that live on are an engine, ended by close, and a pin,
 * ended by release_pin.
 *
 * Errors. Functions return one of KINDRED_OK ... and may write a message for people into the
 * caller's kindred_error. No C++ exception and no longjmp crosses the border, either way.
 *
 * Threads. Without KINDRED_CAP_THREAD_BOUND all functions on one engine may be called at the same
 * time, except close. A plugin stays loaded until the process ends.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* C has typedef alone. NOLINTBEGIN(modernize-use-using) */

#define KINDRED_ENGINE_ABI_VERSION 1u

enum {
  KINDRED_OK = 0,
  KINDRED_NOT_FOUND = 1,
  KINDRED_WOULD_BLOCK = 2,
  KINDRED_IO_ERROR = 3,
  KINDRED_NO_SPACE = 4,
  KINDRED_READ_ONLY = 5,
  KINDRED_CORRUPTION = 6,
  KINDRED_NOT_SUPPORTED = 7,
  KINDRED_INVALID_ARGUMENT = 8
};

#define KINDRED_CAP_TRY_GET (UINT64_C(1) << 0)
#define KINDRED_CAP_NONBLOCKING (UINT64_C(1) << 1)
#define KINDRED_CAP_PERSISTENT (UINT64_C(1) << 2)
#define KINDRED_CAP_CAN_SYNC (UINT64_C(1) << 3)
#define KINDRED_CAP_CHECKPOINT (UINT64_C(1) << 4)
#define KINDRED_CAP_THREAD_BOUND (UINT64_C(1) << 5)

enum { KINDRED_DURABILITY_NONE = 0, KINDRED_DURABILITY_ASYNC = 1, KINDRED_DURABILITY_GROUP = 2 };

enum { KINDRED_WRITE_PUT = 0, KINDRED_WRITE_DELETE = 1 };

/* data may be NULL when size is 0. */
typedef struct kindred_bytes {
  const char* data;
  size_t size;
} kindred_bytes;

/* One operation of a batch. value is empty for a delete. */
typedef struct kindred_write {
  uint32_t kind;
  uint32_t reserved;
  kindred_bytes key;
  kindred_bytes value;
} kindred_write;

/* Owned by the host; the plugin writes at most sizeof(message) bytes, a terminating 0 among them.
 */
typedef struct kindred_error {
  uint32_t struct_size;
  char message[508];
} kindred_error;

typedef struct kindred_setting {
  const char* name;
  const char* value;
} kindred_setting;

typedef struct kindred_open_options {
  uint32_t struct_size;
  uint32_t host_layout;
  const char* dir; /* exists, and is the engine's alone; empty for engines that don't persist */
  const kindred_setting* settings;
  size_t settings_count;
} kindred_open_options;

/* What try_get found. The bytes stay until release_pin(pin) if pin is not NULL, and in any case no
 * longer than until the next apply or erase on the engine. */
typedef struct kindred_pin {
  kindred_bytes value;
  void* pin;
} kindred_pin;

/* The plugin's own; the host only passes it back. */
typedef struct kindred_engine kindred_engine;

/* index tells which key of a multi_get is meant, and is 0 for get. Called at most once a key, with
 * the value of a found one; a key that is missing is not reported. */
typedef void (*kindred_value_sink)(void* context, size_t index, kindred_bytes value);
/* Returns 0 to stop the scan. */
typedef int32_t (*kindred_visitor)(void* context, kindred_bytes key, kindred_bytes value);
/* Called once a figure; "records", "data_bytes", "memory_bytes", "disk_bytes" have the meaning of
 * EngineStats, other names are the engine's own. */
typedef void (*kindred_stat_sink)(void* context, const char* name, uint64_t value);

typedef struct kindred_engine_plugin {
  uint32_t abi_version; /* KINDRED_ENGINE_ABI_VERSION */
  uint32_t struct_size; /* sizeof(kindred_engine_plugin) as the plugin was compiled */
  const char* name;     /* a-z, 0-9, '-' and '_' */
  uint32_t format_version;
  uint32_t reserved;
  uint64_t capabilities;

  /* Mandatory. On success *engine is set, and the host ends it by close, once. */
  int32_t (*open)(const kindred_open_options* options, kindred_engine** engine,
                  kindred_error* error);
  int32_t (*close)(kindred_engine* engine, kindred_error* error);
  int32_t (*get)(kindred_engine* engine, kindred_bytes key, kindred_value_sink sink, void* context,
                 kindred_error* error);
  int32_t (*apply)(kindred_engine* engine, const kindred_write* writes, size_t count,
                   int32_t durability, kindred_error* error);
  int32_t (*scan)(kindred_engine* engine, kindred_bytes begin, kindred_bytes end,
                  kindred_visitor visitor, void* context, kindred_error* error);
  int32_t (*erase)(kindred_engine* engine, kindred_bytes begin, kindred_bytes end,
                   kindred_error* error);

  /* Mandatory with KINDRED_CAP_TRY_GET, else may be NULL. try_get returns KINDRED_OK,
   * KINDRED_NOT_FOUND or KINDRED_WOULD_BLOCK. */
  int32_t (*try_get)(kindred_engine* engine, kindred_bytes key, kindred_pin* pin);
  void (*release_pin)(kindred_engine* engine, void* pin);

  /* Mandatory with KINDRED_CAP_CHECKPOINT, else may be NULL. */
  int32_t (*checkpoint)(kindred_engine* engine, const char* dir, kindred_error* error);

  /* May be NULL. A multi_get that fails as a whole returns the error, and no key counts. */
  void (*prefetch)(kindred_engine* engine, kindred_bytes key);
  int32_t (*multi_get)(kindred_engine* engine, const kindred_bytes* keys, size_t count,
                       kindred_value_sink sink, void* context, kindred_error* error);
  void (*stats)(kindred_engine* engine, kindred_stat_sink sink, void* context);
} kindred_engine_plugin;

#if defined(__GNUC__)
#define KINDRED_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define KINDRED_PLUGIN_EXPORT
#endif

/* What a plugin defines. The table is the plugin's and stays valid for the process's life. */
#define KINDRED_ENGINE_PLUGIN_SYMBOL "kindred_engine_plugin_entry"
KINDRED_PLUGIN_EXPORT const kindred_engine_plugin* kindred_engine_plugin_entry(void);

/* NOLINTEND(modernize-use-using) */

#ifdef __cplusplus
}
#endif
