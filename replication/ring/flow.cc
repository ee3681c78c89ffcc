#include "replication/ring/flow.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <queue>
#include <utility>

#include "replication/ring/invariant.h"

namespace kindred::ring_detail {
namespace {
constexpr std::int64_t kUnreached = std::numeric_limits<std::int64_t>::max();
}

void MinCostFlow::grow(Vertex vertex_count) {
  first_.resize(vertex_count, -1);
  potential_.resize(vertex_count, 0);
}

MinCostFlow::Vertex MinCostFlow::add_vertex() {
  grow(static_cast<Vertex>(first_.size() + 1));
  return static_cast<Vertex>(first_.size() - 1);
}

MinCostFlow::Arc MinCostFlow::add_arc(Vertex from, Vertex to, std::int32_t capacity,
                                      std::int32_t cost) {
  require(capacity >= 0 && cost >= 0, "arcs start with capacity and cost of at least 0");
  const auto arc = static_cast<Arc>(half_arcs_.size());
  half_arcs_.push_back({to, first_[from], capacity, cost});
  half_arcs_.push_back({from, first_[to], 0, -cost});
  first_[from] = arc;
  first_[to] = arc + 1;
  return arc;
}

std::int64_t MinCostFlow::run(Vertex source, Vertex sink) {
  std::int64_t total = 0;
  do {
    while (find_levels(source, sink)) {
      total += blocking_flow(source, sink);
    }
  } while (lengthen_potentials(source, sink));
  return total;
}

// Dijkstra on reduced costs, cut off at the sink's distance: farther vertices keep their order
// relative to it by rising as much as the sink does.
bool MinCostFlow::lengthen_potentials(Vertex source, Vertex sink) {
  distance_.assign(first_.size(), kUnreached);
  distance_[source] = 0;
  using Entry = std::pair<std::int64_t, Vertex>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> nearest;
  nearest.push({0, source});
  while (!nearest.empty()) {
    const auto [distance, vertex] = nearest.top();
    if (distance > distance_[sink]) {
      break;
    }
    nearest.pop();
    if (distance > distance_[vertex]) {
      continue;
    }
    for (Arc arc = first_[vertex]; arc >= 0; arc = half_arcs_[arc].next) {
      const HalfArc& half = half_arcs_[arc];
      if (half.residual == 0) {
        continue;
      }
      const std::int64_t through = distance + reduced_cost(vertex, half);
      if (through < distance_[half.to]) {
        distance_[half.to] = through;
        nearest.push({through, half.to});
      }
    }
  }
  if (distance_[sink] == kUnreached) {
    return false;
  }
  for (std::size_t vertex = 0; vertex < first_.size(); ++vertex) {
    potential_[vertex] += std::min(distance_[vertex], distance_[sink]);
  }
  return true;
}

bool MinCostFlow::find_levels(Vertex source, Vertex sink) {
  level_.assign(first_.size(), -1);
  level_[source] = 0;
  queue_.assign(1, source);
  for (std::size_t head = 0; head < queue_.size(); ++head) {
    const Vertex vertex = queue_[head];
    for (Arc arc = first_[vertex]; arc >= 0; arc = half_arcs_[arc].next) {
      const HalfArc& half = half_arcs_[arc];
      if (half.residual > 0 && level_[half.to] < 0 && reduced_cost(vertex, half) == 0) {
        level_[half.to] = level_[vertex] + 1;
        if (half.to == sink) {
          return true;
        }
        queue_.push_back(half.to);
      }
    }
  }
  return false;
}

// Walks with an explicit stack: a path may be as long as the graph has vertices.
std::int64_t MinCostFlow::blocking_flow(Vertex source, Vertex sink) {
  current_ = first_;
  path_.clear();
  std::int64_t total = 0;
  Vertex vertex = source;
  while (true) {
    if (vertex == sink) {
      total += push_along_path();
      vertex = path_.empty() ? source : half_arcs_[path_.back()].to;
      continue;
    }
    Arc& arc = current_[vertex];
    while (arc >= 0 &&
           (half_arcs_[arc].residual == 0 || level_[half_arcs_[arc].to] != level_[vertex] + 1 ||
            reduced_cost(vertex, half_arcs_[arc]) != 0)) {
      arc = half_arcs_[arc].next;
    }
    if (arc >= 0) {
      path_.push_back(arc);
      vertex = half_arcs_[arc].to;
    } else if (path_.empty()) {
      return total;
    } else {
      level_[vertex] = -1;
      path_.pop_back();
      vertex = path_.empty() ? source : half_arcs_[path_.back()].to;
    }
  }
}

// Fills the path and cuts it back to before its first arc that is now full.
std::int32_t MinCostFlow::push_along_path() {
  std::int32_t amount = std::numeric_limits<std::int32_t>::max();
  for (const Arc arc : path_) {
    amount = std::min(amount, half_arcs_[arc].residual);
  }
  std::size_t first_full = path_.size();
  for (std::size_t i = path_.size(); i-- > 0;) {
    half_arcs_[path_[i]].residual -= amount;
    half_arcs_[path_[i] ^ 1].residual += amount;
    if (half_arcs_[path_[i]].residual == 0) {
      first_full = i;
    }
  }
  path_.resize(first_full);
  return amount;
}

}  // namespace kindred::ring_detail
