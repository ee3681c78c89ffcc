#include "server/node/peer_links.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <span>
#include <utility>

#include "protocol/peer/frame_reader.h"
#include "server/tls/tls_connection.h"

namespace kindred {

namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr size_t kRetainedBytes = 1 << 20;
constexpr uint64_t kFirstPauseMs = 50;
constexpr uint64_t kPauseMsMax = 1000;
constexpr uint64_t kUnusedUsMax = 10'000'000;
constexpr size_t kHelloBytesMax = 1024;
constexpr size_t kStrangerReadBytes = 1024;
constexpr uint64_t kHandshakeMsMax = 3000;
constexpr uint64_t kTellAgainUs = 600'000'000;
constexpr size_t kToldMax = 1024;

/// What keeps the cluster together is small, seldom, and goes also where there is no room for data.
bool is_vital(std::string_view frame) {
  constexpr size_t kVitalBytesMax = 64 * 1024;
  FrameHeader header;
  return frame.size() <= kVitalBytesMax &&
         read_frame_header(frame, kFramePayloadBytesMax, &header) == FrameError::kNone &&
         header.kind != FrameKind::kData && header.kind != FrameKind::kPublication;
}

}  // namespace

/// A link that this node dials. Speaks, and hears nothing but the end and, where there is a secret,
/// the other side's proof.
class PeerLinks::Outgoing final : public TcpHandler {
 public:
  Outgoing(PeerLinks& owner, Address address)
      : owner_(owner),
        address_(std::move(address)),
        redial_(owner.loop_, [this] { dial(); }),
        patience_(owner.loop_, [this] { fail_unproven("it does not prove the cluster-secret"); }) {
    dial();
  }

  void send(std::string_view frame) {
    used_us_ = Loop::mono_us();
    if (connection_ == nullptr) {
      ++owner_.metrics_.frames_dropped;
      return;
    }
    const size_t waiting = queue_.size() - queue_sent_ + large_bytes_;
    if (waiting == 0) {
      moved_us_ = used_us_;
    } else if (waiting + frame.size() > kQueuedBytesMax && !is_vital(frame)) {
      ++owner_.metrics_.frames_dropped;
      if (used_us_ > moved_us_ + owner_.stuck_us_max_) {
        fail();
      }
      return;
    }
    ++owner_.metrics_.frames_sent;
    owner_.metrics_.bytes_sent += frame.size();
    if (frame.size() > kPartBytes) {
      large_.emplace_back(frame);
      large_bytes_ += frame.size();
      drained();
      return;
    }
    if (up_ && queue_.empty() && !mac_) {
      frame.remove_prefix(connection_->send(frame));
    }
    const bool is_first = queue_.empty();
    append(frame);
    if (mac_ && is_first) {
      drained();
    }
  }

  /// The other side is there: no use in waiting.
  void hurry() {
    if (connection_ == nullptr) {
      pause_ms_ = kFirstPauseMs;
      redial_.stop();
      dial();
    }
  }

  bool is_unused(uint64_t now_us) const { return now_us > used_us_ + kUnusedUsMax; }
  bool up() const { return up_; }

  void connected() override {
    if (owner_.secret_.empty()) {
      begin();
      return;
    }
    handshake_.emplace(owner_.secret_);
    reader_.emplace(LinkHandshake::kPayloadBytesMax);
    patience_.start(kHandshakeMsMax);
  }

  std::span<char> read_room() override {
    return reader_ ? reader_->writable(kStrangerReadBytes) : std::span<char>(unexpected_);
  }

  void received(size_t bytes) override {
    if (!reader_) {
      fail_unproven("it asks for a cluster-secret, and none is set here");
      return;
    }
    reader_->commit(bytes);
    Frame frame;
    FrameStatus status = FrameStatus::kFrame;
    while ((status = reader_->next(&frame)) == FrameStatus::kFrame) {
      if (!take_step(frame)) {
        fail_unproven("it knows another cluster-secret, or none");
        return;
      }
    }
    if (status == FrameStatus::kError) {
      fail_unproven(name_of(reader_->error()));
    }
  }

  void drained() override {
    if (connection_ == nullptr || !up_) {
      return;
    }
    while (up_) {
      while (queue_sent_ < queue_.size()) {
        const size_t taken = connection_->send(std::string_view(queue_).substr(queue_sent_));
        if (taken == 0) {
          return;
        }
        queue_sent_ += taken;
        moved_us_ = Loop::mono_us();
      }
      clear_queue();
      if (large_.empty()) {
        return;
      }
      add_part();
    }
  }

