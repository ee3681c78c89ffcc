#include "server/session/client_list.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/command/errors.h"
#include "protocol/resp/number.h"
#include "server/session/handlers.h"
#include "server/session/options.h"

namespace kindred {

namespace {

void field(std::string& line, std::string_view name, std::string_view value) {
  if (!line.empty()) {
    line += ' ';
  }
  line += name;
  line += '=';
  line += value;
}

void field(std::string& line, std::string_view name, uint64_t value) {
  field(line, name, std::to_string(value));
}

std::string flags_of(const Session& session) {
  std::string flags;
  flags += session.monitors() ? "O" : "";
  flags += session.listened().empty() ? "" : "P";
  flags += session.transaction().queueing() ? "x" : "";
  return flags.empty() ? "N" : flags;
}

uint64_t seconds_since(uint64_t then_ms, uint64_t now_ms) {
  return now_ms > then_ms ? (now_ms - then_ms) / 1000 : 0;
}

/// What CLIENT LIST and CLIENT KILL call the kinds of connection. Ours are normal, or listen.
bool is_client_type(std::string_view text) {
  for (const std::string_view type : {"normal", "master", "slave", "replica", "pubsub"}) {
    if (is_word(text, type)) {
      return true;
    }
  }
  return false;
}

/// The filters of CLIENT KILL and CLIENT LIST; empty ones let everybody pass.
struct ClientFilter {
  std::vector<uint64_t> ids;
  std::string peer_address;
  std::string local_address;
  std::string user;
  bool nobody = false;
  std::optional<bool> listens;  // TYPE pubsub or normal
  bool skip_me = true;

  bool passes(const Session& session) const {
    const ClientInfo& info = session.info();
    const bool id_passes = ids.empty() || std::find(ids.begin(), ids.end(), info.id) != ids.end();
    return !nobody && id_passes && (!listens || *listens == !session.listened().empty()) &&
           (peer_address.empty() || peer_address == info.peer_address) &&
           (local_address.empty() || local_address == info.local_address) &&
           (user.empty() || user == info.user);
  }
};

bool take_type(Call& call, std::string_view type, ClientFilter* filter) {
  if (!is_client_type(type)) {
    call.error("ERR Unknown client type '" + std::string(type) + "'");
    return false;
  }
  const bool is_ours = is_word(type, "normal") || is_word(type, "pubsub");
  filter->nobody |= !is_ours || (filter->listens && *filter->listens != is_word(type, "pubsub"));
  filter->listens = is_word(type, "pubsub");
  return true;
}

/// One pair of CLIENT KILL's new form; false where the error is written.
bool take_kill_pair(Call& call, std::string_view name, std::string_view value,
                    ClientFilter* filter) {
  if (is_word(name, "id")) {
    const auto id = parse_int64(value);
    if (!id || *id < 1) {
      call.error("ERR client-id should be greater than 0");
      return false;
    }
    filter->ids.assign(1, static_cast<uint64_t>(*id));
  } else if (is_word(name, "type")) {
    return take_type(call, value, filter);
  } else if (is_word(name, "addr")) {
    filter->peer_address = value;
  } else if (is_word(name, "laddr")) {
    filter->local_address = value;
  } else if (is_word(name, "user")) {
    if (call.hub().users().find(value) == nullptr) {
      call.error("ERR No such user '" + std::string(value) + "'");
      return false;
    }
    filter->user = value;
  } else if (is_word(name, "skipme") && (is_word(value, "yes") || is_word(value, "no"))) {
    filter->skip_me = is_word(value, "yes");
  } else {
    call.error(error_text::kSyntax);
    return false;
  }
  return true;
}

std::optional<ClientFilter> kill_filter(Call& call) {
  ClientFilter filter;
  if (call.arg_count() == 3) {
    filter.peer_address = call.arg(2);
    filter.skip_me = false;
    return filter;
  }
  if (call.arg_count() % 2 != 0) {
    call.error(error_text::kSyntax);
    return std::nullopt;
  }
  for (size_t i = 2; i < call.arg_count(); i += 2) {
    if (!take_kill_pair(call, call.arg(i), call.arg(i + 1), &filter)) {
      return std::nullopt;
    }
  }
  return filter;
}

std::optional<ClientFilter> list_filter(Call& call) {
  ClientFilter filter;
  if (call.arg_count() == 2) {
    return filter;
  }
  if (call.arg_count() == 4 && is_word(call.arg(2), "type")) {
    if (!take_type(call, call.arg(3), &filter)) {
      return std::nullopt;
    }
    return filter;
  }
  if (call.arg_count() > 3 && is_word(call.arg(2), "id")) {
    for (size_t i = 3; i < call.arg_count(); ++i) {
      const auto id = parse_int64(call.arg(i));
      if (!id) {
        call.error("ERR Invalid client ID");
        return std::nullopt;
      }
      filter.ids.push_back(static_cast<uint64_t>(*id));
    }
    return filter;
  }
  call.error(error_text::kSyntax);
  return std::nullopt;
}

/// CLIENT LIST: the lines of all workers' clients, the oldest client first.
class ListClients final : public Task {
 public:
  explicit ListClients(ClientFilter filter) : filter_(std::move(filter)) {}

