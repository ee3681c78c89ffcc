#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/command/errors.h"
#include "protocol/resp/glob.h"
#include "protocol/resp/number.h"
#include "server/session/handlers.h"

// Messages between clients: SUBSCRIBE and its kin, PUBLISH, PUBSUB.

namespace kindred {

namespace {

ListenKind kind_of(CommandId id) {
  switch (id) {
    case CommandId::kPsubscribe:
    case CommandId::kPunsubscribe:
      return ListenKind::kPattern;
    case CommandId::kSsubscribe:
    case CommandId::kSunsubscribe:
    case CommandId::kSpublish:
    case CommandId::kPubsubShardchannels:
    case CommandId::kPubsubShardnumsub:
      return ListenKind::kShardChannel;
    default:
      return ListenKind::kChannel;
  }
}

/// What replies count: shard channels by themselves, channels and patterns together.
int64_t counted(const Session& session, ListenKind kind) {
  const ListenedNames& names = session.listened();
  const size_t count =
      kind == ListenKind::kShardChannel
          ? names.of(kind).size()
          : names.of(ListenKind::kChannel).size() + names.of(ListenKind::kPattern).size();
  return static_cast<int64_t>(count);
}

/// One line of the reply: ["subscribe", name, count].
/// It is a message, not a reply: CLIENT REPLY OFF leaves it.
void tell_change(Call& call, ListenKind kind, const std::string* name) {
  call.slot().suppressed = false;
  ReplyWriter& reply = call.reply();
  reply.push(3);
  reply.bulk(call.spec().name);
  if (name != nullptr) {
    reply.bulk(*name);
  } else {
    reply.null();
  }
  reply.integer(counted(call.session(), kind));
}

class Publish final : public Task {
 public:
  void start(Call& call) override {
    const auto publication = std::make_shared<Publication>();
    publication->to_shard_channel = call.spec().id == CommandId::kSpublish;
    publication->channel = call.arg(1);
    publication->message = call.arg(2);
    call.service().spread(*publication);
    call.ask_service([&](NodeService& service, ClientToken token) {
      service.visit_hubs(token, [publication](SessionHub& hub) {
        return std::to_string(hub.publish(*publication));
      });
    });
  }
  void keys_done(Call& call, std::vector<std::string>& workers) override {
    int64_t receivers = 0;
    for (const std::string& count : workers) {
      receivers += parse_int64(count).value_or(0);
    }
    call.reply().integer(receivers);
  }
};

/// Names and how many listen to each, summed over the workers. A worker tells a name and a number
/// in turn, each as a length, a colon and its bytes.
class Listeners : public Task {
 public:
  using Collect = std::function<void(const Channels& channels, std::string* told)>;

  explicit Listeners(Collect collect) : collect_(std::move(collect)) {}

  static void tell(std::string* told, std::string_view name, size_t count) {
    for (const std::string& part : {std::string(name), std::to_string(count)}) {
      told->append(std::to_string(part.size())).append(":").append(part);
    }
  }

  void start(Call& call) final {
    prepare(call);
    call.ask_service([&](NodeService& service, ClientToken token) {
      service.visit_hubs(token, [collect = std::move(collect_)](SessionHub& hub) {
        std::string told;
        collect(hub.channels(), &told);
        return told;
      });
    });
  }
  void keys_done(Call& call, std::vector<std::string>& workers) final {
    std::map<std::string, int64_t> sums;
    for (const std::string& told : workers) {
      std::string_view rest = told;
      while (!rest.empty()) {
        const std::string name(take(&rest));
        sums[name] += parse_int64(take(&rest)).value_or(0);
      }
    }
    finish(call, sums);
  }

 protected:
  virtual void prepare(Call&) {}
  virtual void finish(Call& call, const std::map<std::string, int64_t>& sums) = 0;

