#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "replication/causal/dot.h"
#include "replication/membership/cluster.h"
#include "server/session/channels.h"

namespace kindred {

/// Bits of LinkHello::capabilities.
namespace capability {
inline constexpr uint64_t kPubsub = 1;   // takes frames of kind kPublication
inline constexpr uint64_t kBackups = 2;  // takes MakeBackup
}  // namespace capability
/// What this program can do.
inline constexpr uint64_t kCapabilities = capability::kPubsub | capability::kBackups;

/// First on each link: who dials, and where answers go.
struct LinkHello {
  NodeId node = 0;
  Address peer_address;
  uint64_t capabilities = 0;
  friend bool operator==(const LinkHello&, const LinkHello&) = default;
};

/// "How many live keys have your whole copies of these partitions?" (DBSIZE)
struct CountKeys {
  uint64_t id = 0;
  std::vector<uint16_t> partitions;
  friend bool operator==(const CountKeys&, const CountKeys&) = default;
};
struct CountKeysReply {
  uint64_t id = 0;
  uint64_t keys = 0;
  friend bool operator==(const CountKeysReply&, const CountKeysReply&) = default;
};

/// "Which of these actors are your copies?" (DCONTEXT)
struct AskActors {
  uint64_t id = 0;
  std::vector<ActorId> actors;
  friend bool operator==(const AskActors&, const AskActors&) = default;
};
struct ActorsReply {
  uint64_t id = 0;
  std::vector<ActorId> own;
  friend bool operator==(const ActorsReply&, const ActorsReply&) = default;
};

/// "I am about to go: coordinate without me." (RING DRAIN) Good for a moment, and said
/// again until the node goes.
struct Yielding {
  friend bool operator==(const Yielding&, const Yielding&) = default;
};

/// "Keep a copy of all that you hold, under this name." (RING BACKUP)
struct MakeBackup {
  uint64_t id = 0;
  std::string name;
  friend bool operator==(const MakeBackup&, const MakeBackup&) = default;
};
struct BackupReply {
  uint64_t id = 0;
  std::string error;      // empty: it is complete
  std::string directory;  // on the sender's machine
  friend bool operator==(const BackupReply&, const BackupReply&) = default;
};

/// Questions of one node's server to another's, apart from data and membership.
using ControlMessage = std::variant<CountKeys, CountKeysReply, AskActors, ActorsReply, Yielding,
                                    MakeBackup, BackupReply>;

/// Payloads of frames of kind kHello and kControl. Decoding is false for anything malformed.
std::string encode_hello(const LinkHello& hello);
[[nodiscard]] bool decode_hello(std::string_view bytes, LinkHello* hello);
std::string encode_control(const ControlMessage& message);
[[nodiscard]] bool decode_control(std::string_view bytes, ControlMessage* message);
/// Of frames of kind kPublication.
std::string encode_publication(const Publication& publication);
[[nodiscard]] bool decode_publication(std::string_view bytes, Publication* publication);

}  // namespace kindred
