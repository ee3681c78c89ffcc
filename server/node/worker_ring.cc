// A worker's part of what RING tells and asks for.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "server/node/worker.h"

namespace kindred {

namespace {

std::string_view copy_name(CopyState state) {
  switch (state) {
    case CopyState::kFilling:
      return "filling";
    case CopyState::kArriving:
      return "arriving";
    case CopyState::kDeparting:
      return "departing";
    default:
      return "whole";
  }
}

}  // namespace

RingFigures Worker::ring_figures() {
  RingFigures figures;
  if (engine_capabilities_.thread_bound || setup_.index == 0) {
    // What an engine has not written out yet it may not count as data.
    const plugins::EngineStats stats = engine_.stats();
    figures.data_bytes = stats.data_bytes != 0 ? stats.data_bytes : stats.memory_bytes;
  }
  if (!driver_) {
    return figures;
  }
  Shard& shard = driver_->shard();
  figures.copies = shard.copies().count(CopyState::kWhole);
  for (const Transfer& transfer : shard.transfers()) {
    figures.copies += 1;
    figures.transfers.push_back({transfer.partition, copy_name(transfer.state), transfer.source,
                                 transfer.keys, transfer.bytes});
  }
  for (const HintsOfTarget& one : shard.hints().pending()) {
    const uint64_t age_ms = now_.cluster_ms - std::min(now_.cluster_ms, one.oldest_ms);
    figures.hints.push_back({one.target, one.count, one.bytes, age_ms});
  }
  return figures;
}

// Where this worker has none of what was asked for, the answer is empty.
void Worker::repair(std::optional<PartitionIndex> wanted, const FiguresAnswer& answer) {
  std::vector<uint16_t> partitions;
  if (driver_) {
    const Copies& copies = driver_->shard().copies();
    for (uint32_t p = 0; p < copies.size(); ++p) {
      const auto partition = static_cast<uint16_t>(p);
      const CopyState state = copies.at(partition).state;
      const bool is_held = state != CopyState::kNone && state != CopyState::kDeparting;
      if (is_held && (!wanted || *wanted == partition)) {
        partitions.push_back(partition);
      }
    }
  }
  if (partitions.empty()) {
    return answer({});
  }
  refresh_now();
  struct Sum {
    size_t missing;
    RingFigures figures;
  };
  const auto sum = std::make_shared<Sum>(Sum{partitions.size(), {}});
  for (const uint16_t partition : partitions) {
    driver_->repair(partition, [sum, partition, answer](const RepairReport& report) {
      sum->figures.repairs.push_back({partition, report.ok, report.exchanges, report.keys_compared,
                                      report.keys_repaired, report.bytes});
      if (--sum->missing == 0) {
        answer(std::move(sum->figures));
      }
    });
  }
}

}  // namespace kindred
