#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp/parser.h"
#include "protocol/resp/writer.h"
#include "replication/node/operation.h"
#include "replication/node/scan.h"
#include "server/access/user.h"
#include "server/session/channels.h"
#include "server/session/key_conflicts.h"
#include "server/session/reply_slot.h"
#include "server/session/token.h"
#include "server/session/transaction.h"
#include "server/session/watches.h"

namespace kindred {

class Call;
class SessionHub;
class Users;
struct RingFigures;
struct SessionSettings;

/// What CLIENT tells of a connection.
struct ClientInfo {
  uint64_t id = 0;
  std::string peer_address;  // "127.0.0.1:50000"
  std::string local_address;
  std::string name;
  std::string lib_name;
  std::string lib_version;
  std::string user = "default";
  uint64_t created_ms = 0;  // cluster clock, as last_active_ms
  uint64_t last_active_ms = 0;
  const CommandSpec* last_command = nullptr;
  int file_descriptor = -1;
};

/// One client's connection without its socket: bytes in, bytes out. The driver reads into
/// writable(), says commit() and process(), and sends output(). Commands run in order; those that
/// may, overlap; replies leave in the order of their commands.
/// One owner (the SessionHub), one thread.
class Session {
 public:
  Session(SessionHub& hub, SessionId id, ClientInfo info);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  SessionId id() const { return id_; }

  // --- the driver's side ---

  /// Where to read() into; only while wants_read(). Valid until process().
  [[nodiscard]] std::span<char> writable(size_t min_bytes) { return parser_.writable(min_bytes); }
  void commit(size_t size);
  /// Parses and executes what was read, as far as nothing has to be waited for.
  void process();
  /// Bytes to send now. Valid until process(), consumed() or any answer of the service.
  std::string_view output() const {
    return killed_ || is_held_ ? std::string_view() : writer_.view().substr(sent_bytes_);
  }
  void consumed(size_t size);
  /// False while earlier commands or their replies are backed up: stop reading. True again is told
  /// through SessionHub::take_changed().
  bool wants_read() const;
  /// True when the connection is to be closed now: everything that is still to be said is sent, or
  /// killed(): then without waiting for bytes on their way.
  bool wants_close() const;
  bool killed() const { return killed_; }
  /// Why, for the log; empty where the client asked for it.
  std::string_view close_reason() const { return close_reason_; }
  /// Commands not yet answered.
  size_t in_flight() const { return slots_.size(); }
  size_t memory_bytes() const;
  /// Gives back memory of a connection that has been idle.
  void shrink_idle();
  /// Ends the connection once the output so far is sent.
  void start_close(std::string_view reason);
  /// Ends the connection without sending the rest.
  void kill(std::string_view reason);

  // --- what commands see ---

  ClientInfo& info() { return info_; }
  const ClientInfo& info() const { return info_; }
  RespVersion resp_version() const { return writer_.version(); }
  void set_resp_version(RespVersion version) { writer_.set_version(version); }
  Transaction& transaction() { return transaction_; }
  const Transaction& transaction() const { return transaction_; }
  const User& user() const { return *user_; }
  /// Whether the client has to log in before anything else. (Once logged in, it stays so.)
  bool login_needed() const;
  void log_in(std::shared_ptr<const User> user);
  /// Keeps back all further output, and executes nothing, for a time that grows with each wrong
  /// password in a row.
  void note_wrong_password();
  /// The users have changed. Who logged in as one that is gone, or, with `end_changed`, has other
  /// rules now, is cut off.
  void update_user(const Users& users, bool end_changed);
  /// Records for ACL LOG that `user` was refused something.
  void log_refusal(std::string_view reason, std::string_view object, std::string_view user);
  Watches& watches() { return watches_; }
  /// Lets the queued commands on keys tell what they would ask for, and nothing else. False where
  /// one of them can't be carried out with others in one operation.
  [[nodiscard]] bool record_transaction(std::vector<Operation>* operations);
  enum class ReplyMode : uint8_t { kOn, kOff };
  void set_reply_mode(ReplyMode mode) { reply_mode_ = mode; }
  /// The next command runs without a word.
  void skip_next_reply();
  /// The key that this connection wrote last, for WAIT; empty: none.
  const std::string& last_written_key() {
    keep_last_written_key();
    return last_written_key_;
  }
  /// The dot of that write; zero before its answer, and where it changed nothing.
  const Dot& last_written_dot() const { return last_written_dot_; }
  /// A write is asked for under `token`. `key` must hold until the session's step ends: of a whole
  /// pipeline one copy is made.
  void note_write(std::string_view key, const TokenParts& token) {
    newly_written_key_ = key;
    last_write_ = token;
    last_written_dot_ = Dot{};
  }
  void forget_last_write() {
    newly_written_key_ = {};
    last_written_key_.clear();
    last_write_.reset();
    last_written_dot_ = Dot{};
  }
  // Pub/sub and MONITOR. What comes out of turn leaves between replies, never within one.
  const ListenedNames& listened() const;
  void listen(ListenKind kind, std::string_view name);
  void listen_no_more(ListenKind kind, std::string_view name);
  bool monitors() const { return monitors_; }
  void start_monitoring();
  /// Calls write(ReplyWriter&), which writes whole messages.
  template <typename Write>
  void push(Write write) {
    if (closing_) {
      return;
    }
    const bool waits = reply_open_ || transaction_.running();
    if (waits) {
      std::swap(writer_.buffer(), pushed_);
    }
    write(writer_);
    if (waits) {
      std::swap(writer_.buffer(), pushed_);
    }
    check_output_limit();
    changed();
  }

