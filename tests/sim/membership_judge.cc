#include "tests/sim/membership_judge.h"

#include <algorithm>

#include "tests/sim/cluster.h"

namespace kindred::sim {

uint64_t MembershipJudge::epochs_since(uint64_t at_us) const {
  const auto first = std::lower_bound(newer_at_us_.begin(), newer_at_us_.end(), at_us);
  return static_cast<uint64_t>(newer_at_us_.end() - first);
}

void MembershipJudge::installed(Number number, const ClusterDocument* before,
                                const ClusterDocument& document) {
  if (number_of(document) > newest_) {
    newest_ = number_of(document);
    newer_at_us_.push_back(cluster_.queue().now_us());
  }
  for (Number other = 1; before != nullptr && other <= cluster_.node_count(); ++other) {
    const Address address = SimNode::address_of(other);
    const bool is_new = before->find_peer_address(address) == nullptr &&
                        document.find_peer_address(address) != nullptr;
    if (is_new && !cluster_.node(other).is_up()) {
      ++pairs_[number][other].faults;  // who died as it waited is taken for up at first
    }
  }
  for (Number other = 1; other <= cluster_.node_count(); ++other) {
    const auto held = cluster_.node(other).document();
    if (other == number || held == nullptr || held->generation != document.generation ||
        held->epoch != document.epoch) {
      continue;
    }
    if (!(document == *held)) {
      cluster_.oracle().fail("two documents of epoch " + std::to_string(document.epoch) +
                             ": nodes " + std::to_string(number) + " and " + std::to_string(other) +
                             " differ");
    }
  }
}

void MembershipJudge::alive_changed(Number observer, Number subject, NodeId id, bool is_up) {
  std::set<NodeId>& believed = believed_up_[observer];
  const bool is_news = is_up ? believed.insert(id).second : believed.erase(id) != 0;
  if (!is_news) {
    cluster_.oracle().fail("node " + std::to_string(observer) + " says twice that node " +
                           std::to_string(subject) + (is_up ? " is up" : " is down"));
  }
  if (!is_up) {
    ++pairs_[observer][subject].downs;
    cluster_.oracle().disturbed();
  }
}

void MembershipJudge::fault(Number one, Number other) {
  ++pairs_[one][other].faults;
  ++pairs_[other][one].faults;
}

void MembershipJudge::fault_of(Number number) {
  for (Number other = 1; other <= cluster_.node_count(); ++other) {
    if (other != number) {
      fault(number, other);
    }
  }
}

void MembershipJudge::lost(Number from, Number to) {
  ++pairs_[from][to].lost;
  ++pairs_[to][from].lost;
}

void MembershipJudge::watch_copies() {
  constexpr uint64_t kLookUs = 1'000'000;
  cluster_.queue().after(kLookUs, [this] { watch_copies(); });
  cluster_.faults().refresh_loss();
  for (Number number = 1; number <= cluster_.node_count(); ++number) {
    const auto document = cluster_.node(number).document();
    if (document == nullptr || !cluster_.node(number).is_ready()) {
      continue;
    }
    for (uint32_t partition = 0; partition < document->ring.partition_count(); ++partition) {
      if (!may_hold(*document, static_cast<uint16_t>(partition))) {
        return cluster_.oracle().fail("no owner holds partition " + std::to_string(partition) +
                                      " in epoch " + std::to_string(document->epoch));
      }
    }
    cluster_.probes().add("copies_watched");
  }
}

/// Whether one of those who serve the partition by this document holds all of it, or may: of those
/// that are not there, or go by another document, nothing is said.
bool MembershipJudge::may_hold(const ClusterDocument& document, uint16_t partition) {
  const auto owners = document.serving_owners(partition);
  return std::any_of(owners.begin(), owners.end(), [&](NodeId owner) {
    for (Number number = 1; number <= cluster_.node_count(); ++number) {
      SimNode& node = cluster_.node(number);
      if (node.id() == owner && node.is_ready() && node.document()->epoch == document.epoch) {
        if (node.shard_of_partition(partition).document_epoch() != document.epoch) {
          return true;  // the shard has yet to hear of it
        }
        const CopyState state =
            node.shard_of_partition(partition).shard().copies().at(partition).state;
        // Starts after a disk refused writes, or while copies were not whole, fill all copies,
        // though nothing acknowledged is gone: several nodes may do so at once.
        const bool lacks_nothing = !node.losses.concern(partition) && state == CopyState::kFilling;
        return state == CopyState::kWhole || lacks_nothing;
      }
    }
    return true;
  });
}

/// A member is silent once three rounds' answers are missing, the third being late only: so two
/// lost messages at least stand behind each change that no fault explains.
void MembershipJudge::check() {
  for (Number observer = 1; observer <= cluster_.node_count(); ++observer) {
    for (Number subject = 1; subject <= cluster_.node_count(); ++subject) {
      const Pair& pair = pairs_[observer][subject];
      if (pair.downs > pair.faults + pair.lost / 2) {
        cluster_.oracle().fail("node " + std::to_string(observer) + " took node " +
                               std::to_string(subject) + " for down " + std::to_string(pair.downs) +
                               " times, after " + std::to_string(pair.faults) + " faults and " +
                               std::to_string(pair.lost) + " lost messages");
      }
    }
  }
}

}  // namespace kindred::sim