  void closed(std::string_view reason) override {
    if (reason.starts_with("TLS")) {
      fail_unproven(reason);
    } else if (reader_ && !up_) {
      fail_unproven("it ended the link at the proof of the cluster-secret");
    } else {
      fail();
    }
  }

 private:
  void dial() {
    std::string error;
    const SocketAddress remote{address_.host, address_.port};
    if (owner_.tls_ != nullptr) {
      connection_ = TlsConnection::dial(owner_.loop_, owner_.local_host_, remote, *this,
                                        *owner_.tls_, &error);
    } else {
      connection_ = TcpConnection::dial(owner_.loop_, owner_.local_host_, remote, *this, &error);
    }
    if (connection_ == nullptr) {
      redial_later();
    }
  }

  /// Of the handshake. False where the other side is not who it should be.
  bool take_step(const Frame& frame) {
    if (up_) {
      return false;
    }
    if (frame.header.kind == FrameKind::kWelcome) {
      if (!handshake_->accepts(frame.payload)) {
        return false;
      }
      mac_.emplace(handshake_->frame_mac());
      begin();
      return true;
    }
    const auto answer = frame.header.kind == FrameKind::kChallenge
                            ? handshake_->answer(frame.payload)
                            : std::nullopt;
    if (!answer) {
      return false;
    }
    std::string reply;
    encode_frame(FrameKind::kAnswer, {}, *answer, &reply);
    return connection_->send(reply) == reply.size();
  }

  /// The link is there: says who this is, and then what has gathered.
  void begin() {
    up_ = true;
    pause_ms_ = kFirstPauseMs;
    patience_.stop();
    std::string gathered = owner_.hello_frame_ + queue_;
    queue_.clear();
    for (std::string_view rest = gathered; !rest.empty();) {
      FrameHeader header;
      static_cast<void>(read_frame_header(rest, kFramePayloadBytesMax, &header));
      const size_t size = kFrameHeaderBytes + header.payload_bytes;
      append(rest.substr(0, size));
      rest.remove_prefix(std::min(size, rest.size()));
    }
    owner_.events_.link_up(address_);
    drained();
  }

  /// A frame, and its tag where there is a secret.
  void append(std::string_view frame) {
    queue_.append(frame);
    if (mac_) {
      const FrameMac::Tag tag = mac_->next_tag(frame);
      queue_.append(tag.data(), tag.size());
    }
  }

  void fail_unproven(std::string_view why) {
    ++owner_.metrics_.unproven_links;
    owner_.tell_rejection({address_.host, address_.port}, why);
    fail();
  }

  void fail() {
    connection_.reset();
    patience_.stop();
    handshake_.reset();
    mac_.reset();
    reader_.reset();
    up_ = false;
    clear_queue();
    large_.clear();
    large_sent_ = 0;
    large_bytes_ = 0;
    redial_later();
    owner_.events_.link_down(address_);
  }

  /// The next piece of the first large frame, behind what is queued.
  void add_part() {
    const std::string_view frame = large_.front();
    const std::string_view piece = frame.substr(large_sent_, kPartBytes);
    FrameHeader header;
    std::string part;
    if (read_frame_header(frame, kFramePayloadBytesMax, &header) == FrameError::kNone) {
      encode_frame(FrameKind::kPart, header.origin, piece, &part);
    }
    append(part);
    large_sent_ += piece.size();
    large_bytes_ -= piece.size();
    if (large_sent_ == frame.size()) {
      large_.pop_front();
      large_sent_ = 0;
    }
  }

  void redial_later() {
    owner_.jitter_ = owner_.jitter_ * 6364136223846793005ULL + 1442695040888963407ULL;
    redial_.start(pause_ms_ / 2 + (owner_.jitter_ >> 33) % (pause_ms_ / 2 + 1));
    pause_ms_ = std::min(pause_ms_ * 2, kPauseMsMax);
  }

  void clear_queue() {
    queue_sent_ = 0;
    queue_.clear();
    if (queue_.capacity() > kRetainedBytes) {
      queue_.shrink_to_fit();
    }
  }

