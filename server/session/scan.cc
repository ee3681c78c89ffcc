#include "replication/node/scan.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/command/errors.h"
#include "protocol/resp/glob.h"
#include "protocol/resp/number.h"
#include "replication/ring/slot.h"
#include "server/session/handlers.h"
#include "server/session/options.h"
#include "server/session/outcome_text.h"

namespace kindred {

namespace {

constexpr uint64_t kCursorEnd = uint64_t{kSlotCount} << ScanRequest::kHashBits;

/// What of a walk may take no longer than a request: all of it, or only the waiting for nodes that
/// are slow to answer, as the work may be a lot.
enum class Patience : uint8_t { kForAll, kForWaiting };

/// Walks pages of the whole store's keys from a cursor on. What becomes of the keys is its heirs'.
class Walk : public Task {
 public:
  Walk(uint64_t cursor, uint32_t count, Patience patience)
      : cursor_(cursor), count_(count), patience_(patience) {}

  void start(Call& call) final {
    timeout_ms_ = call.hub().settings().request_timeout_ms;
    go_on(call);
  }

  void scan_done(Call& call, ScanPage& page) final {
    waiting_ = false;
    const uint64_t page_ms = call.service().mono_ms() - asked_at_ms_;
    const uint64_t work_ms = patience_ == Patience::kForAll ? 0 : std::min(page_ms, work_ms_max());
    spent_ms_ += page_ms - work_ms;
    if (!page.ok) {
      ended_ = true;
      call.error(scan_error(page, call.hub().settings().request_timeout_ms));
      return;
    }
    cursor_ = page.cursor;
    for (ScannedKey& key : page.keys) {
      take(key);
    }
    seen_ += page.keys.size();
    ends_met_ += cursor_ == 0 ? 1 : 0;
    go_on(call);
  }

 protected:
  uint64_t cursor() const { return cursor_; }
  uint64_t seen() const { return seen_; }
  /// How often the walk came to the end of the store; it goes on at its beginning.
  unsigned ends_met() const { return ends_met_; }
  /// No more should be begun: what was asked for now might not be answered in time.
  bool half_spent() const { return spent_ms_ >= timeout_ms_ / 2; }

  virtual void take(ScannedKey& key) = 0;
  /// Whether another page is wanted, once there was one; cursor() is 0 after the last one.
  virtual bool wants_more() const = 0;
  virtual void finish(Call& call) = 0;

 private:
  void go_on(Call& call) {
    pump_.run([&] {
      if (waiting_ || ended_ || (started_ && !wants_more())) {
        return false;
      }
      started_ = true;
      waiting_ = true;
      asked_at_ms_ = call.service().mono_ms();
      const ScanRequest request{
          .cursor = cursor_, .count = count_, .timeout_ms = page_timeout_ms()};
      call.ask_service(
          [&](NodeService& service, ClientToken token) { service.submit_scan(token, request); });
      return true;
    });
    if (!waiting_ && !ended_ && !wants_more()) {
      ended_ = true;
      finish(call);
    }
  }

  /// What a page may take without being counted as waiting.
  uint64_t work_ms_max() const { return timeout_ms_ / 4; }
  uint32_t page_timeout_ms() const {
    const uint64_t left_ms = timeout_ms_ - std::min<uint64_t>(spent_ms_, timeout_ms_);
    const uint64_t work_ms = patience_ == Patience::kForAll ? 0 : work_ms_max();
    return static_cast<uint32_t>(std::clamp<uint64_t>(left_ms + work_ms, 1, timeout_ms_));
  }

  uint64_t cursor_;
  uint32_t count_;
  Patience patience_;
  uint32_t timeout_ms_ = 0;
  uint64_t asked_at_ms_ = 0;
  uint64_t spent_ms_ = 0;
  uint64_t seen_ = 0;
  unsigned ends_met_ = 0;
  bool started_ = false;
  bool waiting_ = false;
  bool ended_ = false;
  Pump pump_;
};

struct Filter {
  std::optional<std::string> pattern;
  bool strings_only = false;  // TYPE string
  bool nothing = false;       // TYPE of something that there is not

  bool passes(const ScannedKey& key) const {
    return !nothing && (!strings_only || key.type == kTypeString) &&
           (!pattern || glob_match(*pattern, key.key));
  }
};

class Scan final : public Walk {
 public:
  Scan(uint64_t cursor, uint32_t count, Filter filter)
      : Walk(cursor, count, Patience::kForAll), wanted_(count), filter_(std::move(filter)) {}

