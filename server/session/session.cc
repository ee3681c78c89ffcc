#include "server/session/session.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "protocol/command/command_table.h"
#include "protocol/command/errors.h"
#include "protocol/command/missing_commands.h"
#include "protocol/record/key.h"
#include "protocol/resp/ascii.h"
#include "server/session/call.h"
#include "server/session/handlers.h"
#include "server/session/hub.h"
#include "server/session/invariant.h"
#include "server/session/monitor.h"

namespace kindred {

namespace {

/// Requests parsed ahead, so that their keys can be brought near before the first one runs.
constexpr size_t kBatchMax = 32;

/// The (sub)command that a request names; the container where the subcommand is unknown; null where
/// the command is.
const CommandSpec* find_spec(std::span<const std::string_view> args) {
  const CommandSpec* spec = find_command(args[0]);
  if (spec != nullptr && spec->is_container() && args.size() > 1) {
    const CommandSpec* subcommand = find_subcommand(*spec, args[1]);
    return subcommand != nullptr ? subcommand : spec;
  }
  return spec;
}

/// Commands that run at once although a MULTI is open.
bool breaks_queue(CommandId id) {
  return id == CommandId::kExec || id == CommandId::kDiscard || id == CommandId::kMulti ||
         id == CommandId::kQuit || id == CommandId::kReset || id == CommandId::kWatch;
}

/// Commands of a RESP2 connection that listens: its replies and its messages look alike.
bool fits_listening(CommandId id) {
  switch (id) {
    case CommandId::kSubscribe:
    case CommandId::kPsubscribe:
    case CommandId::kSsubscribe:
    case CommandId::kUnsubscribe:
    case CommandId::kPunsubscribe:
    case CommandId::kSunsubscribe:
    case CommandId::kPing:
    case CommandId::kQuit:
    case CommandId::kReset:
      return true;
    default:
      return false;
  }
}

/// Of how many bytes is known only to who has them.
bool may_answer_at_length(const CommandSpec& spec, std::span<const std::string_view> args) {
  switch (spec.id) {
    case CommandId::kGetdel:
    case CommandId::kGetex:
    case CommandId::kGetset:
      return true;
    case CommandId::kSet:
      return std::any_of(args.begin() + std::min<std::ptrdiff_t>(3, std::ssize(args)), args.end(),
                         [](std::string_view word) { return equals_ignoring_case(word, "get"); });
    default:
      return spec.has(CommandFlag::kReadonly);
  }
}

/// What CLIENT PAUSE WRITE holds back: whatever may change something at other nodes or clients.
bool may_write(const CommandSpec* spec, const Transaction& transaction) {
  if (spec == nullptr) {
    return false;
  }
  bool writes = spec->has(CommandFlag::kWrite) || spec->id == CommandId::kPublish ||
                spec->id == CommandId::kSpublish;
  if (spec->id == CommandId::kExec) {
    transaction.for_each([&](const CommandSpec& queued, const std::vector<std::string>&) {
      writes |= queued.has(CommandFlag::kWrite);
    });
  }
  return writes;
}

}  // namespace

/// Replies move to the output when the outermost entry ends, so that no slot goes away under a
/// handler or task whose question was answered at once.
class SessionEntry {
 public:
  explicit SessionEntry(uint16_t& depth) : depth_(depth) { ++depth_; }
  ~SessionEntry() { --depth_; }
  SessionEntry(const SessionEntry&) = delete;
  SessionEntry& operator=(const SessionEntry&) = delete;

 private:
  uint16_t& depth_;
};

Session::Session(SessionHub& hub, SessionId id, ClientInfo info)
    : hub_(hub),
      id_(id),
      info_(std::move(info)),
      parser_(hub.settings().request_limits),
      long_replies_(hub.settings().long_replies_first) {
  set_user(hub.users().find(kDefaultUser), !hub.users().login_needed());
}

Session::~Session() = default;

void Session::commit(size_t size) {
  hub_.stats().bytes_received += size;
  parser_.commit(size);
}

void Session::reset() {
  transaction_.clear();
  watches_.clear();
  stop_listening();
  set_resp_version(RespVersion::kResp2);
  info_.name.clear();
  reply_mode_ = ReplyMode::kOn;
  skip_reply_ = false;
  forget_last_write();
  set_user(hub_.users().find(kDefaultUser), !hub_.users().login_needed());
}

// --- parsing and executing ---

void Session::process() {
  require(depth_ == 0, "a session is entered by its driver only between its steps");
  if (closed_ || killed_) {
    return;
  }
  hub_.refresh();
  info_.last_active_ms = hub_.now_ms();
  const auto begin = std::chrono::steady_clock::now();
  stalled_ = !run();
  keep_last_written_key();
  const auto spent = std::chrono::steady_clock::now() - begin;
  hub_.share_out_time(
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(spent).count()));
  changed();
}

