#pragma once

#include <string_view>

namespace kindred {

/// Tells who started the node what it is about, such as "READY=1", by the protocol of sd_notify(3):
/// a datagram to the socket that NOTIFY_SOCKET names. Does nothing where that is not set. True
/// unless it is set and the datagram can't be sent. Never blocks; any thread, while nothing changes
/// the environment.
bool tell_service_manager(std::string_view state);

}  // namespace kindred
