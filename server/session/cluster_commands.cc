#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "protocol/command/errors.h"
#include "protocol/resp/number.h"
#include "replication/ring/slot.h"
#include "server/session/cluster_text.h"
#include "server/session/handlers.h"
#include "server/session/options.h"
#include "server/session/ring_view.h"

namespace kindred {

namespace {

/// What the answers about the cluster are made of, as of one moment.
struct View {
  const ClusterDocument* cluster = nullptr;  // null: in none yet
  NodeId self = 0;
  std::vector<MemberStatus> statuses;
  std::vector<HeldRange> ranges;
};

View view_of(Call& call) {
  View view;
  view.cluster = call.hub().cluster();
  view.self = call.service().self();
  view.statuses = call.service().member_statuses();
  if (view.cluster != nullptr) {
    view.ranges = held_ranges(view.cluster->ring, call.service().first_live_holders());
    // The node's opinion may be newer or older than the document by one change.
    std::erase_if(view.ranges, [&](const HeldRange& range) {
      return view.cluster->find_member(range.holder) == nullptr;
    });
  }
  return view;
}

bool is_up(const View& view, const Member& member) {
  return member.id == view.self || status_of(view.statuses, member.id).up;
}

size_t ranges_of(const View& view, NodeId id) {
  return static_cast<size_t>(
      std::count_if(view.ranges.begin(), view.ranges.end(),
                    [&](const HeldRange& range) { return range.holder == id; }));
}

/// "<id> ip:port@cport flags master - ping pong epoch link-state range ...\n"
std::string node_line(const View& view, const Member& member) {
  const MemberStatus status = status_of(view.statuses, member.id);
  const bool up = is_up(view, member);
  std::string flags = member.id == view.self ? "myself,master" : "master";
  if (!up) {
    flags += ",fail";
  }
  const bool is_self = member.id == view.self;
  std::string line = node_name_hex(member.id);
  line += ' ' + member.client_address.host + ':' + std::to_string(member.client_address.port) +
          '@' + std::to_string(member.peer_address.port);
  line += ' ' + flags + " - ";
  line += std::to_string(is_self ? 0 : status.ping_sent_ms) + ' ';
  line += std::to_string(is_self ? 0 : status.pong_received_ms) + ' ';
  line += std::to_string(view.cluster->epoch) + (up ? " connected" : " disconnected");
  for (const HeldRange& range : view.ranges) {
    if (range.holder == member.id) {
      line += ' ' + std::to_string(range.first);
      if (range.last != range.first) {
        line += '-' + std::to_string(range.last);
      }
    }
  }
  line += '\n';
  return line;
}

void write_slot_node(ReplyWriter& reply, const Member& member) {
  reply.array(4);
  reply.bulk(member.client_address.host);
  reply.integer(member.client_address.port);
  reply.bulk(node_name_hex(member.id));
  reply.map(0);  // further ways to name the node: none
}

void write_shard(ReplyWriter& reply, const View& view, const Member& member) {
  reply.map(2);
  reply.bulk("slots");
  reply.array(2 * ranges_of(view, member.id));
  for (const HeldRange& range : view.ranges) {
    if (range.holder == member.id) {
      reply.integer(range.first);
      reply.integer(range.last);
    }
  }
  reply.bulk("nodes");
  reply.array(1);
  reply.map(7);
  reply.bulk("id");
  reply.bulk(node_name_hex(member.id));
  reply.bulk("port");
  reply.integer(member.client_address.port);
  reply.bulk("ip");
  reply.bulk(member.client_address.host);
  reply.bulk("endpoint");
  reply.bulk(member.client_address.host);
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("replication-offset");
  reply.integer(0);
  reply.bulk("health");
  reply.bulk(is_up(view, member) ? "online" : "fail");
}

std::string info_text(const View& view) {
  size_t slots_held = 0;
  for (const HeldRange& range : view.ranges) {
    slots_held += range.last - range.first + 1U;
  }
  size_t holders = 0;
  const size_t known = view.cluster != nullptr ? view.cluster->members.size() : 1;
  if (view.cluster != nullptr) {
    for (const Member& member : view.cluster->members) {
      holders += ranges_of(view, member.id) != 0 ? 1 : 0;
    }
  }
  const uint64_t epoch = view.cluster != nullptr ? view.cluster->epoch : 0;
  const bool whole = slots_held == kSlotCount;
  std::string text;
  const auto line = [&text](std::string_view name, const std::string& value) {
    text += name;
    text += ':' + value + "\r\n";
  };
  line("cluster_state", whole ? "ok" : "fail");
  line("cluster_slots_assigned", std::to_string(view.cluster != nullptr ? kSlotCount : 0));
  line("cluster_slots_ok", std::to_string(slots_held));
  line("cluster_slots_pfail", "0");
  line("cluster_slots_fail", std::to_string(view.cluster != nullptr ? kSlotCount - slots_held : 0));
  line("cluster_known_nodes", std::to_string(known));
  line("cluster_size", std::to_string(holders));
  line("cluster_current_epoch", std::to_string(epoch));
  line("cluster_my_epoch", std::to_string(epoch));
  line("cluster_stats_messages_sent", "0");
  line("cluster_stats_messages_received", "0");
  line("total_cluster_links_buffer_limit_exceeded", "0");
  return text;
}

/// A slot's number, or nothing with the error written.
std::optional<uint16_t> slot_argument(Call& call, size_t index) {
  const auto slot = integer_argument(call, index);
  if (!slot) {
    return std::nullopt;
  }
  if (*slot < 0 || *slot >= kSlotCount) {
    call.error("ERR Invalid slot");
    return std::nullopt;
  }
  return static_cast<uint16_t>(*slot);
}

class KeysInSlot final : public Task {
 public:
  KeysInSlot(uint16_t slot, uint32_t limit, bool count_only)
      : slot_(slot), limit_(limit), count_only_(count_only) {}

