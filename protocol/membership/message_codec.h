#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "replication/membership/messages.h"

namespace kindred {

/// Replaces `out` by the bytes of `message`, the payload of a frame of kind membership: version,
/// kind, sender, fields. The frame has the checksum. Any thread.
void encode_membership(const MembershipMessage& message, std::string* out);

/// Nothing where the bytes are no message that encode_membership() of this version writes. Reads no
/// more than the bytes and allocates in proportion to them. Any thread.
[[nodiscard]] std::optional<MembershipMessage> decode_membership(std::string_view bytes);

}  // namespace kindred
