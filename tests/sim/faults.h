#pragma once

#include <cstdint>

namespace kindred::sim {

class SimCluster;
class SimNode;

/// What goes wrong in a run, as its plan says, and when the nodes start.
class Faults {
 public:
  explicit Faults(SimCluster& cluster) : cluster_(cluster) {}

  /// The nodes start for the first time.
  void start_nodes();
  void schedule();
  /// Whether a copy may lose what it acknowledged: the design bears one such copy at a time.
  bool loss_allowed();
  /// Nodes whose copies are all whole again have nothing lost.
  void refresh_loss();

 private:
  SimNode& any_node();
  bool vote_spared();
  bool may_crash(const SimNode& node);
  void every(uint32_t mean_ms, void (Faults::*fault)());
  void start_later(SimNode& node, uint64_t delay_us);
  void restart_later(SimNode& node);
  void end_process(SimNode& node, bool with_machine, bool forgets);
  void mend_seeds();
  void disturb_founding();

  void sync_disks();
  void cut();
  void crash();
  void stop();
  void crash_machine();
  void lose();
  void damage_record(SimNode& node);
  void restore_later(SimNode& node);
  void wipe(SimNode& node);
  void break_disk();
  void pause();
  void hang();
  void stand_still(SimNode& node, uint64_t length_us);
  void doubt();
  void flush();
  void jump_clock();

  SimCluster& cluster_;
  bool is_flushing_ = false;
  bool has_lost_founder_ = false;
};

}  // namespace kindred::sim
