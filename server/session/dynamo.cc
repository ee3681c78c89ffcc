#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include "protocol/command/errors.h"
#include "protocol/context/context_codec.h"
#include "replication/causal/write.h"
#include "server/session/gather.h"
#include "server/session/handlers.h"
#include "server/session/options.h"
#include "server/session/ring_view.h"

namespace kindred {

namespace {

std::string hex(uint64_t number) {
  char digits[16];
  for (int i = 15; i >= 0; --i, number >>= 4) {
    digits[i] = "0123456789abcdef"[number & 0xf];
  }
  return {digits, sizeof(digits)};
}

std::string dot_text(const Dot& dot) {
  return hex(dot.actor) + "@" + std::to_string(dot.stamp);
}

std::string context_text(Call& call, std::string_view key, const ClientContext& context) {
  ContextCodec* codec = call.hub().contexts();
  return codec != nullptr && !context.empty() ? codec->encode(key, context) : std::string();
}

std::string_view bad_context_text(ContextStatus status) {
  switch (status) {
    case ContextStatus::kOk:
      break;
    case ContextStatus::kMalformed:
      return "BADCONTEXT not a context of this version";
    case ContextStatus::kUnknownTagKey:
      return "BADCONTEXT the key that tagged the context is no longer valid";
    case ContextStatus::kForged:
      return "BADCONTEXT the context was altered, or is another cluster's";
    case ContextStatus::kOtherKey:
      return "BADCONTEXT the context is of another key";
  }
  return "BADCONTEXT refused";
}

void refuse_context(Call& call, ContextStatus status) {
  ++call.hub().stats().rejected_contexts;
  call.error(bad_context_text(status));
}

/// False where the error is written. The empty text is the empty context.
bool context_argument(Call& call, std::string_view key, std::string_view text,
                      ClientContext* context) {
  if (text.empty()) {
    return true;
  }
  ContextCodec* codec = call.hub().contexts();
  const ContextStatus status =
      codec != nullptr ? codec->decode(key, text, context) : ContextStatus::kForged;
  if (status != ContextStatus::kOk) {
    refuse_context(call, status);
    return false;
  }
  return true;
}

// --- reading ---

constexpr uint16_t kWithMeta = 1;  // of ReplySlot::flags

void write_sibling(ReplyWriter& reply, const Sibling& sibling, bool with_meta, uint64_t now_ms) {
  if (!with_meta) {
    reply.bulk(sibling.value.bytes());
    return;
  }
  reply.array(4);
  reply.bulk(sibling.value.bytes());
  reply.bulk(dot_text(sibling.dot));
  reply.integer(static_cast<int64_t>(stamp_unix_ms(sibling.dot.stamp)));
  reply.integer(sibling.expire_at_ms == 0 ? -1
                                          : static_cast<int64_t>(sibling.expire_at_ms - now_ms));
}

/// Context, living siblings, and how strict the answer is where that is wanted.
void write_versions(Call& call, std::string_view key, const Outcome& outcome, bool with_meta) {
  const uint64_t now_ms = call.now_ms();
  const std::string context = context_text(call, key, context_of_read(outcome.state));
  size_t living = 0;
  for (const Sibling& sibling : outcome.state.siblings) {
    living += sibling.expired(now_ms) ? 0 : 1;
  }
  ReplyWriter& reply = call.reply();
  reply.array(with_meta ? 3 : 2);
  reply.bulk(context);
  reply.array(living);
  for (const Sibling& sibling : outcome.state.siblings) {
    if (!sibling.expired(now_ms)) {
      write_sibling(reply, sibling, with_meta, now_ms);
    }
  }
  if (with_meta) {
    reply.bulk(outcome.strict ? "strict" : "sloppy");
  }
}

void tell_versions(Call& call, Outcome& outcome) {
  if (!call.failed(outcome)) {
    write_versions(call, call.slot().key, outcome, (call.slot().flags & kWithMeta) != 0);
  }
}

/// DMGET: each element is DGET's reply for its key, an error included.
class ReadMany final : public Gather {
 public:
  ReadMany() : Gather(1, 1) {}

