#include "plugins/redis/redis_engine.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "plugins/api/settings.h"
#include "plugins/redis/address.h"
#include "plugins/redis/connection.h"
#include "plugins/redis/ledger.h"
#include "plugins/redis/reply.h"

namespace kindred::plugins::redis {
namespace {

// Of a stored key: its kind and the high byte of its slot.
constexpr std::size_t kIndexBytes = 2;
// What the server takes as one string unless it is set up otherwise.
constexpr std::size_t kStringBytesMax = std::size_t{512} << 20;
constexpr std::size_t kItemsOfCommandMax = 4096;
constexpr std::size_t kPageEntriesMax = 1024;
constexpr std::size_t kPageEntriesFirst = 16;
constexpr std::size_t kPageBytesWanted = std::size_t{1} << 20;
constexpr std::size_t kErasedAtOnceMax = 1024;
constexpr std::uint64_t kTimeoutMsMax = 600'000;

std::string_view index_of(std::string_view key) {
  return key.substr(0, kIndexBytes);
}

std::uint64_t number_of(const Reply& reply) {
  std::uint64_t number = 0;
  std::from_chars(reply.text.data(), reply.text.data() + reply.text.size(), number);
  return number;
}

// As long as the server lives, and of this one alone.
std::string run_of(std::string_view info) {
  const std::string_view field = "run_id:";
  const std::size_t at = info.find(field);
  if (at == std::string_view::npos) {
    return "-";
  }
  const std::string_view rest = info.substr(at + field.size(), 40);
  return std::string(rest.substr(0, rest.find_first_of("\r\n ")));
}

// Appends commands `head... item...` with as many items in each as a server likes.
void add_chunked(const Command& head, std::size_t words_of_item, std::vector<std::string> words,
                 std::vector<Command>* commands) {
  const std::size_t step = kItemsOfCommandMax * words_of_item;
  for (std::size_t from = 0; from < words.size(); from += step) {
    const auto first = words.begin() + static_cast<std::ptrdiff_t>(from);
    const auto last =
        words.begin() + static_cast<std::ptrdiff_t>(std::min(from + step, words.size()));
    Command command = head;
    std::move(first, last, std::back_inserter(command));
    commands->push_back(std::move(command));
  }
}

class RedisEngine : public Engine {
 public:
  struct Setup {
    Address address;
    std::string prefix;
    std::uint64_t timeout_ms = 0;
  };

  RedisEngine(Setup setup, std::unique_ptr<Ledger> ledger)
      : prefix_(std::move(setup.prefix)),
        ledger_(std::move(ledger)),
        connection_(std::make_unique<Connection>(
            ConnectionSetup{std::move(setup.address), setup.timeout_ms,
                            [this](const std::vector<Reply>& replies, std::vector<Command>* next) {
                              return greet(replies, next);
                            }})) {}

  // Reads which indexes there are; before any other call.
  Status start();

  Capabilities capabilities() const override { return kCapabilities; }
  Status get(std::string_view key, std::string* value) override;
  void multi_get(std::span<const std::string_view> keys, std::span<Lookup> results) override;
  Status apply(const WriteBatch& batch, Durability durability) override;
  Status scan(std::string_view begin, std::string_view end, ScanVisitor visitor) override;
  Status erase(std::string_view begin, std::string_view end) override;
  // As of the call before: nothing waits for the server here.
  EngineStats stats() override;
  Status close() override {
    connection_.reset();
    ledger_.reset();
    return Status();
  }

 private:
  std::string record_key(std::string_view key) const { return (prefix_ + "r").append(key); }
  std::string index_key(std::string_view index) const { return (prefix_ + "i").append(index); }

