#include <algorithm>
#include <bit>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/command/errors.h"
#include "protocol/resp/number.h"
#include "replication/mutation/bitfield.h"
#include "server/session/handlers.h"
#include "server/session/options.h"
#include "server/session/read.h"
#include "server/session/steps.h"

// Bitmaps: commands on the bits of a string.

namespace kindred {

namespace {

constexpr std::string_view kBadBitOffset = "ERR bit offset is not an integer or out of range";
constexpr std::string_view kBadBit = "ERR bit is not an integer or out of range";
constexpr std::string_view kBadBitType =
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 "
    "is.";

/// A bit's place. `#n` counts in integers of `hash_bits`, where that is not 0.
std::optional<uint64_t> bit_offset(Call& call, std::string_view text, unsigned bits,
                                   bool takes_hash) {
  const bool hash = takes_hash && !text.empty() && text.front() == '#';
  const auto number = parse_int64(hash ? text.substr(1) : text);
  uint64_t offset = 0;
  const bool valid =
      number && *number >= 0 &&
      !__builtin_mul_overflow(static_cast<uint64_t>(*number), hash ? bits : 1U, &offset) &&
      offset / 8 < call.hub().settings().value_bytes_max();
  if (!valid) {
    call.error(kBadBitOffset);
    return std::nullopt;
  }
  return offset;
}

// --- SETBIT, GETBIT, BITFIELD ---

void tell_first_result(Call& call, Outcome& outcome) {
  if (call.failed(outcome)) {
    return;
  }
  std::vector<BitfieldResult> results;
  if (!decode_results(outcome.value.bytes(), &results) || results.empty()) {
    call.error("ERR the coordinator's answer could not be read");
    return;
  }
  call.reply().integer(results.front().value_or(0));
}

void tell_bit(Call& call, Outcome& outcome) {
  std::string_view value;
  if (read_string(call, outcome, &value) == StringRead::kFailed) {
    return;
  }
  const auto bit = static_cast<uint64_t>(call.slot().number);
  const uint64_t byte = bit / 8;
  const int set =
      byte < value.size() ? (static_cast<uint8_t>(value[byte]) >> (7 - bit % 8)) & 1 : 0;
  call.reply().integer(set);
}

void write_results(const std::vector<BitfieldResult>& results, ReplyWriter& reply) {
  reply.array(results.size());
  for (const BitfieldResult& result : results) {
    if (result) {
      reply.integer(*result);
    } else {
      reply.null();
    }
  }
}

void tell_results(Call& call, Outcome& outcome) {
  if (call.failed(outcome)) {
    return;
  }
  std::vector<BitfieldResult> results;
  if (!decode_results(outcome.value.bytes(), &results)) {
    call.error("ERR the coordinator's answer could not be read");
    return;
  }
  write_results(results, call.reply());
}

/// "i16", "u8" into sign and width.
bool take_encoding(Call& call, std::string_view text, BitfieldOp* op) {
  const bool is_signed = !text.empty() && text.front() == 'i';
  const bool known = is_signed || (!text.empty() && text.front() == 'u');
  const auto bits = known ? parse_int64(text.substr(1)) : std::nullopt;
  if (!bits || *bits < 1 || *bits > (is_signed ? 64 : 63)) {
    call.error(kBadBitType);
    return false;
  }
  op->is_signed = is_signed;
  op->bits = static_cast<uint8_t>(*bits);
  return true;
}

std::optional<BitfieldOp::Overflow> overflow_word(std::string_view text) {
  if (is_word(text, "wrap")) {
    return BitfieldOp::Overflow::kWrap;
  }
  if (is_word(text, "sat")) {
    return BitfieldOp::Overflow::kSaturate;
  }
  if (is_word(text, "fail")) {
    return BitfieldOp::Overflow::kFail;
  }
  return std::nullopt;
}

/// Reads the operations that follow the key.
class BitfieldWords {
 public:
  std::optional<std::vector<BitfieldOp>> read(Call& call) {
    for (size_t i = 2; i < call.arg_count();) {
      const size_t taken = take(call, i);
      if (taken == 0) {
        return std::nullopt;
      }
      i += taken;
    }
    const bool read_only = call.spec().id == CommandId::kBitfieldRo;
    if (read_only && bytes_written(ops_) > 0) {
      call.error("ERR BITFIELD_RO only supports the GET subcommand");
      return std::nullopt;
    }
    return std::move(ops_);
  }