 private:
  struct Answer {
    std::string key;
    Outcome outcome;
  };

  void begin(Call& call) override {
    answers_.resize(total());
    for (size_t i = 0; i < answers_.size(); ++i) {
      answers_[i].key = call.arg(i + 1);
    }
  }
  void prepare(size_t, Operation* operation) override {
    operation->kind = OpKind::kRead;
    operation->flags = op_flag::kWantState;
  }
  bool takes_errors() const override { return true; }
  void take(Call&, size_t part, Outcome& outcome) override {
    outcome.state.own();
    answers_[part].outcome = std::move(outcome);
  }
  void finish(Call& call) override {
    call.reply().array(answers_.size());
    for (const Answer& answer : answers_) {
      if (!call.failed(answer.outcome)) {
        write_versions(call, answer.key, answer.outcome, false);
      }
    }
  }

  std::vector<Answer> answers_;
};

void tell_context(Call& call, Outcome& outcome) {
  if (!call.failed(outcome)) {
    call.reply().bulk(context_text(call, call.slot().key, outcome.context));
  }
}

// --- explaining ---

void write_replica(Call& call, ReplyWriter& reply, const ReplicaReport& report) {
  const std::string context = context_text(call, call.slot().key, context_of_read(report.state));
  reply.map(5);
  write_text_field(reply, "node", ring_view(call).name_of(report.node));
  write_text_field(reply, "copy", report.whole ? "whole" : "filling");
  write_text_field(reply, "context", context);
  write_text_field(reply, "digest", hex(digest(report.state)));
  reply.bulk("versions");
  reply.array(report.state.siblings.size());
  for (const Sibling& sibling : report.state.siblings) {
    reply.map(2);
    write_text_field(reply, "dot", dot_text(sibling.dot));
    write_number_field(reply, "size", sibling.value.size());
  }
}

void tell_explanation(Call& call, Outcome& outcome) {
  if (call.failed(outcome)) {
    return;
  }
  const auto slot = static_cast<SlotIndex>(call.slot().number);
  const PartitionIndex partition = call.hub().partitions().of(call.slot().key, slot);
  size_t answered = 0;
  bool agree = true;
  const ReplicaReport* first = nullptr;
  for (const ReplicaReport& report : outcome.replicas) {
    if (report.answered) {
      ++answered;
      first = first != nullptr ? first : &report;
      agree &= digest(report.state) == digest(first->state);
    }
  }
  ReplyWriter& reply = call.reply();
  reply.map(7);
  write_text_field(reply, "key", call.slot().key);
  write_number_field(reply, "slot", slot);
  write_number_field(reply, "partition", partition);
  write_number_field(reply, "ring_epoch", outcome.epoch);
  reply.bulk("preference_list");
  write_preference_list(reply, ring_view(call), partition);
  reply.bulk("replicas");
  reply.array(answered);
  for (const ReplicaReport& report : outcome.replicas) {
    if (report.answered) {
      write_replica(call, reply, report);
    }
  }
  reply.bulk("agree");
  reply.integer(agree ? 1 : 0);
}

/// DCONTEXT: who made the versions it covers is asked of the nodes.
class ExplainContext final : public Task {
 public:
  explicit ExplainContext(ContextDescription description) : description_(std::move(description)) {}

  void start(Call& call) override {
    const CausalContext& covered = description_.context.covered;
    std::vector<ActorId> actors;
    for (const CausalContext::Entry& entry : covered.vector()) {
      actors.push_back(entry.actor);
    }
    for (const Dot& dot : covered.dots()) {
      actors.push_back(dot.actor);
    }
    call.ask_service([&](NodeService& service, ClientToken token) {
      service.name_actors(token, std::move(actors));
    });
  }