  Status greet(const std::vector<Reply>& replies, std::vector<Command>* next);
  Status check_owner(const std::vector<Reply>& replies);
  Status read(std::vector<Command> commands, std::vector<Reply>* replies);
  Status transact(std::vector<Command> changes);
  void change_index(const char* command,
                    const std::map<std::string, std::vector<std::string>>& keys,
                    std::vector<Command>* commands) const;
  void announce(const std::map<std::string, std::vector<std::string>>& keys,
                std::vector<Command>* commands, std::vector<std::string>* fresh);
  std::vector<std::string> indexes_between(std::string_view begin, std::string_view end);
  Command keys_command(std::string_view index, std::string_view begin, bool after_begin,
                       std::string_view end, std::size_t count) const;
  Status scan_index(std::string_view index, std::string_view begin, std::string_view end,
                    ScanVisitor visitor, bool* stopped);
  Status erase_index(std::string_view index, std::string_view begin, std::string_view end);
  Request figures_request();

  const std::string prefix_;
  std::unique_ptr<Ledger> ledger_;  // the connection's thread's
  std::uint64_t sequence_ = 0;      // the connection's thread's
  bool greeted_ = false;            // the connection's thread's

  std::mutex mutex_;
  // Of an index: whether the server is known to list it. What isn't may be there all the same.
  std::map<std::string, bool, std::less<>> indexes_;
  EngineStats figures_;
  std::future<Status> asked_figures_;

