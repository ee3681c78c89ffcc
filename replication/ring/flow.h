#pragma once

#include <cstdint>
#include <vector>

namespace kindred::ring_detail {

/// Maximum flow of least cost on a graph with whole capacities and costs >= 0, by the primal-dual
/// method: all augmenting paths of one length at once, lengths rising. The result depends only on
/// the order in which arcs were added. Single use: add the arcs, run once, read the flows.
class MinCostFlow {
 public:
  using Vertex = std::int32_t;
  using Arc = std::int32_t;

  explicit MinCostFlow(Vertex vertex_count) { grow(vertex_count); }

  /// Adds a vertex and returns its number.
  Vertex add_vertex();
  Arc add_arc(Vertex from, Vertex to, std::int32_t capacity, std::int32_t cost);
  void reserve_arcs(std::size_t count) { half_arcs_.reserve(2 * count); }

  /// Returns the size of the maximum flow.
  std::int64_t run(Vertex source, Vertex sink);
  std::int32_t flow(Arc arc) const { return half_arcs_[arc ^ 1].residual; }

 private:
  // Halves 2k and 2k+1 are an arc and its reverse.
  struct HalfArc {
    Vertex to;
    Arc next;  // the next half that leaves the same vertex, or -1
    std::int32_t residual;
    std::int32_t cost;
  };

  void grow(Vertex vertex_count);
  std::int64_t reduced_cost(Vertex from, const HalfArc& half) const {
    return half.cost + potential_[from] - potential_[half.to];
  }
  bool lengthen_potentials(Vertex source, Vertex sink);
  bool find_levels(Vertex source, Vertex sink);
  std::int64_t blocking_flow(Vertex source, Vertex sink);
  std::int32_t push_along_path();

  std::vector<HalfArc> half_arcs_;
  std::vector<Arc> first_;
  std::vector<Arc> current_;
  std::vector<std::int32_t> level_;
  std::vector<std::int64_t> potential_;
  std::vector<std::int64_t> distance_;
  std::vector<Arc> path_;
  std::vector<Vertex> queue_;
};

}  // namespace kindred::ring_detail