  void keys_done(Call& call, std::vector<std::string>& names) override {
    std::string key_hash;
    for (const uint8_t byte : description_.key_digest) {
      key_hash += hex(byte).substr(14);
    }
    const CausalContext& covered = description_.context.covered;
    const Dot floor = description_.context.floor;
    ReplyWriter& reply = call.reply();
    reply.map(3);
    write_text_field(reply, "key_hash", description_.context.empty() ? std::string() : key_hash);
    reply.bulk("entries");
    reply.array(covered.vector().size() + covered.dots().size());
    auto name = names.begin();
    for (const CausalContext::Entry& entry : covered.vector()) {
      write_entry(reply, Dot{.stamp = entry.stamp, .actor = entry.actor}, *name++, "up to");
    }
    for (const Dot& dot : covered.dots()) {
      write_entry(reply, dot, *name++, "only");
    }
    write_text_field(reply, "floor", floor.is_zero() ? std::string() : dot_text(floor));
  }

 private:
  /// Who, on which node, and whether all up to the counter or just that one.
  static void write_entry(ReplyWriter& reply, const Dot& last, std::string_view node,
                          std::string_view covers) {
    reply.map(4);
    write_text_field(reply, "actor", hex(last.actor));
    write_text_field(reply, "node", node);
    write_number_field(reply, "counter", last.stamp);
    write_text_field(reply, "covers", covers);
  }

  ContextDescription description_;
};

}  // namespace

void run_dget(Call& call) {
  const auto options = version_options(call, 2);
  if (!options) {
    return;
  }
  Operation operation = call.operation(options->local ? OpKind::kReadLocal : OpKind::kRead);
  operation.flags = op_flag::kWantState;
  if (!options->local) {
    operation.quorum = options->quorum;
  }
  call.slot().key = call.arg(1);
  call.slot().flags = options->with_meta ? kWithMeta : 0;
  call.submit(operation, tell_versions);
}

void run_dmget(Call& call) {
  if (!call.must_wait(OpKind::kRead, 1, 1)) {
    call.start(std::make_unique<ReadMany>());
  }
}

void run_dput(Call& call) {
  const auto options = version_options(call, 4);
  if (!options) {
    return;
  }
  Operation operation = call.operation(OpKind::kPut);
  if (!context_argument(call, call.arg(1), call.arg(2), &operation.context)) {
    return;
  }
  operation.value = Value::borrowed(call.arg(3));
  operation.expire_at_ms = options->expire_at_ms;
  operation.quorum = options->quorum;
  call.slot().key = call.arg(1);
  call.submit(operation, tell_context);
}

void run_ddel(Call& call) {
  const auto options = version_options(call, 3);
  if (!options) {
    return;
  }
  Operation operation = call.operation(OpKind::kRemove);
  if (!context_argument(call, call.arg(1), call.arg(2), &operation.context)) {
    return;
  }
  if (operation.context.empty()) {
    call.reply().bulk("");
    return;
  }
  operation.quorum = options->quorum;
  call.slot().key = call.arg(1);
  call.submit(operation, tell_context);
}

void run_dexplain(Call& call) {
  const Operation operation = call.operation(OpKind::kExplain);
  call.slot().key = call.arg(1);
  call.slot().number = operation.key.slot;
  call.submit(operation, tell_explanation);
}

void run_dcontext(Call& call) {
  ContextDescription description;
  ContextCodec* codec = call.hub().contexts();
  const std::string_view text = call.arg(1);
  if (!text.empty()) {
    const ContextStatus status =
        codec != nullptr ? codec->describe(text, &description) : ContextStatus::kForged;
    if (status != ContextStatus::kOk) {
      refuse_context(call, status);
      return;
    }
  }
  call.start(std::make_unique<ExplainContext>(std::move(description)));
}

}  // namespace kindred