  PeerLinks& owner_;
  const Address address_;
  Timer redial_;
  std::unique_ptr<Connection> connection_;
  bool up_ = false;
  uint64_t pause_ms_ = kFirstPauseMs;
  uint64_t used_us_ = Loop::mono_us();
  std::string queue_;
  size_t queue_sent_ = 0;
  std::deque<std::string> large_;  // go in parts, once the queue is empty
  size_t large_sent_ = 0;          // of the first one
  size_t large_bytes_ = 0;         // of all, not sent yet
  uint64_t moved_us_ = 0;          // when bytes last left, or there were none
  char unexpected_[16];
  // Where there is a secret, from connected() on:
  Timer patience_;  // until the other side has proven itself
  std::optional<LinkHandshake> handshake_;
  std::optional<FrameReader> reader_;
  std::optional<FrameMac> mac_;  // once it has
};

/// A link that another node dialled. Hears, and says nothing but, where there is a secret, what
/// proves it.
class PeerLinks::Incoming final : public TcpHandler {
 public:
  explicit Incoming(PeerLinks& owner) : owner_(owner) {
    set_cluster(owner.cluster_id_);
    reader_.set_payload_max(kHelloBytesMax);
  }

  bool adopt(int socket) {
    if (owner_.tls_ != nullptr) {
      connection_ = TlsConnection::adopt(owner_.loop_, socket, *this, *owner_.tls_);
    } else {
      connection_ = TcpConnection::adopt(owner_.loop_, socket, *this);
    }
    if (connection_ == nullptr) {
      return false;
    }
    is_proven_ = owner_.secret_.empty();
    return owner_.tls_ != nullptr || ask_for_proof();
  }

  bool is_stranger() const { return !greeted_; }
  uint64_t came_us() const { return came_us_; }

  void set_cluster(ClusterId cluster_id) {
    reader_.set_cluster(cluster_id);
    large_.set_cluster(cluster_id);
  }

  std::span<char> read_room() override {
    return reader_.writable(greeted_ ? kReadBytes : kStrangerReadBytes);
  }

  void received(size_t bytes) override {
    owner_.metrics_.bytes_received += bytes;
    reader_.commit(bytes);
    if (!take_all(reader_)) {
      return;
    }
    for (FrameReader* reader : {&reader_, &large_}) {
      if (reader->capacity_bytes() > kRetainedBytes) {
        reader->shrink_idle(kRetainedBytes);
      }
    }
  }

  // TLS is there: now as where there is none.
  void connected() override {
    if (!ask_for_proof()) {
      forget();
    }
  }
  void drained() override {}
  void closed(std::string_view reason) override {
    if (reason.starts_with("TLS")) {
      ++owner_.metrics_.unproven_links;
      owner_.tell_rejection(connection_->remote_address(), reason);
    }
    forget();
  }

 private:
  /// Takes all whole frames of the link, or of the large frames that came in parts. False where the
  /// link was closed: nothing of this is left.
  bool take_all(FrameReader& reader) {
    Frame frame;
    FrameStatus status = FrameStatus::kFrame;
    while ((status = reader.next(&frame)) == FrameStatus::kFrame) {
      if (frame.header.kind == FrameKind::kPart && &reader == &reader_) {
        const std::span<char> room = large_.writable(frame.payload.size());
        frame.payload.copy(room.data(), frame.payload.size());
        large_.commit(frame.payload.size());
        if (!take_all(large_)) {
          return false;
        }
        continue;
      }
      ++owner_.metrics_.frames_received;
      if (!is_proven_) {
        if (!prove(frame)) {
          ++owner_.metrics_.unproven_links;
          reject("it knows another cluster-secret, or none");
          return false;
        }
        continue;
      }
      if (!take(frame)) {
        reject("malformed content");
        return false;
      }
    }
    if (status == FrameStatus::kError) {
      if (reader.error() == FrameError::kBadTag) {
        ++owner_.metrics_.unproven_links;
      }
      if (reader.error() == FrameError::kBadChecksum) {
        ++owner_.metrics_.checksum_failures;
      }
      reject(name_of(reader.error()));
      return false;
    }
    return true;
  }

  bool ask_for_proof() {
    if (is_proven_) {
      return true;
    }
    handshake_.emplace(owner_.secret_);
    return say(FrameKind::kChallenge, handshake_->challenge());
  }

  bool say(FrameKind kind, std::string_view payload) {
    std::string frame;
    encode_frame(kind, {}, payload, &frame);
    return connection_->send(frame) == frame.size();
  }