  void start(Call& call) override {
    call.ask_service([&](NodeService& service, ClientToken token) {
      service.keys_in_slot(token, slot_, limit_);
    });
  }
  void keys_done(Call& call, std::vector<std::string>& keys) override {
    ReplyWriter& reply = call.reply();
    if (count_only_) {
      reply.integer(static_cast<int64_t>(keys.size()));
      return;
    }
    reply.array(keys.size());
    for (const std::string& key : keys) {
      reply.bulk(key);
    }
  }

 private:
  uint16_t slot_;
  uint32_t limit_;
  bool count_only_;
};

}  // namespace

void run_ok(Call& call) {
  call.reply().ok();
}

void run_cluster_myid(Call& call) {
  call.reply().bulk(node_name_hex(call.service().self()));
}

void run_cluster_keyslot(Call& call) {
  call.reply().integer(key_slot(call.arg(2)));
}

void run_cluster_countkeysinslot(Call& call) {
  if (const auto slot = slot_argument(call, 2)) {
    call.start(std::make_unique<KeysInSlot>(*slot, UINT32_MAX, true));
  }
}

void run_cluster_getkeysinslot(Call& call) {
  const auto slot = integer_argument(call, 2);
  if (!slot) {
    return;
  }
  const auto limit = integer_argument(call, 3);
  if (!limit) {
    return;
  }
  if (*slot < 0 || *slot >= kSlotCount || *limit < 0) {
    call.error("ERR Invalid slot or number of keys");
    return;
  }
  const auto capped = static_cast<uint32_t>(std::min<int64_t>(*limit, UINT32_MAX));
  call.start(std::make_unique<KeysInSlot>(static_cast<uint16_t>(*slot), capped, false));
}

void run_cluster_info(Call& call) {
  call.reply().verbatim("txt", info_text(view_of(call)));
}

void run_cluster_nodes(Call& call) {
  const View view = view_of(call);
  std::string text;
  if (view.cluster != nullptr) {
    for (const Member& member : view.cluster->members) {
      text += node_line(view, member);
    }
  }
  call.reply().verbatim("txt", text);
}

void run_cluster_slots(Call& call) {
  const View view = view_of(call);
  ReplyWriter& reply = call.reply();
  reply.array(view.ranges.size());
  for (const HeldRange& range : view.ranges) {
    reply.array(3);
    reply.integer(range.first);
    reply.integer(range.last);
    write_slot_node(reply, *view.cluster->find_member(range.holder));
  }
}

void run_cluster_shards(Call& call) {
  const View view = view_of(call);
  ReplyWriter& reply = call.reply();
  if (view.cluster == nullptr) {
    reply.array(0);
    return;
  }
  reply.array(view.cluster->members.size());
  for (const Member& member : view.cluster->members) {
    write_shard(reply, view, member);
  }
}

}  // namespace kindred
