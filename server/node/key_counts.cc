#include "server/node/key_counts.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace kindred {

namespace {
constexpr std::string_view kNobodyUp = "NOREPLICAS read needs R=1 replicas, up=0";
}

void KeyCounts::begin(Asker asker, uint32_t partition_count, uint32_t timeout_ms, uint64_t now_us) {
  const auto at = counts_.try_emplace(++last_number_).first;
  Count& count = at->second;
  count.asker = asker;
  count.timeout_ms = timeout_ms;
  count.patience_ends_us = now_us + uint64_t{timeout_ms} * 500;
  count.deadline_us = now_us + uint64_t{timeout_ms} * 1000;
  std::vector<uint16_t> all(partition_count);
  for (uint32_t partition = 0; partition < partition_count; ++partition) {
    all[partition] = static_cast<uint16_t>(partition);
  }
  if (!ask(count, all)) {
    fail(at, kNobodyUp);
  }
}

NodeId KeyCounts::holder_of(const Count& count, uint16_t partition) {
  const std::vector<NodeId> owners = ports_.owners_in_reach(partition);
  const auto holder = std::find_if(owners.begin(), owners.end(),
                                   [&](NodeId owner) { return !count.silent.contains(owner); });
  return holder == owners.end() ? 0 : *holder;
}

/// False, with nothing asked, where a partition has no owner left to ask.
bool KeyCounts::ask(Count& count, const std::vector<uint16_t>& partitions) {
  std::map<NodeId, std::vector<uint16_t>> by_holder;
  for (const uint16_t partition : partitions) {
    const NodeId holder = holder_of(count, partition);
    if (holder == 0) {
      return false;
    }
    by_holder[holder].push_back(partition);
  }
  for (auto& [holder, asked] : by_holder) {
    const uint64_t question = ++last_number_;
    count.open[question] = {holder, asked};
    ports_.ask_count(holder, question, std::move(asked));
  }
  return true;
}

void KeyCounts::answered(uint64_t question, uint64_t keys) {
  for (auto at = counts_.begin(); at != counts_.end(); ++at) {
    Count& count = at->second;
    const auto open = count.open.find(question);
    if (open == count.open.end()) {
      continue;
    }
    count.keys += keys;
    count.open.erase(open);
    if (count.open.empty()) {
      ports_.counted(count.asker, count.keys);
      counts_.erase(at);
    }
    return;
  }
}

/// Asks others instead of the silent ones; where there are none, a node that is up may still
/// answer. False where it is down.
bool KeyCounts::ask_others(Count& count, const std::set<NodeId>& silent) {
  count.silent.insert(silent.begin(), silent.end());
  std::vector<uint64_t> unanswered;
  for (const auto& [question, asked] : count.open) {
    if (silent.contains(asked.holder)) {
      unanswered.push_back(question);
    }
  }
  for (const uint64_t question : unanswered) {
    const Question asked = count.open[question];
    if (ask(count, asked.partitions)) {
      count.open.erase(question);
    } else if (!ports_.is_in_reach(asked.holder)) {
      return false;
    }
  }
  return true;
}

void KeyCounts::tick(uint64_t now_us) {
  for (auto at = counts_.begin(); at != counts_.end();) {
    Count& count = at->second;
    if (now_us >= count.deadline_us) {
      at = fail(at, "NOQUORUM read R=1 answered=0 within " + std::to_string(count.timeout_ms) +
                        " ms for some of the keys");
      continue;
    }
    const bool patience_is_over = now_us >= count.patience_ends_us;
    std::set<NodeId> silent;
    for (const auto& [question, open] : count.open) {
      if (patience_is_over || !ports_.is_in_reach(open.holder)) {
        silent.insert(open.holder);
      }
    }
    count.patience_ends_us = patience_is_over ? count.deadline_us : count.patience_ends_us;
    at = ask_others(count, silent) ? std::next(at) : fail(at, kNobodyUp);
  }
}

KeyCounts::CountMap::iterator KeyCounts::fail(CountMap::iterator at, std::string_view error) {
  ports_.count_failed(at->second.asker, error);
  return counts_.erase(at);
}

}  // namespace kindred
