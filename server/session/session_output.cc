// A session's replies: written in any order, sent in that of their commands, and how much of them
// may wait.
#include <algorithm>

#include "server/session/hub.h"
#include "server/session/invariant.h"
#include "server/session/session.h"

namespace kindred {

namespace {
constexpr size_t kRetainedBytes = 16 * 1024;
constexpr size_t kCompactBytes = 64 * 1024;
}  // namespace

ReplyWriter& Session::open_reply(uint32_t sequence) {
  require(!reply_open_, "one reply is written at a time");
  reply_open_ = true;
  if (sequence != slots_.head()) {
    std::swap(writer_.buffer(), slots_.at(sequence).early);
  }
  reply_mark_ = writer_.size();
  return writer_;
}

void Session::close_reply(uint32_t sequence) {
  ReplySlot& slot = slots_.at(sequence);
  slot.ready = true;
  reply_open_ = false;
  if (slot.suppressed) {
    writer_.buffer().truncate(reply_mark_);
  }
  const size_t bytes = writer_.size() - reply_mark_;
  if (is_limited_) {
    user_->meter().add_reply(user_->limits(), bytes, hub_.service().mono_us());
  }
  const SessionSettings& settings = hub_.settings();
  const auto fitting = static_cast<uint32_t>(std::min<size_t>(
      settings.output_backlog_bytes / std::max<size_t>(bytes, 1), settings.long_replies_max));
  long_replies_ = std::clamp(long_replies_ + 1, 1U, std::max(fitting, 1U));
  if (sequence != slots_.head()) {
    std::swap(writer_.buffer(), slot.early);
    early_bytes_ += slot.early.size();
  }
}

void Session::flush_ready() {
  require(depth_ == 0, "no handler runs while its slot is freed");
  while (!slots_.empty() && slots_.at(slots_.head()).ready) {
    if (slots_.at(slots_.head()).task != nullptr) {
      keep_last_written_key();  // the task may own it
    }
    const std::string_view early = slots_.at(slots_.head()).early.view();
    early_bytes_ -= early.size();
    writer_.raw(early);
    slots_.pop();
  }
  flush_pushed();
  check_output_limit();
}

void Session::flush_pushed() {
  if (!pushed_.empty() && !transaction_.running()) {
    writer_.raw(pushed_.view());
    pushed_.reset(0);
  }
}

bool Session::check_output_limit() {
  const bool listens = monitors_ || !listened().empty();
  const OutputLimit& limit =
      listens ? hub_.settings().pubsub_output_limit : hub_.settings().output_limit;
  const size_t waiting = pending_output_bytes() + early_bytes_ + pushed_.size();
  if (limit.soft_bytes == 0 || waiting <= limit.soft_bytes) {
    over_soft_since_ms_ = 0;
  } else if (over_soft_since_ms_ == 0) {
    over_soft_since_ms_ = hub_.service().mono_ms();
    hub_.note_over_soft_limit(*this);
  }
  const bool too_much = limit.hard_bytes != 0 && waiting > limit.hard_bytes;
  const bool too_long = over_soft_since_ms_ != 0 && hub_.service().mono_ms() - over_soft_since_ms_ >
                                                        uint64_t{limit.soft_s} * 1000;
  if (too_much || too_long) {
    kill(listens ? "output buffer limit of pub/sub reached" : "output buffer limit reached");
  }
  return over_soft_since_ms_ != 0 && !killed_;
}

void Session::consumed(size_t size) {
  require(size <= pending_output_bytes(), "no more is sent than there is");
  hub_.stats().bytes_sent += size;
  sent_bytes_ += size;
  info_.last_active_ms = hub_.service().cluster_now_ms();
  if (sent_bytes_ == writer_.size()) {
    sent_bytes_ = 0;
    if (writer_.buffer().capacity_bytes() > kRetainedBytes) {
      writer_.buffer().reset(kRetainedBytes);
    } else {
      writer_.buffer().clear();
    }
  } else if (sent_bytes_ > kCompactBytes && sent_bytes_ > writer_.size() / 2) {
    ReplyBuffer rest;
    rest.append(writer_.view().substr(sent_bytes_));
    std::swap(writer_.buffer(), rest);
    sent_bytes_ = 0;
  }
  if (stalled_ && has_room()) {
    hub_.note_stall_ended(*this);
  }
}

}  // namespace kindred