 private:
  /// How many arguments the operation at `index` has; 0: the error is written.
  size_t take(Call& call, size_t index) {
    const std::string_view word = call.arg(index);
    const size_t more = call.arg_count() - 1 - index;
    BitfieldOp op;
    size_t count = 0;
    if (is_word(word, "get") && more >= 2) {
      count = 3;
    } else if (is_word(word, "set") && more >= 3) {
      op.kind = BitfieldOp::Kind::kSet;
      count = 4;
    } else if (is_word(word, "incrby") && more >= 3) {
      op.kind = BitfieldOp::Kind::kIncrement;
      count = 4;
    } else if (is_word(word, "overflow") && more >= 1) {
      return take_overflow(call, call.arg(index + 1));
    } else {
      call.error(error_text::kSyntax);
      return 0;
    }
    op.overflow = overflow_;
    if (!take_encoding(call, call.arg(index + 1), &op)) {
      return 0;
    }
    const auto offset = bit_offset(call, call.arg(index + 2), op.bits, true);
    if (!offset) {
      return 0;
    }
    op.offset_bits = *offset;
    if (op.writes()) {
      const auto value = integer_argument(call, index + 3);
      if (!value) {
        return 0;
      }
      op.value = *value;
    }
    ops_.push_back(op);
    return count;
  }

  size_t take_overflow(Call& call, std::string_view text) {
    const auto overflow = overflow_word(text);
    if (!overflow) {
      call.error("ERR Invalid OVERFLOW type specified");
      return 0;
    }
    overflow_ = *overflow;
    return 2;
  }

  std::vector<BitfieldOp> ops_;
  BitfieldOp::Overflow overflow_ = BitfieldOp::Overflow::kWrap;
};

// --- BITCOUNT, BITPOS ---

/// A part of a string in bits: first and last, or nothing of it.
struct BitSpan {
  uint64_t first = 0;
  uint64_t last = 0;
};

struct BitRange {
  int64_t start = 0;
  int64_t end = -1;
  bool in_bits = false;
  bool end_given = false;