 private:
  static std::string_view take(std::string_view* rest) {
    const size_t colon = rest->find(':');
    const auto size = static_cast<size_t>(parse_int64(rest->substr(0, colon)).value_or(0));
    const std::string_view part = rest->substr(colon + 1, size);
    rest->remove_prefix(colon + 1 + size);
    return part;
  }

  Collect collect_;
};

class ListChannels final : public Listeners {
  using Listeners::Listeners;
  void finish(Call& call, const std::map<std::string, int64_t>& sums) override {
    call.reply().array(sums.size());
    for (const auto& [name, count] : sums) {
      call.reply().bulk(name);
    }
  }
};

class CountListeners final : public Listeners {
  using Listeners::Listeners;
  void prepare(Call& call) override {
    for (const std::string_view name : call.args().subspan(2)) {
      names_.emplace_back(name);
    }
  }
  void finish(Call& call, const std::map<std::string, int64_t>& sums) override {
    ReplyWriter& reply = call.reply();
    reply.array(2 * names_.size());
    for (const std::string& name : names_) {
      const auto found = sums.find(name);
      reply.bulk(name);
      reply.integer(found != sums.end() ? found->second : 0);
    }
  }

  std::vector<std::string> names_;
};

class CountPatterns final : public Listeners {
  using Listeners::Listeners;
  void finish(Call& call, const std::map<std::string, int64_t>& sums) override {
    call.reply().integer(static_cast<int64_t>(sums.size()));
  }
};

}  // namespace

void run_subscribe(Call& call) {
  const ListenKind kind = kind_of(call.spec().id);
  for (size_t i = 1; i < call.arg_count(); ++i) {
    const std::string name(call.arg(i));
    call.session().listen(kind, name);
    tell_change(call, kind, &name);
  }
}

void run_unsubscribe(Call& call) {
  const ListenKind kind = kind_of(call.spec().id);
  Session& session = call.session();
  std::vector<std::string> names;
  for (size_t i = 1; i < call.arg_count(); ++i) {
    names.emplace_back(call.arg(i));
  }
  if (names.empty()) {
    const ListenedNames::Names& all = session.listened().of(kind);
    names.assign(all.begin(), all.end());
  }
  if (names.empty()) {
    tell_change(call, kind, nullptr);
  }
  for (const std::string& name : names) {
    session.listen_no_more(kind, name);
    tell_change(call, kind, &name);
  }
}

void run_publish(Call& call) {
  call.start(std::make_unique<Publish>());
}

void run_pubsub_channels(Call& call) {
  if (call.arg_count() > 3) {
    call.error("ERR unknown subcommand or wrong number of arguments for '" +
               std::string(call.arg(1)) + "'. Try PUBSUB HELP.");
    return;
  }
  const std::string pattern(call.arg_count() == 3 ? call.arg(2) : "*");
  call.start(std::make_unique<ListChannels>(
      [pattern, kind = kind_of(call.spec().id)](const Channels& channels, std::string* told) {
        channels.for_each(kind, [&](const std::string& name, const auto& listeners) {
          if (glob_match(pattern, name)) {
            Listeners::tell(told, name, listeners.size());
          }
        });
      }));
}

void run_pubsub_numsub(Call& call) {
  std::vector<std::string> wanted;
  for (const std::string_view name : call.args().subspan(2)) {
    wanted.emplace_back(name);
  }
  call.start(
      std::make_unique<CountListeners>([wanted = std::move(wanted), kind = kind_of(call.spec().id)](
                                           const Channels& channels, std::string* told) {
        for (const std::string& name : ListenedNames::Names(wanted.begin(), wanted.end())) {
          if (const auto* listeners = channels.listeners(kind, name)) {
            Listeners::tell(told, name, listeners->size());
          }
        }
      }));
}

void run_pubsub_numpat(Call& call) {
  call.start(std::make_unique<CountPatterns>([](const Channels& channels, std::string* told) {
    channels.for_each(ListenKind::kPattern, [&](const std::string& name, const auto& listeners) {
      Listeners::tell(told, name, listeners.size());
    });
  }));
}

}  // namespace kindred
