// What a storage engine is to the store: opaque bytes in byte order.
//
// An engine knows nothing of slots, versions or quorums. Keys are non-empty strings of any bytes,
// ordered as unsigned bytes, a prefix before its extensions; values are any bytes, empty included.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "plugins/api/pinned_value.h"
#include "plugins/api/status.h"
#include "plugins/api/write_batch.h"

namespace kindred::plugins {

// What an engine promises beyond the plain calls. All default to off; the conformance suite holds
// an engine to what it claims.
struct Capabilities {
  // try_get answers without waiting for a device.
  bool try_get = false;
  // No call ever waits for a device: all of them may run on an event loop.
  bool nonblocking = false;
  // Data written with kAsync survives the end of the process, and is there after a reopen.
  bool persistent = false;
  // kGroup works: data survives the loss of power.
  bool can_sync = false;
  // checkpoint works.
  bool checkpoint = false;
  // An instance is used by one thread at a time, and needs no locks for it. The host opens one
  // instance a worker. Without it every method may be called from any thread at any time, close
  // and the destructor excepted.
  bool thread_bound = false;

  bool operator==(const Capabilities&) const = default;
};

enum class Durability : std::uint8_t {
  // May be lost with the process.
  kNone,
  // Handed to the operating system before apply returns: survives the process, not the machine.
  kAsync,
  // Synced to the device before apply returns. Concurrent calls share syncs where the engine can.
  kGroup,
};

enum class TryGet : std::uint8_t {
  kFound,
  kNotFound,
  // Ask get() instead; errors are reported this way too, so that get() tells them.
  kWouldBlock,
};

struct Lookup {
  Status status;
  std::string value;
};

// Estimates where exact figures would cost; 0 where the engine doesn't know.
struct EngineStats {
  std::uint64_t records = 0;
  std::uint64_t data_bytes = 0;  // keys and values as the host gave them
  std::uint64_t memory_bytes = 0;
  std::uint64_t disk_bytes = 0;
  // The engine's own figures, shown to operators.
  std::vector<std::pair<std::string, std::uint64_t>> others;
};

// A borrowed callable `bool(std::string_view key, std::string_view value)`; both views are valid
// during the call only. Returns false to stop the scan. It must not throw, and must not apply,
// erase or close on the engine it is called by. Lives for the scan call, owns nothing.
class ScanVisitor {
 public:
  // A lambda is to convert, so it is not explicit.
  template <typename Callable, typename = std::enable_if_t<
                                   !std::is_same_v<std::remove_cvref_t<Callable>, ScanVisitor>>>
  ScanVisitor(Callable&& callable) noexcept
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* object, std::string_view key, std::string_view value) -> bool {
          return (*static_cast<std::remove_reference_t<Callable>*>(object))(key, value);
        }) {}

  bool operator()(std::string_view key, std::string_view value) const {
    return call_(object_, key, value);
  }

 private:
  void* object_;
  bool (*call_)(void*, std::string_view, std::string_view);
};

// The destructor closes. Views passed in are borrowed for the call. No method throws.
class Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;

  // The same for the whole life of the instance.
  virtual Capabilities capabilities() const = 0;

  // kOk and `*value` replaced, or kNotFound (also for the empty key), or an error; `*value` is
  // unspecified unless kOk. Sees every apply that returned before the call.
  virtual Status get(std::string_view key, std::string* value) = 0;

  // As get, but never waits and does not copy where it can be helped; see PinnedValue for how long
  // the view lives. `value` is not null. Without the capability: always kWouldBlock.
  virtual TryGet try_get(std::string_view key, PinnedValue* value) {
    static_cast<void>(key);
    value->reset();
    return TryGet::kWouldBlock;
  }

  // A hint that `key` is asked for soon: may start loading it, never waits, never fails.
  virtual void prefetch(std::string_view key) { static_cast<void>(key); }

  // The same for several keys, so that their loads overlap: a pipeline's keys in one call.
  virtual void prefetch_all(std::span<const std::string_view> keys) {
    for (const std::string_view key : keys) {
      prefetch(key);
    }
  }

  // results[i] answers keys[i]; the spans are of one size. Keys may repeat. Not a snapshot.
  virtual void multi_get(std::span<const std::string_view> keys, std::span<Lookup> results) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      results[i].status = get(keys[i], &results[i].value);
    }
  }

  // All operations in order, or none: also after a crash, no part of a batch is seen alone.
  // kInvalidArgument for a batch that is not well_formed(), kNotSupported for kGroup without
  // can_sync; nothing is applied then. After kIoError the outcome is unknown. An empty batch with
  // kGroup makes everything durable that was applied with kAsync or erased before.
  virtual Status apply(const WriteBatch& batch, Durability durability) = 0;

  // The same as apply of a batch with this one put. For engines that can spare the batch.
  virtual Status put(std::string_view key, std::string_view value, Durability durability) {
    WriteBatch batch;
    batch.put(key, value);
    return apply(batch, durability);
  }

  // Visits begin <= key < end in ascending order; an empty `end` means no upper bound. Each key at
  // most once; a key written or removed during the scan may or may not be seen. kOk also when the
  // visitor stopped it.
  virtual Status scan(std::string_view begin, std::string_view end, ScanVisitor visitor) = 0;

  // Removes begin <= key < end (bounds as in scan), as durable as an apply with kAsync. Need not
  // be atomic against a crash: some of the range may come back, nothing outside it goes.
  virtual Status erase(std::string_view begin, std::string_view end) = 0;

  virtual EngineStats stats() = 0;

  // Writes a consistent copy into `dir`, which must not exist and whose parent must; opening it as
  // this engine gives every apply that returned before the call. The copy is synced.
  virtual Status checkpoint(const std::string& dir) {
    static_cast<void>(dir);
    return Status(StatusCode::kNotSupported, "this engine has no checkpoints");
  }

  // Flushes and lets go of files and locks; reports what the destructor would have to swallow.
  // Afterwards only the destructor may be called.
  virtual Status close() { return Status(); }
};

struct OpenOptions {
  // The engine's own directory: nothing else lives there. Unused unless persistent.
  std::string dir = {};
  // The engine's own settings, see settings.h; engines refuse names they don't know.
  std::vector<std::pair<std::string, std::string>> settings = {};
  // Version of what the host writes into keys and values; a part of the directory's identity.
  std::uint32_t host_layout = 1;
  // The files are known to be damaged: open what can be opened, for reading; what is lost is lost.
  // Without it an engine that notices damage at opening reports kCorruption. Not for plugins.
  bool salvages = false;
};

// `engine` is set exactly when `status` is ok.
struct [[nodiscard]] OpenedEngine {
  Status status;
  std::unique_ptr<Engine> engine;
};

}  // namespace kindred::plugins