  /// What the range means for a string of so many bytes.
  std::optional<BitSpan> within(size_t bytes) const {
    const auto units = static_cast<int64_t>(bytes) * (in_bits ? 8 : 1);
    const int64_t from = std::max<int64_t>(start < 0 ? start + units : start, 0);
    const int64_t to = std::min(std::max<int64_t>(end < 0 ? end + units : end, 0), units - 1);
    if (from > to) {
      return std::nullopt;
    }
    const auto first = static_cast<uint64_t>(from);
    const auto last = static_cast<uint64_t>(to);
    return in_bits ? BitSpan{first, last} : BitSpan{first * 8, last * 8 + 7};
  }
};

/// [start [end [BYTE|BIT]]] at `index`, as the text of what is wrong with it, if anything is: Redis
/// says so only of keys that exist.
std::string_view take_range(Call& call, size_t index, BitRange* range) {
  const size_t given = call.arg_count() - std::min(index, call.arg_count());
  if (given > 3) {
    return error_text::kSyntax;
  }
  if (given >= 1) {
    const auto start = parse_int64(call.arg(index));
    if (!start) {
      return error_text::kNotAnInteger;
    }
    range->start = *start;
  }
  if (given == 3) {
    range->in_bits = is_word(call.arg(index + 2), "bit");
    if (!range->in_bits && !is_word(call.arg(index + 2), "byte")) {
      return error_text::kSyntax;
    }
  }
  if (given >= 2) {
    const auto end = parse_int64(call.arg(index + 1));
    if (!end) {
      return error_text::kNotAnInteger;
    }
    range->end = *end;
    range->end_given = true;
  }
  return {};
}

/// The byte with the bits outside of the span cleared.
uint8_t masked(std::string_view value, uint64_t byte, const BitSpan& span) {
  auto bits = static_cast<uint8_t>(value[byte]);
  if (byte == span.first / 8) {
    bits = static_cast<uint8_t>(bits & (0xffU >> (span.first % 8)));
  }
  if (byte == span.last / 8) {
    bits = static_cast<uint8_t>(bits & (0xffU << (7 - span.last % 8)));
  }
  return bits;
}

int64_t count_bits(std::string_view value, const BitSpan& span) {
  int64_t count = 0;
  for (uint64_t byte = span.first / 8; byte <= span.last / 8; ++byte) {
    count += std::popcount(masked(value, byte, span));
  }
  return count;
}

std::optional<uint64_t> find_bit(std::string_view value, const BitSpan& span, bool set) {
  for (uint64_t bit = span.first; bit <= span.last;) {
    const auto byte = static_cast<uint8_t>(value[bit / 8]);
    if (bit % 8 == 0 && byte == (set ? 0 : 0xff)) {
      bit += 8;
      continue;
    }
    if (((byte >> (7 - bit % 8)) & 1U) == (set ? 1U : 0U)) {
      return bit;
    }
    ++bit;
  }
  return std::nullopt;
}

/// BITPOS's answers where there is no such bit: a clear one lies just behind the string, unless an
/// end was given.
int64_t bit_position(std::string_view value, const BitRange& range, bool set) {
  const auto span = range.within(value.size());
  if (!span) {
    return -1;
  }
  const auto found = find_bit(value, *span, set);
  if (found) {
    return static_cast<int64_t>(*found);
  }
  return set || range.end_given ? -1 : static_cast<int64_t>(value.size()) * 8;
}

// --- BITOP ---

enum class BitwiseOp : uint8_t { kAnd, kOr, kXor, kNot };

std::optional<BitwiseOp> bitwise_word(std::string_view text) {
  if (is_word(text, "and")) {
    return BitwiseOp::kAnd;
  }
  if (is_word(text, "or")) {
    return BitwiseOp::kOr;
  }
  if (is_word(text, "xor")) {
    return BitwiseOp::kXor;
  }
  if (is_word(text, "not")) {
    return BitwiseOp::kNot;
  }
  return std::nullopt;
}

/// Shorter values count as if zeros followed.
std::string combine(BitwiseOp op, const std::vector<std::string_view>& values) {
  size_t size = 0;
  for (const std::string_view value : values) {
    size = std::max(size, value.size());
  }
  std::string result(values.front());
  result.resize(size, '\0');
  if (op == BitwiseOp::kNot) {
    for (char& byte : result) {
      byte = static_cast<char>(~byte);
    }
    return result;
  }
  for (size_t i = 1; i < values.size(); ++i) {
    for (size_t at = 0; at < size; ++at) {
      const char other = at < values[i].size() ? values[i][at] : '\0';
      result[at] = static_cast<char>(op == BitwiseOp::kAnd  ? result[at] & other
                                     : op == BitwiseOp::kOr ? result[at] | other
                                                            : result[at] ^ other);
    }
  }
  return result;
}

class CombineBits final : public Steps {
 public:
  explicit CombineBits(BitwiseOp op) : op_(op) {}

 private:
  static constexpr size_t kFirstSource = 3;

  void begin(Call& call) override {
    std::vector<Operation> reads;
    for (size_t i = kFirstSource; i < args().size(); ++i) {
      reads.push_back(operation(call, OpKind::kRead, i));
    }
    ask_all(call, reads, [this](Call& answered, std::vector<Outcome>& outcomes) {
      combine_read(answered, outcomes);
    });
  }

  void combine_read(Call& call, std::vector<Outcome>& outcomes) {
    std::vector<std::string_view> values(outcomes.size());
    for (size_t i = 0; i < outcomes.size(); ++i) {
      if (read_string(call, outcomes[i], &values[i]) == StringRead::kFailed) {
        return;
      }
    }
    result_ = combine(op_, values);
    Operation write = operation(call, result_.empty() ? OpKind::kModify : OpKind::kSet, 2);
    write.modification = result_.empty() ? Modification::kDelete : Modification::kNone;
    write.value = Value::borrowed(result_);
    ask_one(call, write, [this](Call& answered, std::vector<Outcome>& written) {
      if (!any_failed(answered, written, false)) {
        answered.reply().integer(static_cast<int64_t>(result_.size()));
      }
    });
  }

