#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/peer/frame.h"
#include "server/figures/peer_link_metrics.h"
#include "server/io/loop.h"
#include "server/io/tcp.h"
#include "server/node/peer_messages.h"
#include "server/tls/tls_context.h"

namespace kindred {

/// Hears what comes over the links. Must not destroy the links.
class PeerLinkEvents {
 public:
  virtual ~PeerLinkEvents() = default;
  /// A link that this node dialled is there, or broke, or could not be made.
  virtual void link_up(const Address& address) = 0;
  virtual void link_down(const Address& address) = 0;
  /// A verified frame of any kind but kHello; its payload holds during the call. False: malformed,
  /// the link is to be closed.
  [[nodiscard]] virtual bool frame_arrived(const LinkHello& from, const Frame& frame) = 0;
  /// Bytes that were no good; the link is being closed.
  virtual void frame_rejected(const std::string& from, std::string_view why) = 0;
};

/// The node's links to other nodes: one that it dials to each address, over which it says all that
/// it has to say there, and those that others dial to it, over which it hears them. A link that
/// breaks is dialled again, with growing pauses. Worker 0's thread.
class PeerLinks {
 public:
  /// Bytes that a slow peer may leave unread before more is dropped: that much and one frame.
  static constexpr size_t kQueuedBytesMax = size_t{64} << 20;
  /// Larger frames go in parts of so many bytes, and others pass between: a probe never waits for a
  /// value of many megabytes. So frames may overtake large ones.
  static constexpr size_t kPartBytes = size_t{256} << 10;
  /// A link on which nothing moves for so long, although there is something to send, is given up.
  static constexpr uint64_t kStuckUsMax = 5'000'000;

  /// Dials from `local_host`. `events` outlives the links.
  PeerLinks(Loop& loop, std::string local_host, PeerLinkEvents& events,
            uint64_t stuck_us_max = kStuckUsMax);
  ~PeerLinks();
  PeerLinks(const PeerLinks&) = delete;
  PeerLinks& operator=(const PeerLinks&) = delete;

  /// Every link, from now on, begins with both sides' proof that they know `secret`, and each frame
  /// carries a tag. Before the first link; empty: none does.
  void set_secret(std::string secret) { secret_ = std::move(secret); }
  /// New links have TLS, with certificates on both sides; null: none.
  void set_tls(std::shared_ptr<const TlsContext> tls) { tls_ = std::move(tls); }
  /// Said first on every link; a change is said on those that are up.
  void set_hello(const LinkHello& hello);
  /// Data frames of this cluster alone are taken from now on.
  void set_cluster(ClusterId cluster_id);
  /// Sends a sealed frame, or loses it: the first one to an address dials it, one to a link that is
  /// waiting to be dialled again is dropped.
  void send(const Address& to, std::string_view frame);
  /// Takes over a socket that another node dialled.
  void serve(int socket);
  /// Lets go of links that nobody has used for a while, and of strangers that don't say who they
  /// are. Now and then.
  void forget_unused();

  const PeerLinkMetrics& metrics() const { return metrics_; }

 private:
  class Outgoing;
  class Incoming;
  static constexpr uint64_t kGreetingUsMax = 5'000'000;
  static constexpr size_t kStrangersMax = 256;  // dialled in, and not yet said who they are

  void tell_rejection(const SocketAddress& from, std::string_view why);
  void drop_strangers(uint64_t now_us);

  Loop& loop_;
  const std::string local_host_;
  const uint64_t stuck_us_max_;
  PeerLinkEvents& events_;
  ClusterId cluster_id_ = 0;
  std::string secret_;
  std::shared_ptr<const TlsContext> tls_;
  std::string hello_frame_;
  std::map<Address, std::unique_ptr<Outgoing>> outgoing_;
  std::list<std::unique_ptr<Incoming>> incoming_;
  PeerLinkMetrics metrics_;
  std::map<std::pair<std::string, std::string>, uint64_t> told_us_;  // (host, why): when logged
  uint64_t jitter_ = 0x9e3779b97f4a7c15;  // spreads redials; needs no quality
};

}  // namespace kindred
