#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/command/command_table.h"
#include "protocol/command/errors.h"
#include "protocol/command/introspection.h"
#include "server/session/handlers.h"
#include "server/session/options.h"
#include "server/session/read.h"

namespace kindred {

namespace {

std::span<const std::string_view> arguments_after(Call& call, size_t names) {
  return call.args().subspan(names);
}

class Info final : public Task {
 public:
  void start(Call& call) override {
    std::vector<std::string> sections;
    for (const std::string_view section : arguments_after(call, 1)) {
      sections.emplace_back(section);
    }
    if (sections.empty()) {
      sections.emplace_back("default");
    }
    call.ask_service(
        [&](NodeService& service, ClientToken token) { service.info(token, std::move(sections)); });
  }
  void text_done(Call& call, std::string& text) override { call.reply().verbatim("txt", text); }
};

class ConfigSet final : public Task {
 public:
  void start(Call& call) override {
    std::vector<std::pair<std::string, std::string>> settings;
    for (size_t i = 2; i < call.arg_count(); i += 2) {
      settings.emplace_back(call.arg(i), call.arg(i + 1));
    }
    call.ask_service([&](NodeService& service, ClientToken token) {
      service.config_set(token, std::move(settings));
    });
  }
  void status_done(Call& call, std::string& error) override {
    if (error.empty()) {
      call.reply().ok();
    } else {
      call.error(error);
    }
  }
};

class ConfigRewrite final : public Task {
 public:
  void start(Call& call) override {
    call.ask_service(
        [](NodeService& service, ClientToken token) { service.rewrite_config(token); });
  }
  void status_done(Call& call, std::string& error) override {
    if (error.empty()) {
      call.reply().ok();
    } else {
      call.error(error);
    }
  }
};

class Flush final : public Task {
 public:
  void start(Call& call) override {
    call.ask_service([](NodeService& service, ClientToken token) { service.flush_all(token); });
  }
  void status_done(Call& call, std::string& error) override {
    if (error.empty()) {
      call.reply().ok();
    } else {
      call.error(error);
    }
  }
};

class ResetStats final : public Task {
 public:
  void start(Call& call) override {
    call.ask_service([](NodeService& service, ClientToken token) {
      service.visit_hubs(token, [](SessionHub& hub) {
        hub.stats().reset();
        return std::string();
      });
    });
  }
  void keys_done(Call& call, std::vector<std::string>&) override { call.reply().ok(); }
};

class CountKeys final : public Task {
 public:
  void start(Call& call) override {
    call.ask_service([](NodeService& service, ClientToken token) { service.count_keys(token); });
  }
  void number_done(Call& call, uint64_t number) override {
    call.reply().integer(static_cast<int64_t>(number));
  }
  void status_done(Call& call, std::string& error) override { call.error(error); }
};

/// What a key takes beside its bytes and its values, about: record and index of one copy.
constexpr size_t kKeyOverheadBytes = 64;

void tell_memory(Call& call, Outcome& outcome) {
  if (call.failed(outcome)) {
    return;
  }
  if (found_sibling(outcome, call.now_ms()) == nullptr) {
    call.reply().null();
    return;
  }
  size_t bytes = kKeyOverheadBytes + call.slot().key.size();
  for (const Sibling& sibling : outcome.state.siblings) {
    bytes += sizeof(Sibling) + sibling.value.size();
  }
  call.reply().integer(static_cast<int64_t>(bytes));
}

}  // namespace

void run_info(Call& call) {
  call.start(std::make_unique<Info>());
}

void run_config_get(Call& call) {
  std::vector<std::string> patterns;
  for (const std::string_view pattern : arguments_after(call, 2)) {
    patterns.emplace_back(pattern);
  }
  const auto settings = call.service().config_get(patterns);
  ReplyWriter& reply = call.reply();
  reply.map(settings.size());
  for (const auto& [name, value] : settings) {
    reply.bulk(name);
    reply.bulk(value);
  }
}

void run_config_set(Call& call) {
  if (call.arg_count() % 2 != 0) {
    call.error(error_text::kSyntax);
    return;
  }
  call.start(std::make_unique<ConfigSet>());
}

void run_config_rewrite(Call& call) {
  call.start(std::make_unique<ConfigRewrite>());
}

void run_config_resetstat(Call& call) {
  call.start(std::make_unique<ResetStats>());
}

void run_command(Call& call) {
  write_command_table(call.reply());
}

void run_command_count(Call& call) {
  write_command_count(call.reply());
}

void run_command_docs(Call& call) {
  write_command_docs(arguments_after(call, 2), call.reply());
}

void run_command_info(Call& call) {
  write_command_info(arguments_after(call, 2), call.reply());
}

void run_command_list(Call& call) {
  write_command_list(arguments_after(call, 2), call.reply());
}

void run_command_getkeys(Call& call) {
  write_command_getkeys(arguments_after(call, 2), call.reply());
}

void run_command_getkeysandflags(Call& call) {
  write_command_getkeysandflags(arguments_after(call, 2), call.reply());
}

void run_role(Call& call) {
  ReplyWriter& reply = call.reply();
  reply.array(3);
  reply.bulk("master");
  reply.integer(0);
  reply.array(0);
}

void run_help(Call& call) {
  const std::string_view name = call.spec().name;
  write_help(*find_command(name.substr(0, name.find('|'))), call.reply());
}

void run_memory_usage(Call& call) {
  for (size_t i = 3; i < call.arg_count(); i += 2) {
    if (!is_word(call.arg(i), "samples") || i + 1 >= call.arg_count()) {
      call.error(error_text::kSyntax);
      return;
    }
    const auto samples = integer_argument(call, i + 1);
    if (!samples) {
      return;
    }
    if (*samples < 0) {
      call.error(error_text::kSyntax);
      return;
    }
  }
  call.slot().key = call.arg(2);
  call.submit(call.operation(OpKind::kRead, 2), tell_memory);
}

void run_time(Call& call) {
  // Redis tells microseconds; the cluster's clock has milliseconds.
  const uint64_t now_ms = call.now_ms();
  ReplyWriter& reply = call.reply();
  reply.array(2);
  reply.bulk(std::to_string(now_ms / 1000));
  reply.bulk(std::to_string(now_ms % 1000 * 1000));
}

void run_dbsize(Call& call) {
  call.start(std::make_unique<CountKeys>());
}

void run_flush(Call& call) {
  const bool valid =
      call.arg_count() == 1 ||
      (call.arg_count() == 2 && (is_word(call.arg(1), "async") || is_word(call.arg(1), "sync")));
  if (!valid) {
    call.error(error_text::kSyntax);
    return;
  }
  call.session().forget_last_write();
  call.start(std::make_unique<Flush>());
}

/// There are no functions, so none is left.
void run_function_flush(Call& call) {
  const bool valid =
      call.arg_count() == 2 ||
      (call.arg_count() == 3 && (is_word(call.arg(2), "async") || is_word(call.arg(2), "sync")));
  if (!valid) {
    call.error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
    return;
  }
  call.reply().ok();
}

/// No reply: the connection ends with the process.
void run_shutdown(Call& call) {
  bool save = false;
  bool nosave = false;
  bool abort = false;
  for (const std::string_view option : arguments_after(call, 1)) {
    if (is_word(option, "save")) {
      save = true;
    } else if (is_word(option, "nosave")) {
      nosave = true;
    } else if (is_word(option, "abort")) {
      abort = true;
    } else if (!is_word(option, "now") && !is_word(option, "force")) {
      call.error(error_text::kSyntax);
      return;
    }
  }
  if ((save && nosave) || (abort && call.arg_count() > 2)) {
    call.error(error_text::kSyntax);
    return;
  }
  if (abort) {  // a stop that has begun takes no more commands
    call.error("ERR No shutdown in progress.");
    return;
  }
  call.no_reply();
  call.service().shut_down();
}

}  // namespace kindred
