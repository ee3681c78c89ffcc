#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/command/errors.h"
#include "server/session/handlers.h"
#include "server/session/options.h"
#include "server/session/read.h"
#include "server/session/steps.h"

// LCS: the longest common subsequence of two strings. Source: https://redis.io/commands/lcs/.

namespace kindred {

namespace {

/// The table takes 4 bytes for each pair of bytes and time in proportion, on a worker's loop.
constexpr uint64_t kTableBytesMax = uint64_t{64} << 20;

struct LcsOptions {
  bool only_length = false;
  bool with_ranges = false;
  bool with_lengths = false;
  int64_t length_min = 0;
};

/// Bytes that run alike in both strings: first and last of each.
struct LcsMatch {
  uint32_t a_first, a_last;
  uint32_t b_first, b_last;
  uint32_t length() const { return a_last - a_first + 1; }
};

class LcsTable {
 public:
  LcsTable(std::string_view a, std::string_view b)
      : a_(a), b_(b), cells_((a.size() + 1) * (b.size() + 1)) {
    for (size_t i = 1; i <= a.size(); ++i) {
      for (size_t j = 1; j <= b.size(); ++j) {
        at(i, j) =
            a[i - 1] == b[j - 1] ? at(i - 1, j - 1) + 1 : std::max(at(i - 1, j), at(i, j - 1));
      }
    }
  }

  uint32_t length() { return at(a_.size(), b_.size()); }

  /// Walks back from the ends: the subsequence, and its matches, the last one first.
  std::string trace(std::vector<LcsMatch>* matches) {
    std::string common(length(), '\0');
    size_t left = common.size();
    size_t i = a_.size();
    size_t j = b_.size();
    while (i > 0 && j > 0) {
      if (a_[i - 1] == b_[j - 1]) {
        common[--left] = a_[i - 1];
        add(static_cast<uint32_t>(i - 1), static_cast<uint32_t>(j - 1), matches);
        --i;
        --j;
      } else if (at(i - 1, j) > at(i, j - 1)) {
        --i;
      } else {
        --j;
      }
    }
    return common;
  }

 private:
  uint32_t& at(size_t i, size_t j) { return cells_[i * (b_.size() + 1) + j]; }

  static void add(uint32_t a, uint32_t b, std::vector<LcsMatch>* matches) {
    if (!matches->empty() && matches->back().a_first == a + 1 && matches->back().b_first == b + 1) {
      matches->back().a_first = a;
      matches->back().b_first = b;
    } else {
      matches->push_back({a, a, b, b});
    }
  }

  std::string_view a_;
  std::string_view b_;
  std::vector<uint32_t> cells_;
};

void write_range(uint32_t first, uint32_t last, ReplyWriter& reply) {
  reply.array(2);
  reply.integer(first);
  reply.integer(last);
}

class Lcs final : public Steps {
 public:
  explicit Lcs(LcsOptions options) : options_(options) {}

 private:
  void begin(Call& call) override {
    const Operation reads[] = {operation(call, OpKind::kRead, 1),
                               operation(call, OpKind::kRead, 2)};
    ask_all(call, reads,
            [this](Call& answered, std::vector<Outcome>& outcomes) { tell(answered, outcomes); });
  }

  void tell(Call& call, std::vector<Outcome>& outcomes) {
    if (any_failed(call, outcomes, false)) {
      return;
    }
    std::string_view values[2];
    for (size_t i = 0; i < 2; ++i) {
      const Sibling* found = found_sibling(outcomes[i], call.now_ms());
      if (found != nullptr && found->type != kTypeString) {
        call.error("ERR The specified keys must contain string values");
        return;
      }
      values[i] = found != nullptr ? found->value.bytes() : std::string_view();
    }
    const uint64_t cells = uint64_t{values[0].size() + 1} * (values[1].size() + 1);
    if (cells > kTableBytesMax / sizeof(uint32_t)) {
      call.error("ERR String too long for LCS");
      return;
    }
    LcsTable table(values[0], values[1]);
    if (options_.only_length) {
      call.reply().integer(table.length());
      return;
    }
    std::vector<LcsMatch> matches;
    const std::string common = table.trace(&matches);
    if (options_.with_ranges) {
      tell_matches(table.length(), matches, call.reply());
    } else {
      call.reply().bulk(common);
    }
  }

  void tell_matches(uint32_t length, std::vector<LcsMatch>& matches, ReplyWriter& reply) const {
    std::erase_if(matches, [&](const LcsMatch& match) {
      return options_.length_min > 0 && match.length() < options_.length_min;
    });
    reply.map(2);
    reply.bulk("matches");
    reply.array(matches.size());
    for (const LcsMatch& match : matches) {
      reply.array(options_.with_lengths ? 3 : 2);
      write_range(match.a_first, match.a_last, reply);
      write_range(match.b_first, match.b_last, reply);
      if (options_.with_lengths) {
        reply.integer(match.length());
      }
    }
    reply.bulk("len");
    reply.integer(length);
  }

  LcsOptions options_;
};

std::optional<LcsOptions> lcs_options(Call& call) {
  LcsOptions options;
  for (size_t i = 3; i < call.arg_count(); ++i) {
    if (is_word(call.arg(i), "idx")) {
      options.with_ranges = true;
    } else if (is_word(call.arg(i), "len")) {
      options.only_length = true;
    } else if (is_word(call.arg(i), "withmatchlen")) {
      options.with_lengths = true;
    } else if (is_word(call.arg(i), "minmatchlen") && i + 1 < call.arg_count()) {
      const auto length = integer_argument(call, ++i);
      if (!length) {
        return std::nullopt;
      }
      options.length_min = std::max<int64_t>(*length, 0);
    } else {
      call.error(error_text::kSyntax);
      return std::nullopt;
    }
  }
  if (options.with_ranges && options.only_length) {
    call.error("ERR If you want both the length and indexes, please just use IDX.");
    return std::nullopt;
  }
  return options;
}

}  // namespace

void run_lcs(Call& call) {
  const auto options = lcs_options(call);
  if (options) {
    call.start(std::make_unique<Lcs>(*options));
  }
}

}  // namespace kindred
