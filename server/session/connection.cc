#include <string>

#include "protocol/command/errors.h"
#include "protocol/resp/number.h"
#include "server/session/client_list.h"
#include "server/session/handlers.h"
#include "server/session/options.h"
#include "server/session/version.h"

namespace kindred {

namespace {

/// False where the error is written.
bool authenticate(Call& call, std::string_view name, std::string_view password) {
  // An unknown user takes as long as a wrong password.
  static const User kNobody{std::string()};
  const std::shared_ptr<const User> user = call.hub().users().find(name);
  if (!(user != nullptr ? *user : kNobody).admits(password)) {
    call.session().log_refusal("auth", call.arg(0), name);
    call.session().note_wrong_password();
    call.error(error_text::kWrongPass);
    return false;
  }
  call.session().log_in(user);
  return true;
}

bool is_printable_name(std::string_view name) {
  for (const char byte : name) {
    if (byte < '!' || byte > '~') {
      return false;
    }
  }
  return true;
}

bool set_name(Call& call, std::string_view name) {
  if (!is_printable_name(name)) {
    call.error("ERR Client names cannot contain spaces, newlines or special characters.");
    return false;
  }
  call.session().info().name = name;
  return true;
}

void tell_hello(Call& call) {
  ReplyWriter& reply = call.reply();
  reply.map(7);
  reply.bulk("server");
  reply.bulk("redis");
  reply.bulk("version");
  reply.bulk(kRedisVersion);
  reply.bulk("proto");
  reply.integer(static_cast<int64_t>(reply.version()));
  reply.bulk("id");
  reply.integer(static_cast<int64_t>(call.session().info().id));
  reply.bulk("mode");
  reply.bulk("cluster");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
}

/// What HELLO asks for after the version.
struct HelloOptions {
  size_t auth = 0;  // index of the user's name; the password follows
  size_t name = 0;
};

std::optional<HelloOptions> hello_options(Call& call) {
  HelloOptions options;
  for (size_t i = 2; i < call.arg_count();) {
    const size_t more = call.arg_count() - 1 - i;
    if (is_word(call.arg(i), "auth") && more >= 2) {
      options.auth = i + 1;
      i += 3;
    } else if (is_word(call.arg(i), "setname") && more >= 1) {
      options.name = i + 1;
      i += 2;
    } else {
      call.error("ERR Syntax error in HELLO option '" + std::string(call.arg(i)) + "'");
      return std::nullopt;
    }
  }
  return options;
}

}  // namespace

void run_ping(Call& call) {
  if (call.arg_count() > 2) {
    call.error(arity_error(call.spec()));
  } else if (!call.session().listened().empty() &&
             call.session().resp_version() == RespVersion::kResp2) {
    // A RESP2 client that listens gets nothing but arrays.
    call.reply().array(2);
    call.reply().bulk("pong");
    call.reply().bulk(call.arg_count() == 2 ? call.arg(1) : std::string_view());
  } else if (call.arg_count() == 2) {
    call.reply().bulk(call.arg(1));
  } else {
    call.reply().simple_string("PONG");
  }
}

void run_echo(Call& call) {
  call.reply().bulk(call.arg(1));
}

void run_quit(Call& call) {
  call.reply().ok();
  call.session().start_close("");
}

void run_reset(Call& call) {
  call.session().reset();
  call.slot().suppressed = false;
  call.reply().simple_string("RESET");
}

void run_select(Call& call) {
  const auto index = parse_int64(call.arg(1));
  if (!index) {
    call.error(error_text::kNotAnInteger);
  } else if (*index > INT32_MAX || *index < INT32_MIN) {
    call.error("ERR value is out of range, value must between -2147483648 and 2147483647");
  } else if (*index != 0) {
    call.error(error_text::kDbIndexOutOfRange);
  } else {
    call.reply().ok();
  }
}

void run_auth(Call& call) {
  if (call.arg_count() > 3) {
    call.error(error_text::kSyntax);
    return;
  }
  if (call.arg_count() == 2 && call.hub().users().default_user().needs_no_password()) {
    call.error(error_text::kAuthWithoutPassword);
    return;
  }
  const std::string_view user = call.arg_count() == 3 ? call.arg(1) : "default";
  if (authenticate(call, user, call.arg(call.arg_count() - 1))) {
    call.reply().ok();
  }
}

void run_hello(Call& call) {
  Session& session = call.session();
  RespVersion version = session.resp_version();
  if (call.arg_count() > 1) {
    const auto wanted = parse_int64(call.arg(1));
    if (!wanted) {
      call.error(error_text::kProtoNotAnInteger);
      return;
    }
    if (*wanted != 2 && *wanted != 3) {
      call.error(error_text::kNoProto);
      return;
    }
    version = *wanted == 3 ? RespVersion::kResp3 : RespVersion::kResp2;
  }
  const auto options = hello_options(call);
  if (!options) {
    return;
  }
  if (options->auth != 0 &&
      !authenticate(call, call.arg(options->auth), call.arg(options->auth + 1))) {
    return;
  }
  if (session.login_needed()) {
    call.error(error_text::kHelloNoAuth);
    return;
  }
  if (options->name != 0 && !set_name(call, call.arg(options->name))) {
    return;
  }
  session.set_resp_version(version);
  tell_hello(call);
}

void run_client_id(Call& call) {
  call.reply().integer(static_cast<int64_t>(call.session().info().id));
}

void run_client_getname(Call& call) {
  const std::string& name = call.session().info().name;
  if (name.empty()) {
    call.reply().null();
  } else {
    call.reply().bulk(name);
  }
}

void run_client_setname(Call& call) {
  if (set_name(call, call.arg(2))) {
    call.reply().ok();
  }
}

void run_client_setinfo(Call& call) {
  const bool is_name = is_word(call.arg(2), "lib-name");
  if (!is_name && !is_word(call.arg(2), "lib-ver")) {
    call.error("ERR Unrecognized option '" + std::string(call.arg(2)) + "'");
    return;
  }
  if (!is_printable_name(call.arg(3))) {
    call.error("ERR " + std::string(call.arg(2)) +
               " cannot contain spaces, newlines or special characters.");
    return;
  }
  ClientInfo& info = call.session().info();
  (is_name ? info.lib_name : info.lib_version) = call.arg(3);
  call.reply().ok();
}

void run_client_reply(Call& call) {
  Session& session = call.session();
  if (is_word(call.arg(2), "on")) {
    session.set_reply_mode(Session::ReplyMode::kOn);
    call.slot().suppressed = false;
    call.reply().ok();
  } else if (is_word(call.arg(2), "off")) {
    session.set_reply_mode(Session::ReplyMode::kOff);
    call.no_reply();
  } else if (is_word(call.arg(2), "skip")) {
    session.skip_next_reply();
    call.no_reply();
  } else {
    call.error(error_text::kSyntax);
  }
}

}  // namespace kindred
