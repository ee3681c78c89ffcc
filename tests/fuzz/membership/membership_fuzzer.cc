// What another node says about the cluster may be anything: what is read is written back as it was,
// and gossip that is read takes a failure detector nowhere it must not be.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/membership/message_codec.h"

namespace kindred {
namespace {

constexpr NodeId kSelf = 2;
constexpr NodeId kOther = 3;

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

void hear(const Gossip& gossip) {
  Swim swim(kSelf, SwimConfig{}, 7);
  swim.set_members(std::vector<NodeId>{gossip.sender.node == kSelf ? 1 : gossip.sender.node,
                                       gossip.sender.node == kOther ? 1 : kOther});
  SwimEffects effects;
  swim.tick(1'000'000, &effects);
  swim.receive(gossip.sender.node, gossip.message, 1'001'000, &effects);
  swim.tick(swim.next_deadline_us(), &effects);
  require(swim.incarnation() <= 2 + Swim::kIncarnationJumpMax);
  require(!swim.is_up(kOther) || gossip.message.kind == SwimKind::kAck ||
          !gossip.message.rumours.empty());
  for (const SwimEffects::Send& send : effects.sends) {
    require(send.message.rumours.size() <= Swim::rumours_max(send.message.kind));
  }
}

}  // namespace
}  // namespace kindred

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kindred;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto message = decode_membership(bytes);
  if (!message) {
    return 0;
  }
  std::string again;
  encode_membership(*message, &again);
  require(again == bytes);
  if (const auto* gossip = std::get_if<Gossip>(&*message)) {
    hear(*gossip);
  }
  return 0;
}