  void start(Call& call) override {
    call.ask_service([this](NodeService& service, ClientToken token) {
      service.visit_hubs(token, [filter = std::move(filter_)](SessionHub& hub) {
        std::string lines;
        hub.for_each([&](const Session& session) {
          if (filter.passes(session)) {
            lines += client_line(session, hub.service().cluster_now_ms()) + "\n";
          }
        });
        return lines;
      });
    });
  }

  void keys_done(Call& call, std::vector<std::string>& workers) override {
    std::vector<std::pair<uint64_t, std::string_view>> lines;
    for (const std::string_view text : workers) {
      for (size_t begin = 0; begin < text.size();) {
        const size_t end = text.find('\n', begin) + 1;
        const std::string_view line = text.substr(begin, end - begin);
        const std::string_view id = line.substr(line.find('=') + 1);
        lines.emplace_back(parse_int64(id.substr(0, id.find(' '))).value_or(0), line);
        begin = end;
      }
    }
    std::sort(lines.begin(), lines.end());
    std::string text;
    for (const auto& [id, line] : lines) {
      text += line;
    }
    call.reply().verbatim("txt", text);
  }

 private:
  ClientFilter filter_;
};

/// CLIENT KILL: a client that ends itself still hears the answer.
class KillClients final : public Task {
 public:
  KillClients(ClientFilter filter, bool tells_count)
      : filter_(std::move(filter)), tells_count_(tells_count) {}

  void start(Call& call) override {
    call.ask_service([&](NodeService& service, ClientToken token) {
      service.visit_hubs(
          token, [filter = std::move(filter_), self = call.session().info().id](SessionHub& hub) {
            return std::to_string(end_clients(hub, filter, self));
          });
    });
  }

  void keys_done(Call& call, std::vector<std::string>& workers) override {
    int64_t killed = 0;
    for (const std::string& count : workers) {
      killed += parse_int64(count).value_or(0);
    }
    if (tells_count_) {
      call.reply().integer(killed);
    } else if (killed == 0) {
      call.error("ERR No such client");
    } else {
      call.reply().ok();
    }
  }

 private:
  static size_t end_clients(SessionHub& hub, const ClientFilter& filter, uint64_t self) {
    size_t ended = 0;
    hub.for_each([&](Session& session) {
      const bool is_self = session.info().id == self;
      if (!filter.passes(session) || (filter.skip_me && is_self)) {
        return;
      }
      ++ended;
      if (is_self) {
        session.start_close("killed by CLIENT KILL");
      } else {
        session.kill("killed by CLIENT KILL");
      }
    });
    return ended;
  }

  ClientFilter filter_;
  bool tells_count_;
};

}  // namespace

std::string client_line(const Session& session, uint64_t now_ms) {
  const ClientInfo& info = session.info();
  const Transaction& transaction = session.transaction();
  std::string line;
  field(line, "id", info.id);
  field(line, "addr", info.peer_address);
  field(line, "laddr", info.local_address);
  field(line, "fd", std::to_string(info.file_descriptor));
  field(line, "name", info.name);
  field(line, "age", seconds_since(info.created_ms, now_ms));
  field(line, "idle", seconds_since(info.last_active_ms, now_ms));
  field(line, "flags", flags_of(session));
  field(line, "db", 0);
  const ListenedNames& listened = session.listened();
  field(line, "sub", listened.of(ListenKind::kChannel).size());
  field(line, "psub", listened.of(ListenKind::kPattern).size());
  field(line, "ssub", listened.of(ListenKind::kShardChannel).size());
  field(line, "multi", transaction.queueing() ? std::to_string(transaction.size()) : "-1");
  field(line, "qbuf", session.buffered_input_bytes());
  field(line, "qbuf-free", session.free_input_bytes());
  field(line, "argv-mem", 0);
  field(line, "multi-mem", transaction.queued_bytes());
  field(line, "rbs", 0);
  field(line, "rbp", 0);
  field(line, "obl", session.pending_output_bytes());
  field(line, "oll", 0);
  field(line, "omem", 0);
  field(line, "tot-mem", session.memory_bytes());
  field(line, "events", session.wants_read() ? "r" : "w");
  field(line, "cmd", info.last_command != nullptr ? info.last_command->name : "NULL");
  field(line, "user", info.user);
  field(line, "redir", "-1");
  field(line, "resp", session.resp_version() == RespVersion::kResp3 ? 3 : 2);
  return line;
}

void run_client_info(Call& call) {
  call.session().info().last_command = &call.spec();
  call.reply().verbatim("txt", client_line(call.session(), call.now_ms()) + "\n");
}

void run_client_list(Call& call) {
  auto filter = list_filter(call);
  if (filter) {
    call.session().info().last_command = &call.spec();
    call.start(std::make_unique<ListClients>(std::move(*filter)));
  }
}

void run_client_kill(Call& call) {
  auto filter = kill_filter(call);
  if (filter) {
    call.start(std::make_unique<KillClients>(std::move(*filter), call.arg_count() > 3));
  }
}

}  // namespace kindred