/// False: stalled, with something left to execute.
bool Session::run() {
  while (!closing_) {
    if (is_held_) {
      return false;
    }
    if (!slots_.empty()) {
      const ReplySlot& last = slots_.at(slots_.head() + slots_.size() - 1);
      if (last.task != nullptr && last.task->holds_arguments()) {
        return false;
      }
    }
    if (transaction_.running()) {
      if (!run_transaction()) {
        return false;
      }
    } else if (batch_next_ == batch_.size()) {
      if (!parse_batch()) {
        return true;
      }
    } else if (!execute_next()) {
      return false;
    }
  }
  return true;
}

/// EXEC: one command after another, each when the one before is done. False: wait.
bool Session::run_transaction() {
  if (!slots_.empty() || !has_room()) {
    return false;
  }
  if (transaction_.at_end()) {
    if (hub_.is_monitored()) {
      constexpr std::string_view kShown[] = {"exec"};
      hub_.show_to_monitors(monitor_line(hub_.now_ms(), info_.peer_address, kShown));
    }
    transaction_.clear();
    flush_pushed();
    return true;
  }
  const CommandSpec& spec = transaction_.next_spec();
  const std::span<const std::string_view> args = transaction_.next_args();
  if (!may_do_everything_ && refuse_in_transaction(spec, args)) {
    transaction_.advance();
    return true;
  }
  if (!execute(spec, args, nullptr)) {
    return false;
  }
  keep_last_written_key();
  if (transaction_.running()) {
    transaction_.advance();
  }
  return true;
}

/// Parses what has been read. False: nothing more for now.
bool Session::parse_batch() {
  batch_.clear();
  batch_args_.clear();
  batch_next_ = 0;
  // Until a client has authenticated, limits may change with each request.
  const size_t batch_max = login_needed() ? 1 : kBatchMax;
  Request request;
  while (batch_.size() < batch_max) {
    const ParseStatus status = parser_.next(request);
    if (status == ParseStatus::kRequest) {
      add_to_batch(request.args);
      continue;
    }
    if (status != ParseStatus::kNeedMore && batch_.empty()) {
      refuse_protocol(status);
      return false;
    }
    break;
  }
  if (batch_.size() > 1) {
    batch_keys_.clear();
    for (const ParsedRequest& parsed : batch_) {
      if (parsed.has_key) {
        batch_keys_.push_back(parsed.key);
      }
    }
    if (!batch_keys_.empty()) {
      hub_.service().prefetch(batch_keys_);
    }
  }
  return !batch_.empty();
}

void Session::add_to_batch(std::span<const std::string_view> args) {
  ParsedRequest& parsed = batch_.emplace_back();
  parsed.spec = find_spec(args);
  parsed.first_arg = static_cast<uint32_t>(batch_args_.size());
  parsed.arg_count = static_cast<uint32_t>(args.size());
  batch_args_.insert(batch_args_.end(), args.begin(), args.end());
  if (parsed.spec != nullptr) {
    const auto first = static_cast<size_t>(parsed.spec->keys.first);
    if (first != 0 && first < args.size()) {
      parsed.has_key = true;
      parsed.key = make_key(args[first], hub_.partitions());
    }
  }
}

void Session::refuse_protocol(ParseStatus status) {
  ++hub_.stats().protocol_errors;
  const std::string reason(parser_.error_text());
  if (status == ParseStatus::kError) {
    reject(nullptr, reason);
  }
  start_close(reason);
}

bool Session::has_room() const {
  const SessionSettings& settings = hub_.settings();
  return slots_.size() < settings.in_flight_max &&
         pending_output_bytes() + early_bytes_ <= settings.output_backlog_bytes;
}

/// How long an answer is shows only once it is here, so those that may be long are asked for by the
/// measure of the last ones.
bool Session::has_room_for_answer(const CommandSpec& spec,
                                  std::span<const std::string_view> args) const {
  return slots_.size() < long_replies_ || !may_answer_at_length(spec, args);
}

/// False: stalled, to be tried again.
bool Session::execute_next() {
  if (!has_room()) {
    return false;
  }
  const ParsedRequest& parsed = batch_[batch_next_];
  const std::span<const std::string_view> args(batch_args_.data() + parsed.first_arg,
                                               parsed.arg_count);
  const CommandSpec* spec = parsed.spec;
  if (hub_.is_paused() && (!hub_.pauses_only_writes() || may_write(spec, transaction_))) {
    hub_.wait_for_pause_end(*this);
    return false;
  }
  if (!refuse(spec, args)) {
    if (transaction_.queueing() && !breaks_queue(spec->id)) {
      queue(*spec, args);
    } else if (!execute(*spec, args, parsed.has_key ? &parsed.key : nullptr)) {
      return false;
    }
  }
  ++batch_next_;
  return true;
}

