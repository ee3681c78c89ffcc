#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "server/session/call.h"
#include "server/session/task.h"

namespace kindred {

/// A command whose operations build on the answers of earlier ones. Each step asks for several
/// operations side by side and goes on when all are answered. Its connection executes nothing else
/// meanwhile, so the handler must run where nothing is in flight (Handler::waits_for_all).
class Steps : public Task {
 public:
  void start(Call& call) final;
  bool holds_arguments() const final { return true; }
  void operation_done(Call& call, uint32_t part, Outcome& outcome) final;

 protected:
  using Next = std::function<void(Call& call, std::vector<Outcome>& outcomes)>;

  /// The first step: asks, or writes the reply.
  virtual void begin(Call& call) = 0;

  std::span<const std::string_view> args() const { return args_; }
  std::string_view arg(size_t index) const { return args_[index]; }
  /// An operation on the key at that argument.
  Operation operation(Call& call, OpKind kind, size_t key_index) const;

  /// Asks for `operations`, one to kPartsMax of them; `next` gets the outcomes in the same order
  /// and asks again or writes the reply.
  void ask_all(Call& call, std::span<const Operation> operations, Next next);
  void ask_one(Call& call, const Operation& operation, Next next) {
    ask_all(call, {&operation, 1}, std::move(next));
  }
  /// Writes the error of the first outcome that is none of kOk and returns true. `some_written`: of
  /// the whole command it can no longer be said that nothing was applied.
  [[nodiscard]] static bool any_failed(Call& call, std::span<const Outcome> outcomes,
                                       bool some_written);

 private:
  void go_on(Call& call);

  struct Asked {
    Access access = Access::kPlain;
    uint8_t bucket = 0;
  };

  std::span<const std::string_view> args_;
  std::vector<Asked> asked_;
  std::vector<Outcome> outcomes_;
  size_t missing_ = 0;
  bool asking_ = false;
  Next next_;
};

/// One read of the key at `key_index`, then `tell` writes the reply out of the outcome.
void read_then(Call& call, size_t key_index, std::function<void(Call&, Outcome&)> tell);

}  // namespace kindred
