// What a session listens to: channels, patterns, all that the node takes.
#include <memory>

#include "server/session/hub.h"
#include "server/session/session.h"

namespace kindred {

namespace {

const ListenedNames kNothingListened;

}  // namespace

const ListenedNames& Session::listened() const {
  return listened_ != nullptr ? *listened_ : kNothingListened;
}

void Session::listen(ListenKind kind, std::string_view name) {
  if (listened_ == nullptr) {
    listened_ = std::make_unique<ListenedNames>();
  }
  if (listened_->add(kind, name)) {
    hub_.channels().add(kind, name, id_);
  }
}

void Session::listen_no_more(ListenKind kind, std::string_view name) {
  if (listened_ != nullptr && listened_->remove(kind, name)) {
    hub_.channels().remove(kind, name, id_);
  }
}

void Session::start_monitoring() {
  if (!monitors_) {
    monitors_ = true;
    hub_.add_monitor(id_);
  }
}

/// Also when the client is gone.
void Session::stop_listening() {
  if (listened_ != nullptr) {
    for (const ListenKind kind :
         {ListenKind::kChannel, ListenKind::kPattern, ListenKind::kShardChannel}) {
      for (const std::string& name : listened_->of(kind)) {
        hub_.channels().remove(kind, name, id_);
      }
    }
    listened_.reset();
  }
  if (monitors_) {
    monitors_ = false;
    hub_.remove_monitor(id_);
  }
}

bool Session::only_listens() const {
  return listened_ != nullptr && !listened_->empty() && resp_version() == RespVersion::kResp2;
}

}  // namespace kindred