/// Answers a request that may not run and returns true.
bool Session::refuse(const CommandSpec* spec, std::span<const std::string_view> args) {
  if (spec == nullptr) {
    const std::string missing = missing_command_error(args[0]);
    reject(nullptr, missing.empty() ? unknown_command_error(args) : missing);
  } else if (spec->id == CommandId::kFunction && args.size() > 1) {
    reject(spec, missing_command_error(args[0]));
  } else if (spec->is_container() && args.size() > 1) {
    reject(spec, unknown_subcommand_error(*spec, args[1]));
  } else if (!spec->accepts_arg_count(args.size())) {
    reject(spec, arity_error(*spec));
  } else if (!authenticated_ && login_needed() && !spec->has(CommandFlag::kNoAuth)) {
    reject(spec, error_text::kNoAuth);
  } else if (transaction_.queueing() && spec->has(CommandFlag::kNoMulti)) {
    reject(spec, error_text::kNotInMulti);
  } else if ((!may_do_everything_ && refuse_access(*spec, args)) ||
             (is_limited_ && refuse_over_limit(*spec, args))) {
    return true;
  } else if (only_listens() && !fits_listening(spec->id)) {
    reject(spec, "ERR Can't execute '" + std::string(spec->name) +
                     "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed "
                     "in this context");
  } else if (!hub_.ready() && handler_of(spec->id).needs_cluster) {
    reject(spec, "LOADING Kindred is founding or joining a cluster");
  } else {
    return false;
  }
  return true;
}

void Session::reject(const CommandSpec* spec, std::string_view text) {
  const bool is_exec = spec != nullptr && spec->id == CommandId::kExec;
  std::string abort_text;
  if (transaction_.queueing()) {
    transaction_.set_broken();
    if (is_exec) {
      transaction_.clear();
      abort_text = "EXECABORT Transaction discarded because of: ";
      abort_text += text.starts_with("ERR ") ? text.substr(4) : text;
      text = abort_text;
    }
  }
  const uint32_t sequence = push_slot(spec);
  hub_.stats().count_error(text);
  if (spec != nullptr) {
    ++hub_.stats().of(spec->id).rejected;
  }
  open_reply(sequence).error(text);
  // Not counted for the user's limit, or whoever tries again too soon would never be let through.
  const bool is_limited = std::exchange(is_limited_, false);
  close_reply(sequence);
  is_limited_ = is_limited;
  flush_ready();
}

/// A queue is as bounded as the buffer that its commands came through.
void Session::queue(const CommandSpec& spec, std::span<const std::string_view> args) {
  const size_t limit = hub_.settings().request_limits.query_buffer_limit;
  if (!transaction_.broken() && transaction_.queued_bytes() + Transaction::bytes_of(args) > limit) {
    transaction_.give_up();
    reject(&spec, error_text::kTransactionTooLarge);
    return;
  }
  transaction_.queue(spec, args);
  const uint32_t sequence = push_slot(&spec);
  open_reply(sequence).simple_string("QUEUED");
  close_reply(sequence);
  flush_ready();
}

/// False: something in flight is in the way, nothing was done.
bool Session::execute(const CommandSpec& spec, std::span<const std::string_view> args,
                      const KeyRef* key) {
  const Handler& handler = handler_of(spec.id);
  if (handler.waits_for_all && !slots_.empty()) {
    return false;
  }
  if (!has_room_for_answer(spec, args)) {
    return false;
  }
  if (handler.needs_cluster && hub_.is_full()) {
    hub_.wait_for_room(*this);
    return false;
  }
  const bool skipped = skip_reply_;
  const bool was_monitored = hub_.is_monitored() && !spec.has(CommandFlag::kAdmin);
  const uint32_t sequence = push_slot(&spec);
  slots_.at(sequence).started_us = hub_.service().mono_us();
  bool stalled = false;
  {
    const SessionEntry entry(depth_);
    Call call(*this, sequence, args, key);
    handler.run(call);
    stalled = call.stalled();
  }
  if (stalled) {
    slots_.unpush();
    skip_reply_ = skipped;
    return false;
  }
  // EXEC is shown behind what it runs, as in Redis.
  const bool shown_later =
      spec.id == CommandId::kExec && (transaction_.running() || !slots_.at(sequence).ready);
  if (was_monitored && !shown_later) {
    hub_.show_to_monitors(monitor_line(hub_.now_ms(), info_.peer_address, shown_args(spec, args)));
  }
  info_.last_command = &spec;
  hub_.count_call(spec.id);
  if (ReplySlot& slot = slots_.at(sequence); slot.ready) {
    note_latency(slot, args);
  } else if (hub_.settings().slow_log_us >= 0) {
    pack_slow_args(spec, args, &slot.shown);
  }
  flush_ready();
  return true;
}