 private:
  void take(ScannedKey& key) override {
    if (filter_.passes(key)) {
      keys_.push_back(std::move(key.key));
    }
  }
  bool wants_more() const override { return cursor() != 0 && seen() < wanted_ && !half_spent(); }
  void finish(Call& call) override {
    ReplyWriter& reply = call.reply();
    reply.array(2);
    reply.bulk(std::to_string(cursor()));
    reply.array(keys_.size());
    for (const std::string& key : keys_) {
      reply.bulk(key);
    }
  }

  uint64_t wanted_;
  Filter filter_;
  std::vector<std::string> keys_;
};

class Keys final : public Walk {
 public:
  explicit Keys(std::string_view pattern) : Walk(0, kPageKeys, Patience::kForWaiting) {
    filter_.pattern = pattern;
  }

 private:
  static constexpr uint32_t kPageKeys = 1000;

  void take(ScannedKey& key) override {
    if (filter_.passes(key)) {
      keys_.push_back(std::move(key.key));
    }
  }
  bool wants_more() const override { return cursor() != 0; }
  void finish(Call& call) override {
    ReplyWriter& reply = call.reply();
    reply.array(keys_.size());
    for (const std::string& key : keys_) {
      reply.bulk(key);
    }
  }

  Filter filter_;
  std::vector<std::string> keys_;
};

/// Walks from a random place, round the end, until it meets a key.
class RandomKey final : public Walk {
 public:
  explicit RandomKey(uint64_t random)
      : Walk(random % kCursorEnd, kPageKeys, Patience::kForWaiting), random_(random) {}

 private:
  static constexpr uint32_t kPageKeys = 16;

  void take(ScannedKey& key) override { keys_.push_back(std::move(key.key)); }
  bool wants_more() const override {
    // The part before the random place is walked after the first end.
    return keys_.empty() && ends_met() < 2;
  }
  void finish(Call& call) override {
    if (keys_.empty()) {
      call.reply().null();
    } else {
      call.reply().bulk(keys_[random_ % keys_.size()]);
    }
  }

  uint64_t random_;
  std::vector<std::string> keys_;
};

/// As Redis reads it: strtoul of the whole text, without a leading space.
std::optional<uint64_t> parse_cursor(std::string_view text) {
  const std::string terminated(text);
  if (text.empty() || std::isspace(static_cast<unsigned char>(text.front())) != 0 ||
      terminated.find('\0') != std::string::npos) {
    return std::nullopt;
  }
  char* end = nullptr;
  errno = 0;
  const unsigned long cursor = std::strtoul(terminated.c_str(), &end, 10);
  if (errno == ERANGE || *end != '\0') {
    return std::nullopt;
  }
  return cursor;
}

struct ScanOptions {
  uint32_t count = 10;
  Filter filter;
};

std::optional<ScanOptions> scan_options(Call& call) {
  ScanOptions options;
  for (size_t i = 2; i < call.arg_count(); i += 2) {
    const bool has_value = i + 1 < call.arg_count();
    if (has_value && is_word(call.arg(i), "count")) {
      const auto count = integer_argument(call, i + 1);
      if (!count) {
        return std::nullopt;
      }
      if (*count < 1) {
        call.error(error_text::kSyntax);
        return std::nullopt;
      }
      options.count = static_cast<uint32_t>(std::min<int64_t>(*count, 1'000'000));
    } else if (has_value && is_word(call.arg(i), "match")) {
      options.filter.pattern = call.arg(i + 1);
    } else if (has_value && is_word(call.arg(i), "type")) {
      options.filter.strings_only = is_word(call.arg(i + 1), "string");
      options.filter.nothing = !options.filter.strings_only;
    } else {
      call.error(error_text::kSyntax);
      return std::nullopt;
    }
  }
  return options;
}

}  // namespace

void run_scan(Call& call) {
  const auto cursor = parse_cursor(call.arg(1));
  if (!cursor) {
    call.error(error_text::kInvalidCursor);
    return;
  }
  auto options = scan_options(call);
  if (!options) {
    return;
  }
  if (*cursor >= kCursorEnd) {
    ReplyWriter& reply = call.reply();
    reply.array(2);
    reply.bulk("0");
    reply.array(0);
    return;
  }
  call.start(std::make_unique<Scan>(*cursor, options->count, std::move(options->filter)));
}

void run_keys(Call& call) {
  call.start(std::make_unique<Keys>(call.arg(1)));
}

void run_randomkey(Call& call) {
  call.start(std::make_unique<RandomKey>(call.hub().random()));
}

}  // namespace kindred