  BitwiseOp op_;
  std::string result_;
};

}  // namespace

void run_setbit(Call& call) {
  const auto offset = bit_offset(call, call.arg(2), 1, false);
  if (!offset) {
    return;
  }
  const auto bit = parse_int64(call.arg(3));
  if (!bit || (*bit != 0 && *bit != 1)) {
    call.error(kBadBit);
    return;
  }
  BitfieldOp op;
  op.kind = BitfieldOp::Kind::kSet;
  op.offset_bits = *offset;
  op.value = *bit;
  const std::string program = encode_bitfield({&op, 1});
  Operation operation = call.modification(Modification::kBitfield);
  operation.value = Value::borrowed(program);
  call.submit(operation, tell_first_result);
}

void run_getbit(Call& call) {
  const auto offset = bit_offset(call, call.arg(2), 1, false);
  if (!offset) {
    return;
  }
  call.slot().number = static_cast<int64_t>(*offset);
  call.submit(call.operation(OpKind::kRead), tell_bit);
}

void run_bitfield(Call& call) {
  auto ops = BitfieldWords().read(call);
  if (!ops) {
    return;
  }
  if (bytes_written(*ops) > 0) {
    const std::string program = encode_bitfield(*ops);
    Operation operation = call.modification(Modification::kBitfield);
    operation.value = Value::borrowed(program);
    call.submit(operation, tell_results);
    return;
  }
  read_then(call, 1, [reads = std::move(*ops)](Call& answered, Outcome& outcome) {
    std::string_view value;
    if (read_string(answered, outcome, &value) != StringRead::kFailed) {
      write_results(read_bitfield(reads, value), answered.reply());
    }
  });
}

void run_bitcount(Call& call) {
  BitRange range;
  std::string_view wrong = take_range(call, 2, &range);
  const bool is_empty = range.start < 0 && range.end < 0 && range.start > range.end;
  if (wrong.empty() && call.arg_count() == 3) {
    wrong = error_text::kSyntax;
  }
  read_then(call, 1, [range, wrong, is_empty](Call& answered, Outcome& outcome) {
    std::string_view value;
    const StringRead read = read_string(answered, outcome, &value);
    if (read == StringRead::kFailed) {
      return;
    }
    if (read == StringRead::kFound && !wrong.empty()) {
      answered.error(wrong);
      return;
    }
    const auto span = is_empty ? std::nullopt : range.within(value.size());
    answered.reply().integer(span ? count_bits(value, *span) : 0);
  });
}

void run_bitpos(Call& call) {
  const auto bit = integer_argument(call, 2);
  if (!bit) {
    return;
  }
  if (*bit != 0 && *bit != 1) {
    call.error("ERR The bit argument must be 1 or 0.");
    return;
  }
  BitRange range;
  const std::string_view wrong = take_range(call, 3, &range);
  read_then(call, 1, [range, wrong, set = *bit == 1](Call& answered, Outcome& outcome) {
    std::string_view value;
    const StringRead read = read_string(answered, outcome, &value);
    if (read == StringRead::kFailed) {
      return;
    }
    if (read == StringRead::kMissing) {
      answered.reply().integer(set ? -1 : 0);
    } else if (!wrong.empty()) {
      answered.error(wrong);
    } else {
      answered.reply().integer(bit_position(value, range, set));
    }
  });
}

void run_bitop(Call& call) {
  const auto op = bitwise_word(call.arg(1));
  if (!op) {
    call.error(error_text::kSyntax);
    return;
  }
  if (*op == BitwiseOp::kNot && call.arg_count() != 4) {
    call.error("ERR BITOP NOT must be called with a single source key.");
    return;
  }
  if (call.arg_count() - 3 > kPartsMax) {
    call.error("ERR BITOP takes at most " + std::to_string(kPartsMax) + " source keys");
    return;
  }
  call.start(std::make_unique<CombineBits>(*op));
}

}  // namespace kindred