  /// Takes the other side's proof and gives this one's.
  bool prove(const Frame& frame) {
    const auto welcome =
        frame.header.kind == FrameKind::kAnswer ? handshake_->welcome(frame.payload) : std::nullopt;
    if (!welcome || !say(FrameKind::kWelcome, *welcome)) {
      return false;
    }
    reader_.expect_tags(handshake_->frame_mac());
    handshake_.reset();
    is_proven_ = true;
    return true;
  }

  bool take(const Frame& frame) {
    if (frame.header.kind != FrameKind::kHello) {
      return greeted_ && frame.header.kind != FrameKind::kPart &&
             owner_.events_.frame_arrived(from_, frame);
    }
    if (frame.payload.size() > kHelloBytesMax || !decode_hello(frame.payload, &from_)) {
      return false;
    }
    greeted_ = true;
    reader_.set_payload_max(kFramePayloadBytesMax);
    const auto back = owner_.outgoing_.find(from_.peer_address);
    if (back != owner_.outgoing_.end()) {
      back->second->hurry();
    }
    return true;
  }

  void reject(std::string_view why) {
    ++owner_.metrics_.rejected_frames;
    owner_.tell_rejection(connection_->remote_address(), why);
    forget();
  }

  void forget() {
    owner_.incoming_.remove_if([this](const auto& link) { return link.get() == this; });
  }

  PeerLinks& owner_;
  std::unique_ptr<Connection> connection_;
  FrameReader reader_;
  FrameReader large_;  // of the parts of large frames
  LinkHello from_;
  const uint64_t came_us_ = Loop::mono_us();
  std::optional<LinkHandshake> handshake_;  // until the other side has proven itself
  bool is_proven_ = false;
  bool greeted_ = false;
};

PeerLinks::PeerLinks(Loop& loop, std::string local_host, PeerLinkEvents& events,
                     uint64_t stuck_us_max)
    : loop_(loop),
      local_host_(std::move(local_host)),
      stuck_us_max_(stuck_us_max),
      events_(events) {}

PeerLinks::~PeerLinks() = default;

void PeerLinks::set_hello(const LinkHello& hello) {
  encode_frame(FrameKind::kHello, {}, encode_hello(hello), &hello_frame_);
  for (const auto& [address, link] : outgoing_) {
    if (link->up()) {
      link->send(hello_frame_);
    }
  }
}

void PeerLinks::set_cluster(ClusterId cluster_id) {
  cluster_id_ = cluster_id;
  for (const auto& link : incoming_) {
    link->set_cluster(cluster_id);
  }
}

void PeerLinks::send(const Address& to, std::string_view frame) {
  auto found = outgoing_.find(to);
  if (found == outgoing_.end()) {
    found = outgoing_.emplace(to, std::make_unique<Outgoing>(*this, to)).first;
  }
  found->second->send(frame);
}

void PeerLinks::serve(int socket) {
  drop_strangers(Loop::mono_us());
  auto link = std::make_unique<Incoming>(*this);
  if (link->adopt(socket)) {
    incoming_.push_back(std::move(link));
  }
}

void PeerLinks::forget_unused() {
  const uint64_t now_us = Loop::mono_us();
  std::erase_if(outgoing_, [now_us](const auto& link) { return link.second->is_unused(now_us); });
  drop_strangers(now_us);
}

/// Those that have had time enough to say who they are, and the oldest where there are too many.
void PeerLinks::drop_strangers(uint64_t now_us) {
  size_t strangers = 0;
  for (const auto& link : incoming_) {
    strangers += link->is_stranger() ? 1 : 0;
  }
  incoming_.remove_if([&](const auto& link) {
    const bool is_late = now_us > link->came_us() + kGreetingUsMax;
    if (!link->is_stranger() || (!is_late && strangers < kStrangersMax)) {
      return false;
    }
    --strangers;
    return true;
  });
}

/// The same of the same host is told once in a while only: whoever tries must not fill the log.
void PeerLinks::tell_rejection(const SocketAddress& from, std::string_view why) {
  const uint64_t now_us = Loop::mono_us();
  if (told_us_.size() >= kToldMax) {
    told_us_.clear();
  }
  uint64_t& told_us = told_us_[{from.host, std::string(why)}];
  if (told_us == 0 || now_us > told_us + kTellAgainUs) {
    told_us = now_us;
    events_.frame_rejected(to_text(from), why);
  }
}

}  // namespace kindred