  std::unique_ptr<Connection> connection_;  // last: its thread uses the others
};

// First the connection before this one is ended for certain: a batch that still lies in its buffers
// must not run after those that come now. Then the server shows that it has what it acknowledged.
Status RedisEngine::greet(const std::vector<Reply>& replies, std::vector<Command>* next) {
  if (replies.empty()) {
    greeted_ = false;
    *next = {{"INFO", "server"}, {"CLIENT", "ID"}};
    return Status();
  }
  if (greeted_) {
    return check_owner(replies);
  }
  greeted_ = true;
  const std::string run = run_of(replies[0].text);
  if (ledger_->client() != 0 && ledger_->run() == run) {
    next->push_back({"CLIENT", "KILL", "ID", std::to_string(ledger_->client())});
  }
  if (!ledger_->claimed()) {
    next->push_back({"SET", prefix_ + "owner", ledger_->owner(), "NX"});
  }
  next->push_back({"GET", prefix_ + "owner"});
  next->push_back({"GET", prefix_ + "sequence"});
  return ledger_->set_connection(run, static_cast<std::uint64_t>(replies[1].integer));
}

Status RedisEngine::check_owner(const std::vector<Reply>& replies) {
  const Reply& owner = replies[replies.size() - 2];
  const std::uint64_t sequence = number_of(replies.back());
  if (owner.kind == Reply::Kind::kText && owner.text != ledger_->owner()) {
    return Status(StatusCode::kInvalidArgument,
                  "another directory's data is under '" + prefix_ + "'");
  }
  if (owner.kind != Reply::Kind::kText || sequence < ledger_->acknowledged()) {
    return Status(StatusCode::kCorruption,
                  "data is lost under '" + prefix_ + "': batch " + std::to_string(sequence) +
                      " is the last there, " + std::to_string(ledger_->acknowledged()) +
                      " was acknowledged; without the engine's directory the node starts empty and "
                      "fills itself from others");
  }
  sequence_ = std::max(sequence_, sequence);
  return ledger_->claimed() ? Status() : ledger_->set_claimed();
}

Status RedisEngine::start() {
  std::vector<Reply> replies;
  Status status = read({{"ZRANGE", prefix_ + "d", "0", "-1"}}, &replies);
  if (!status.ok()) {
    return status;
  }
  for (Reply& index : replies[0].elements) {
    indexes_.emplace(std::move(index.text), true);
  }
  return connection_->call(figures_request());
}

Status RedisEngine::read(std::vector<Command> commands, std::vector<Reply>* replies) {
  Request request;
  request.commands = std::move(commands);
  request.answered = [this, replies](std::vector<Reply>& answered) {
    for (const Reply& reply : answered) {
      if (reply.is_error()) {
        return status_of_error(connection_->where(), reply.text);
      }
    }
    replies->swap(answered);
    return Status();
  };
  return connection_->call(std::move(request));
}

// All of the changes or none, numbered in the order of sending.
Status RedisEngine::transact(std::vector<Command> changes) {
  Request request;
  request.commands.push_back({"MULTI"});
  std::move(changes.begin(), changes.end(), std::back_inserter(request.commands));
  request.repeatable = false;
  auto number = std::make_shared<std::uint64_t>(0);
  request.complete = [this, number](std::vector<Command>* commands) {
    *number = ++sequence_;
    commands->push_back({"SET", prefix_ + "sequence", std::to_string(*number)});
    commands->push_back({"EXEC"});
  };
  request.answered = [this, number](std::vector<Reply>& replies) {
    Status status = status_of_transaction(connection_->where(), replies);
    if (!status.ok()) {
      return status;
    }
    status = ledger_->set_acknowledged(*number);
    return status.ok() ? status : Status(StatusCode::kIoError, status.message);
  };
  return connection_->call(std::move(request));
}

Status RedisEngine::get(std::string_view key, std::string* value) {
  std::vector<Reply> replies;
  Status status = read({{"GET", record_key(key)}}, &replies);
  if (!status.ok()) {
    return status;
  }
  if (replies[0].kind != Reply::Kind::kText) {
    return Status(StatusCode::kNotFound);
  }
  *value = std::move(replies[0].text);
  return status;
}

void RedisEngine::multi_get(std::span<const std::string_view> keys, std::span<Lookup> results) {
  if (keys.empty()) {
    return;
  }
  std::vector<std::string> words;
  words.reserve(keys.size());
  for (const std::string_view key : keys) {
    words.push_back(record_key(key));
  }
  std::vector<Command> commands;
  add_chunked({"MGET"}, 1, std::move(words), &commands);
  std::vector<Reply> replies;
  const Status status = read(std::move(commands), &replies);
  for (Lookup& result : results) {
    result.status = status;
  }
  std::size_t i = 0;
  for (Reply& reply : replies) {
    for (Reply& element : reply.elements) {
      const bool found = element.kind == Reply::Kind::kText;
      results[i].status = found ? Status() : Status(StatusCode::kNotFound);
      results[i].value = std::move(element.text);
      ++i;
    }
  }
}

Status RedisEngine::apply(const WriteBatch& batch, Durability durability) {
  if (!batch.well_formed()) {
    return Status(StatusCode::kInvalidArgument, "malformed batch: an empty or oversized key");
  }
  if (durability == Durability::kGroup) {
    return Status(StatusCode::kNotSupported, "the redis engine can't sync the server's disk");
  }
  if (batch.empty()) {
    return Status();
  }
  std::unordered_map<std::string_view, std::size_t> last;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const WriteBatch::Operation operation = batch[i];
    if (operation.value.size() > kStringBytesMax ||
        prefix_.size() + 1 + operation.key.size() > kStringBytesMax) {
      return Status(StatusCode::kNoSpace, "a key or value over the server's 512 MiB");
    }
    last[operation.key] = i;
  }
  std::vector<std::string> put;
  std::vector<std::string> removed;
  std::map<std::string, std::vector<std::string>> indexed;
  std::map<std::string, std::vector<std::string>> unindexed;
  for (const auto& [key, position] : last) {
    if (batch[position].kind == WriteBatch::Kind::kPut) {
      put.push_back(record_key(key));
      put.emplace_back(batch[position].value);
      indexed[std::string(index_of(key))].emplace_back(key);
    } else {
      removed.push_back(record_key(key));
      unindexed[std::string(index_of(key))].emplace_back(key);
    }
  }
  std::vector<Command> commands;
  std::vector<std::string> fresh;
  add_chunked({"MSET"}, 2, std::move(put), &commands);
  add_chunked({"DEL"}, 1, std::move(removed), &commands);
  announce(indexed, &commands, &fresh);
  change_index("ZADD", indexed, &commands);
  change_index("ZREM", unindexed, &commands);
  Status status = transact(std::move(commands));
  if (status.ok() && !fresh.empty()) {
    const std::lock_guard lock(mutex_);
    for (const std::string& index : fresh) {
      indexes_[index] = true;
    }
  }
  return status;
}

void RedisEngine::change_index(const char* command,
                               const std::map<std::string, std::vector<std::string>>& keys,
                               std::vector<Command>* commands) const {
  const bool adds = std::string_view(command) == "ZADD";
  for (const auto& [index, members] : keys) {
    std::vector<std::string> words;
    for (const std::string& member : members) {
      if (adds) {
        words.emplace_back("0");
      }
      words.push_back(member);
    }
    add_chunked({command, index_key(index)}, adds ? 2 : 1, std::move(words), commands);
  }
}

// Lists the indexes that the server may not list yet. A scan looks into them from now on: whether
// the batch came through may stay unknown.
void RedisEngine::announce(const std::map<std::string, std::vector<std::string>>& keys,
                           std::vector<Command>* commands, std::vector<std::string>* fresh) {
  const std::lock_guard lock(mutex_);
  for (const auto& [index, unused] : keys) {
    if (!indexes_.try_emplace(index, false).first->second) {
      fresh->push_back(index);
      commands->push_back({"ZADD", prefix_ + "d", "0", index});
    }
  }
}

std::vector<std::string> RedisEngine::indexes_between(std::string_view begin,
                                                      std::string_view end) {
  std::vector<std::string> between;
  const std::lock_guard lock(mutex_);
  for (auto it = indexes_.lower_bound(index_of(begin));
       it != indexes_.end() && (end.empty() || it->first < end); ++it) {
    between.push_back(it->first);
  }
  return between;
}

Command RedisEngine::keys_command(std::string_view index, std::string_view begin, bool after_begin,
                                  std::string_view end, std::size_t count) const {
  const std::string lower = begin.empty() ? "-" : (after_begin ? "(" : "[") + std::string(begin);
  const std::string upper = end.empty() ? "+" : "(" + std::string(end);
  return {"ZRANGEBYLEX", index_key(index), lower, upper, "LIMIT", "0", std::to_string(count)};
}

Status RedisEngine::scan(std::string_view begin, std::string_view end, ScanVisitor visitor) {
  bool stopped = false;
  for (const std::string& index : indexes_between(begin, end)) {
    Status status = scan_index(index, begin, end, visitor, &stopped);
    if (!status.ok() || stopped) {
      return status;
    }
  }
  return Status();
}

Status RedisEngine::scan_index(std::string_view index, std::string_view begin, std::string_view end,
                               ScanVisitor visitor, bool* stopped) {
  std::string from(begin);
  bool after_from = false;
  std::size_t count = kPageEntriesFirst;
  while (true) {
    std::vector<Reply> keys;
    Status status = read({keys_command(index, from, after_from, end, count)}, &keys);
    if (!status.ok() || keys[0].elements.empty()) {
      return status;
    }
    Command wanted = {"MGET"};
    for (const Reply& key : keys[0].elements) {
      wanted.push_back(record_key(key.text));
    }
    std::vector<Reply> values;
    status = read({std::move(wanted)}, &values);
    if (!status.ok()) {
      return status;
    }
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < keys[0].elements.size(); ++i) {
      const Reply& value = values[0].elements[i];
      bytes += value.text.size();
      // Not there: removed since the page's keys were read.
      if (value.kind == Reply::Kind::kText && !visitor(keys[0].elements[i].text, value.text)) {
        *stopped = true;
        return status;
      }
    }
    if (keys[0].elements.size() < count) {
      return status;
    }
    from = std::move(keys[0].elements.back().text);
    after_from = true;
    // Pages of about the bytes wanted, whatever the values' size.
    count = bytes > kPageBytesWanted ? std::max<std::size_t>(count / 2, 1)
                                     : std::min(count * 2, kPageEntriesMax);
  }
}

