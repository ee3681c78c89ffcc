#include "server/node/peer_links.h"

#include <algorithm>
#include <utility>

#include "protocol/peer/frame_reader.h"

namespace kindred {

namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr size_t kRetainedBytes = 1 << 20;
constexpr uint64_t kFirstPauseMs = 50;
constexpr uint64_t kPauseMsMax = 1000;
constexpr uint64_t kUnusedUsMax = 10'000'000;
constexpr size_t kHelloBytesMax = 1024;

}  // namespace

/// A link that this node dials. Speaks, and hears nothing but the end.
class PeerLinks::Outgoing final : public TcpHandler {
 public:
  Outgoing(PeerLinks& owner, Address address)
      : owner_(owner), address_(std::move(address)), redial_(owner.loop_, [this] { dial(); }) {
    dial();
  }

  void send(std::string_view frame) {
    used_us_ = Loop::mono_us();
    if (connection_ == nullptr) {
      ++owner_.metrics_.frames_dropped;
      return;
    }
    if (queue_.size() - queue_sent_ + frame.size() > kQueuedBytesMax && !queue_.empty()) {
      ++owner_.metrics_.frames_dropped;
      fail();
      return;
    }
    ++owner_.metrics_.frames_sent;
    owner_.metrics_.bytes_sent += frame.size();
    if (up_ && queue_.empty()) {
      frame.remove_prefix(connection_->send(frame));
    }
    queue_.append(frame);
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
    up_ = true;
    pause_ms_ = kFirstPauseMs;
    queue_.insert(0, owner_.hello_frame_);
    owner_.events_.link_up(address_);
    drained();
  }

  std::span<char> read_room() override { return unexpected_; }
  void received(size_t) override { fail(); }

  void drained() override {
    if (connection_ == nullptr) {
      return;
    }
    while (queue_sent_ < queue_.size()) {
      const size_t taken = connection_->send(std::string_view(queue_).substr(queue_sent_));
      if (taken == 0) {
        return;
      }
      queue_sent_ += taken;
    }
    clear_queue();
  }

  void closed(std::string_view) override { fail(); }

 private:
  void dial() {
    std::string error;
    connection_ = TcpConnection::dial(owner_.loop_, owner_.local_host_,
                                      {address_.host, address_.port}, *this, &error);
    if (connection_ == nullptr) {
      redial_later();
    }
  }

  void fail() {
    connection_.reset();
    up_ = false;
    clear_queue();
    redial_later();
    owner_.events_.link_down(address_);
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
  std::unique_ptr<TcpConnection> connection_;
  bool up_ = false;
  uint64_t pause_ms_ = kFirstPauseMs;
  uint64_t used_us_ = Loop::mono_us();
  std::string queue_;
  size_t queue_sent_ = 0;
  char unexpected_[16];
};

/// A link that another node dialled. Hears, and says nothing.
class PeerLinks::Incoming final : public TcpHandler {
 public:
  explicit Incoming(PeerLinks& owner) : owner_(owner) { reader_.set_cluster(owner.cluster_id_); }

  bool adopt(int socket) {
    connection_ = TcpConnection::adopt(owner_.loop_, socket, *this);
    return connection_ != nullptr;
  }

  void set_cluster(ClusterId cluster_id) { reader_.set_cluster(cluster_id); }

  std::span<char> read_room() override { return reader_.writable(kReadBytes); }

  void received(size_t bytes) override {
    owner_.metrics_.bytes_received += bytes;
    reader_.commit(bytes);
    Frame frame;
    FrameStatus status = FrameStatus::kFrame;
    while ((status = reader_.next(&frame)) == FrameStatus::kFrame) {
      ++owner_.metrics_.frames_received;
      if (!take(frame)) {
        reject("malformed content");
        return;
      }
    }
    if (status == FrameStatus::kError) {
      if (reader_.error() == FrameError::kBadChecksum) {
        ++owner_.metrics_.checksum_failures;
      }
      reject(name_of(reader_.error()));
    } else if (reader_.capacity_bytes() > kRetainedBytes) {
      reader_.shrink_idle(kRetainedBytes);
    }
  }

  void drained() override {}
  void closed(std::string_view) override { forget(); }

 private:
  bool take(const Frame& frame) {
    if (frame.header.kind != FrameKind::kHello) {
      return greeted_ && owner_.events_.frame_arrived(from_, frame);
    }
    if (frame.payload.size() > kHelloBytesMax || !decode_hello(frame.payload, &from_)) {
      return false;
    }
    greeted_ = true;
    const auto back = owner_.outgoing_.find(from_.peer_address);
    if (back != owner_.outgoing_.end()) {
      back->second->hurry();
    }
    return true;
  }

  void reject(std::string_view why) {
    ++owner_.metrics_.rejected_frames;
    owner_.events_.frame_rejected(to_text(connection_->remote_address()), why);
    forget();
  }

  void forget() {
    owner_.incoming_.remove_if([this](const auto& link) { return link.get() == this; });
  }

  PeerLinks& owner_;
  std::unique_ptr<TcpConnection> connection_;
  FrameReader reader_;
  LinkHello from_;
  bool greeted_ = false;
};

PeerLinks::PeerLinks(Loop& loop, std::string local_host, PeerLinkEvents& events)
    : loop_(loop), local_host_(std::move(local_host)), events_(events) {}

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
  auto link = std::make_unique<Incoming>(*this);
  if (link->adopt(socket)) {
    incoming_.push_back(std::move(link));
  }
}

void PeerLinks::forget_unused() {
  const uint64_t now_us = Loop::mono_us();
  std::erase_if(outgoing_, [now_us](const auto& link) { return link.second->is_unused(now_us); });
}

}  // namespace kindred
