#include "replication/keyspace/key_partitions.h"

#include "replication/keyspace/keyspace.h"

namespace kindred {

namespace {

/// 0 where none of those that fit `wanted` is there.
template <typename Fits>
std::uint32_t closest(std::span<const std::string> layers, const Fits& fits) {
  std::uint32_t layer = 0;
  for (std::uint32_t i = 0; i < layers.size(); ++i) {
    if (fits(layers[i]) && (layer == 0 || is_closer(layers[i], layers[layer - 1]))) {
      layer = i + 1;
    }
  }
  return layer;
}

}  // namespace

KeyPartitions::KeyPartitions(std::uint32_t slot_partitions, std::span<const std::string> layers)
    : slot_partitions_(slot_partitions) {
  if (!layers.empty()) {
    layers_ = std::make_shared<const std::vector<std::string>>(layers.begin(), layers.end());
  }
}

std::uint32_t KeyPartitions::layer_of(std::string_view key) const {
  if (layers_ == nullptr) {
    return 0;
  }
  return closest(*layers_, [key](std::string_view pattern) { return fits(pattern, key); });
}

std::uint32_t KeyPartitions::around(std::uint32_t layer) const {
  return layer_around(std::span(*layers_).first(layer - 1), (*layers_)[layer - 1]);
}

bool operator==(const KeyPartitions& a, const KeyPartitions& b) {
  if (a.slot_partitions_ != b.slot_partitions_ || a.layers() != b.layers()) {
    return false;
  }
  return a.layers_ == b.layers_ || *a.layers_ == *b.layers_;
}

std::uint32_t layer_around(std::span<const std::string> layers, std::string_view pattern) {
  return closest(layers, [pattern](std::string_view each) { return is_within(pattern, each); });
}

}  // namespace kindred