Status RedisEngine::erase(std::string_view begin, std::string_view end) {
  for (const std::string& index : indexes_between(begin, end)) {
    Status status = erase_index(index, begin, end);
    if (!status.ok()) {
      return status;
    }
  }
  return Status();
}

// Key by key as listed: a range of the index could hold a key that was put since.
Status RedisEngine::erase_index(std::string_view index, std::string_view begin,
                                std::string_view end) {
  while (true) {
    std::vector<Reply> keys;
    Status status = read({keys_command(index, begin, false, end, kErasedAtOnceMax)}, &keys);
    if (!status.ok() || keys[0].elements.empty()) {
      return status;
    }
    Command records = {"DEL"};
    Command members = {"ZREM", index_key(index)};
    for (Reply& key : keys[0].elements) {
      records.push_back(record_key(key.text));
      members.push_back(std::move(key.text));
    }
    status = transact({std::move(records), std::move(members)});
    if (!status.ok()) {
      return status;
    }
  }
}

EngineStats RedisEngine::stats() {
  Request request = figures_request();
  EngineStats figures;
  const std::lock_guard lock(mutex_);
  figures = figures_;
  figures.others.emplace_back("connections-lost", connection_->losses());
  if (!asked_figures_.valid() ||
      asked_figures_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
    asked_figures_ = connection_->post(std::move(request));
  }
  return figures;
}

