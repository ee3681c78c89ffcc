// What the admin pages tell, and to whom.
#include <algorithm>

#include "server/node/node.h"
#include "server/session/ring_view.h"

namespace kindred {

std::string Node::open_admin() {
  if (config_->admin_port == 0) {
    return "";
  }
  AdminServer::Setup setup;
  setup.hosts = config_->bind;
  setup.port = config_->admin_port;
  const bool beyond_loopback =
      !std::all_of(config_->bind.begin(), config_->bind.end(), is_loopback);
  setup.access = [this, beyond_loopback] {
    return AdminAccess{users_.get(), beyond_loopback && users_->login_needed()};
  };
  setup.is_stranger = [this](int socket) { return is_stranger(socket); };
  setup.ask = [this](AdminPage page, const AdminServer::Respond& respond) {
    answer_admin(page, respond);
  };
  std::string error;
  admin_ = AdminServer::open(workers_.front()->loop(), std::move(setup), &error);
  return error;
}

void Node::answer_admin(AdminPage page, const AdminServer::Respond& respond) {
  switch (page) {
    case AdminPage::kIndex:
      return respond(index_page());
    case AdminPage::kHealth:
      return respond(health_page());
    case AdminPage::kReadiness:
      return respond(readiness_page(why_not_ready()));
    case AdminPage::kMetrics:
      return sum_worker_figures(
          [this, respond](const WorkerFigures& sum) { respond(metrics_page(figures(sum))); });
    case AdminPage::kRing:
      return sum_ring_figures(
          [](Worker& worker, const FiguresAnswer& answer) { answer(worker.ring_figures()); },
          [this, respond](RingFigures&& sum) { respond(ring_page(ring_status(sum))); });
  }
}

/// For those who send clients to nodes; empty: it is ready.
std::string Node::why_not_ready() const {
  if (stopping_) {
    return "stopping";
  }
  if (is_drained_) {
    return "drained: other nodes coordinate";
  }
  if (document_ == nullptr) {
    return "in no cluster yet";
  }
  if (!ready_) {
    return "loading: the stored records are being checked";
  }
  return ready_timer_->active() ? "waiting for the other members" : "";
}

/// RING STATUS in RESP3; empty where the node is in no cluster.
std::string Node::ring_status(const RingFigures& sum) const {
  if (document_ == nullptr) {
    return "";
  }
  ReplyWriter reply(RespVersion::kResp3);
  const RingView view{document_.get(), self_, shared_.member_statuses(), Loop::mono_us() / 1000};
  write_ring_status(reply, view,
                    {.read_quorum = config_->read_quorum,
                     .write_quorum = config_->write_quorum,
                     .sloppy_quorum = config_->sloppy_quorum,
                     .hints = hint_count(sum)});
  return std::string(reply.view());
}

}  // namespace kindred
