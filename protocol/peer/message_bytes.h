#pragma once

#include <cstddef>
#include <cstdint>

#include "replication/node/messages.h"

namespace kindred {

/// A message in a data frame: kind (a byte), length of the body (four), body. A node skips kinds
/// that it does not know. The numbers are the format's: never used anew for something else.
enum class MessageKind : uint8_t {
  kReplicate = 1,
  kReplicateAck = 2,
  kFetch = 3,
  kFetchReply = 4,
  kPassOn = 5,
  kPassOnReply = 6,
  kFetchRange = 7,
  kFetchRangeReply = 8,
  kTreeFetch = 16,
  kTreeReply = 17,
  kKeyDigestsFetch = 18,
  kKeyDigestsReply = 19,
  kRoundCall = 20,
  kRoundReply = 21,
};

inline constexpr size_t kMessageHeaderBytes = 5;

/// Entries that a FetchRangeReply holds at most, and replicas that an outcome reports on: so that
/// reading a message takes memory in proportion to its bytes. More can't be sent.
inline constexpr size_t kRangeEntriesMax = size_t{1} << 20;
inline constexpr size_t kReplicaReportsMax = 256;
inline constexpr size_t kTreeNodesMax = 4096;
inline constexpr size_t kKeyDigestsMax = 4096;
inline constexpr size_t kReapItemsMax = 4096;
inline constexpr size_t kRoundActorsMax = 256;

/// Bits of the flag bytes of a Replicate and of a Fetch.
namespace replicate_flag {
inline constexpr uint8_t kRepair = 1;
inline constexpr uint8_t kHint = 2;  // the target's id follows
inline constexpr uint8_t kAll = 3;
}  // namespace replicate_flag
namespace fetch_flag {
inline constexpr uint8_t kWholeState = 1;
inline constexpr uint8_t kFromHints = 2;
inline constexpr uint8_t kAll = 3;
}  // namespace fetch_flag

/// Bits of the flag byte of an outcome, and of a replica's report in it.
namespace outcome_flag {
inline constexpr uint8_t kStrict = 1;
inline constexpr uint8_t kHasValue = 2;
inline constexpr uint8_t kApplied = 4;
inline constexpr uint8_t kAll = 7;
}  // namespace outcome_flag
namespace report_flag {
inline constexpr uint8_t kUp = 1;
inline constexpr uint8_t kAnswered = 2;
inline constexpr uint8_t kWhole = 4;
inline constexpr uint8_t kAll = 7;
}  // namespace report_flag

/// False for a message with more elements than the format allows.
[[nodiscard]] bool can_be_sent(const Message& message);

/// Room that store_message() needs at most.
[[nodiscard]] size_t message_bytes_max(const Message& message);

/// Writes header and body to `to`; returns their end. A PassOn must have its operation, a
/// PassOnReply its outcome where it is kDone: the process ends otherwise.
char* store_message(char* to, const Message& message);

}  // namespace kindred