Request RedisEngine::figures_request() {
  Request request;
  request.commands.push_back({"INFO", "memory"});
  for (const std::string& index : indexes_between({}, {})) {
    request.commands.push_back({"ZCARD", index_key(index)});
  }
  request.answered = [this](std::vector<Reply>& replies) {
    EngineStats figures;
    const std::string& memory = replies[0].text;
    const std::string_view field = "used_memory:";
    const std::size_t at = memory.find(field);
    if (at != std::string::npos) {
      std::from_chars(memory.data() + at + field.size(), memory.data() + memory.size(),
                      figures.memory_bytes);
    }
    for (std::size_t i = 1; i < replies.size(); ++i) {
      figures.records += static_cast<std::uint64_t>(std::max<std::int64_t>(replies[i].integer, 0));
    }
    const std::lock_guard lock(mutex_);
    figures_ = std::move(figures);
    return Status();
  };
  return request;
}

Status read_settings(const OpenOptions& options, RedisEngine::Setup* setup) {
  SettingsReader reader(options.settings);
  const std::string_view url = reader.text("url", "redis://127.0.0.1:6379/0");
  std::optional<Address> address = parse_address(url);
  if (address) {
    setup->address = std::move(*address);
  } else {
    reader.refuse(
        "engine setting 'url' must be redis://[[user]:password@]host[:port][/database] or "
        "unix://[[user]:password@]/path[?db=database]");
  }
  setup->prefix = reader.text("prefix", "");
  setup->timeout_ms = reader.number("timeout-ms", 5000, 1, kTimeoutMsMax);
  return reader.finish();
}

}  // namespace

OpenedEngine open_redis_engine(const OpenOptions& options) {
  RedisEngine::Setup setup;
  Status status = read_settings(options, &setup);
  std::unique_ptr<Ledger> ledger;
  if (status.ok()) {
    status = Ledger::open(options.dir, &ledger);
  }
  if (!status.ok()) {
    return {std::move(status), nullptr};
  }
  if (setup.prefix.empty()) {
    setup.prefix = "kindred:" + ledger->owner() + ":";
  }
  auto engine = std::make_unique<RedisEngine>(std::move(setup), std::move(ledger));
  status = engine->start();
  if (!status.ok()) {
    return {std::move(status), nullptr};
  }
  return {Status(), std::move(engine)};
}

EngineFactory redis_engine_factory() {
  return {1, kCapabilities, open_redis_engine};
}

}  // namespace kindred::plugins::redis