uint32_t Session::push_slot(const CommandSpec* spec) {
  const uint32_t sequence = slots_.push();
  ReplySlot& slot = slots_.at(sequence);
  slot.spec = spec;
  slot.suppressed = reply_mode_ == ReplyMode::kOff || skip_reply_ ||
                    (transaction_.running() && transaction_.silent());
  skip_reply_ = false;
  return sequence;
}

void Session::skip_next_reply() {
  if (reply_mode_ == ReplyMode::kOn) {
    skip_reply_ = true;
  }
}

// --- answers ---

template <typename Tell>
void Session::answered(const TokenParts& token, Tell tell) {
  const uint32_t sequence = slots_.sequence_of(token.slot);
  require(slots_.in_use(sequence) && !slots_.at(sequence).ready,
          "an answer finds the reply that waits for it");
  {
    const SessionEntry entry(depth_);
    Call call(*this, sequence, {}, nullptr);
    tell(call, slots_.at(sequence));
  }
  if (depth_ == 0 && slots_.at(sequence).ready) {
    note_latency(slots_.at(sequence), {});
  }
  if (depth_ == 0) {
    keep_last_written_key();
    flush_ready();
    if (stalled_) {
      hub_.note_stall_ended(*this);
    }
    changed();
  }
}

void Session::operation_done(const TokenParts& token, Outcome& outcome) {
  if (last_write_ == token && !outcome.dot.is_zero()) {
    last_written_dot_ = outcome.dot;
  }
  answered(token, [&](Call& call, ReplySlot& slot) {
    call.note_lookup(outcome);
    if (slot.task != nullptr) {
      slot.task->operation_done(call, token.part, outcome);
      return;
    }
    require(slot.holds_key, "an operation is answered once");
    conflicts_.remove(slot.access, slot.bucket);
    slot.holds_key = false;
    slot.render(call, outcome);
  });
}

void Session::scan_done(const TokenParts& token, ScanPage& page) {
  answered(token, [&](Call& call, ReplySlot& slot) { slot.task->scan_done(call, page); });
}

void Session::number_done(const TokenParts& token, uint64_t number) {
  answered(token, [&](Call& call, ReplySlot& slot) { slot.task->number_done(call, number); });
}

void Session::keys_done(const TokenParts& token, std::vector<std::string>& keys) {
  answered(token, [&](Call& call, ReplySlot& slot) { slot.task->keys_done(call, keys); });
}

void Session::text_done(const TokenParts& token, std::string& text) {
  answered(token, [&](Call& call, ReplySlot& slot) { slot.task->text_done(call, text); });
}

void Session::status_done(const TokenParts& token, std::string& error) {
  answered(token, [&](Call& call, ReplySlot& slot) { slot.task->status_done(call, error); });
}

void Session::ring_figures_done(const TokenParts& token, RingFigures& figures) {
  answered(token,
           [&](Call& call, ReplySlot& slot) { slot.task->ring_figures_done(call, figures); });
}

// --- life ---

bool Session::wants_read() const {
  return !closing_ && !stalled_ && pending_output_bytes() <= hub_.settings().output_backlog_bytes;
}

bool Session::wants_close() const {
  return killed_ || (closing_ && slots_.empty() && pending_output_bytes() == 0);
}

void Session::start_close(std::string_view reason) {
  if (!closing_) {
    closing_ = true;
    close_reason_.assign(reason);
    changed();
  }
}

void Session::kill(std::string_view reason) {
  start_close(reason);
  killed_ = true;
  changed();
}

void Session::shrink_idle() {
  if (slots_.empty() && batch_next_ == batch_.size() && pending_output_bytes() == 0) {
    batch_ = {};
    batch_args_ = {};
    batch_next_ = 0;
    parser_.shrink_idle();
    writer_.buffer().reset(0);
    slots_ = ReplySlots();
  }
}

size_t Session::memory_bytes() const {
  return sizeof(*this) + parser_.capacity_bytes() + writer_.buffer().capacity_bytes() +
         batch_.capacity() * sizeof(ParsedRequest) +
         batch_args_.capacity() * sizeof(std::string_view) + transaction_.queued_bytes();
}

void Session::changed() {
  if (!changed_) {
    changed_ = true;
    hub_.note_changed(*this);
  }
}

}  // namespace kindred
