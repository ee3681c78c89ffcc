#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/command/command_spec.h"
#include "protocol/resp/writer.h"
#include "replication/node/operation.h"
#include "server/session/key_conflicts.h"

namespace kindred {

class Call;
class Task;
struct ReplySlot;

/// Writes the reply to a command of one operation. Called once, with the slot as the handler left
/// it.
using OutcomeRenderer = void (*)(Call& call, Outcome& outcome);

/// The place of one reply among those of its connection, from the start of its command until the
/// reply is in the output.
struct ReplySlot {
  ReplySlot();
  ~ReplySlot();
  ReplySlot(ReplySlot&&) noexcept;
  ReplySlot& operator=(ReplySlot&&) noexcept;

  /// Ready for the next command; keeps what memory is worth keeping.
  void reset();

  const CommandSpec* spec = nullptr;
  OutcomeRenderer render = nullptr;  // a command of one operation
  std::unique_ptr<Task> task;        // a command of more
  int64_t number = 0;                // the handler's note to its renderer
  uint32_t timeout_ms = 0;           // of the request, for its errors; 0: as configured
  uint16_t flags = 0;                // another one: bits of the handler's own
  bool ready = false;                // the reply is written
  bool suppressed = false;           // CLIENT REPLY OFF or SKIP: runs, says nothing
  bool holds_key = false;            // counted in KeyConflicts under access and bucket
  Access access = Access::kPlain;
  uint8_t bucket = 0;
  uint64_t started_us = 0;
  std::string shown;  // the arguments as SLOWLOG shows them, while the command waits
  std::string key;    // where the renderer needs it (contexts are bound to their key)
  ReplyBuffer early;  // the reply, while others before it are waited for
};

/// A connection's replies in the order of their commands: a ring that grows as it is needed.
class ReplySlots {
 public:
  bool empty() const { return head_ == tail_; }
  uint32_t size() const { return tail_ - head_; }
  uint32_t head() const { return head_; }

  /// Appends a slot and returns its sequence number. References to slots end. At most kSlotsMax.
  uint32_t push();
  /// Takes back the slot pushed last.
  void unpush();
  /// Frees the first slot.
  void pop();
  /// `sequence` or its low bits as a token carries them.
  ReplySlot& at(uint32_t sequence) { return slots_[sequence & (slots_.size() - 1)]; }
  /// The whole sequence number of a slot in use, from its low bits.
  uint32_t sequence_of(uint32_t low_bits) const;
  bool in_use(uint32_t sequence) const { return sequence - head_ < size(); }

 private:
  void grow();

  std::vector<ReplySlot> slots_;  // a power of two
  uint32_t head_ = 0;
  uint32_t tail_ = 0;
};

}  // namespace kindred