  /// RESET: as just connected, but for address and id.
  void reset();
  size_t buffered_input_bytes() const { return parser_.buffered_bytes(); }
  size_t free_input_bytes() const {
    return std::max(parser_.capacity_bytes(), parser_.buffered_bytes()) - parser_.buffered_bytes();
  }
  size_t pending_output_bytes() const { return writer_.size() - sent_bytes_; }
  /// Ends a connection whose client takes too little of what it is told. True: it is above the soft
  /// limit, to be looked at again within a second.
  bool check_output_limit();

 private:
  friend class Call;
  friend class SessionHub;

  struct ParsedRequest {
    const CommandSpec* spec = nullptr;  // null: unknown
    uint32_t first_arg = 0;
    uint32_t arg_count = 0;
    bool has_key = false;
    KeyRef key;  // the first one
  };

  bool run();
  bool run_transaction();
  bool parse_batch();
  void add_to_batch(std::span<const std::string_view> args);
  void refuse_protocol(ParseStatus status);
  bool has_room() const;
  bool has_room_for_answer(const CommandSpec& spec, std::span<const std::string_view> args) const;
  bool execute_next();
  bool refuse(const CommandSpec* spec, std::span<const std::string_view> args);
  bool refuse_in_transaction(const CommandSpec& spec, std::span<const std::string_view> args);
  bool refuse_access(const CommandSpec& spec, std::span<const std::string_view> args);
  bool refuse_over_limit(const CommandSpec& spec, std::span<const std::string_view> args);
  Denial check_access(const CommandSpec& spec, std::span<const std::string_view> args);
  void set_user(std::shared_ptr<const User> user, bool authenticated);
  void end_for_user(std::string_view reason);
  void release_hold();
  void reject(const CommandSpec* spec, std::string_view text);
  void queue(const CommandSpec& spec, std::span<const std::string_view> args);
  bool execute(const CommandSpec& spec, std::span<const std::string_view> args, const KeyRef* key);
  uint32_t push_slot(const CommandSpec* spec);

  ReplyWriter& open_reply(uint32_t sequence);
  void close_reply(uint32_t sequence);
  void flush_ready();
  void flush_pushed();
  void note_latency(const ReplySlot& slot, std::span<const std::string_view> args);
  void stop_listening();
  bool only_listens() const;
  void changed();
  void keep_last_written_key() {
    if (newly_written_key_.data() != nullptr) {
      last_written_key_.assign(newly_written_key_);
      newly_written_key_ = {};
    }
  }

  template <typename Tell>
  void answered(const TokenParts& token, Tell tell);
  void operation_done(const TokenParts& token, Outcome& outcome);
  void scan_done(const TokenParts& token, ScanPage& page);
  void number_done(const TokenParts& token, uint64_t number);
  void keys_done(const TokenParts& token, std::vector<std::string>& keys);
  void text_done(const TokenParts& token, std::string& text);
  void status_done(const TokenParts& token, std::string& error);
  void ring_figures_done(const TokenParts& token, RingFigures& figures);

  SessionHub& hub_;
  SessionId id_;
  ClientInfo info_;
  std::shared_ptr<const User> user_;  // never null

  RequestParser parser_;
  std::vector<ParsedRequest> batch_;  // parsed out of the last read; views of the parser's buffer
  std::vector<std::string_view> batch_args_;
  std::vector<KeyRef> batch_keys_;
  size_t batch_next_ = 0;
  Transaction transaction_;
  Watches watches_;

  ReplyWriter writer_;               // its buffer is the output
  size_t sent_bytes_ = 0;            // of it
  size_t reply_mark_ = 0;            // where the open reply begins
  size_t early_bytes_ = 0;           // replies that are ready before others ahead of them
  uint32_t long_replies_ = 0;        // see SessionSettings::long_replies_first
  uint64_t over_soft_since_ms_ = 0;  // by mono_ms(); 0: not above the soft limit
  ReplySlots slots_;
  KeyConflicts conflicts_;
  uint32_t asked_ = 0;  // questions to the service not yet answered

  std::unique_ptr<ListenedNames> listened_;  // null: to nothing, ever
  ReplyBuffer pushed_;                       // out of turn, while a reply is written
  bool monitors_ = false;

  std::string last_written_key_;
  std::string_view newly_written_key_;  // to be kept before the step ends
  std::optional<TokenParts> last_write_;
  Dot last_written_dot_;
  std::string close_reason_;
  uint16_t depth_ = 0;  // of nested entries: replies move to the output when the outermost ends
  ReplyMode reply_mode_ = ReplyMode::kOn;
  bool skip_reply_ = false;
  bool authenticated_ = true;
  bool may_do_everything_ = true;  // so that most requests are checked by a look at this
  bool is_limited_ = false;        // by the user's limits
  bool is_held_ = false;           // see note_wrong_password()
  uint8_t wrong_passwords_ = 0;    // in a row
  bool reply_open_ = false;
  bool stalled_ = false;  // something must be answered or sent before more is executed
  bool closing_ = false;  // executes nothing more
  bool killed_ = false;
  bool closed_ = false;        // the client is gone; only answers are still awaited
  bool changed_ = false;       // in the hub's list
  bool resume_noted_ = false;  // in the other one
  bool waits_for_room_ = false;
};

}  // namespace kindred
