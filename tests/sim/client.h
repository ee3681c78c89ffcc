#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "tests/sim/cluster.h"

namespace kindred::sim {

/// One client: a request at a time, at random nodes, with the contexts it was given kept a while.
class Client {
 public:
  Client(SimCluster& cluster, uint32_t number);
  void count(Probes& probes) const;

 private:
  /// A context with what its holder has really met and been shown.
  struct KeptContext {
    std::string text;
    ClientContext covered;  // what the text says
    Knowledge met;
    Knowledge shown;
  };

  void think();
  bool may_begin();
  void act();
  void read(uint32_t key, bool is_get);
  void write_versions(uint32_t key);
  void write(uint32_t key, OpKind kind, Modification modification);
  /// A write that has been asked for.
  struct Asked {
    uint32_t write = 0;
    KeptContext given;
    QuorumSpec quorum;
    bool is_forged = false;
    uint64_t at_us = 0;
    uint32_t timeout_ms = 0;
  };
  void ask(Request request, Write write, const KeptContext& given);
  void took(const Asked& asked, Reply&& reply);
  void take_read(const ReadCheck& check, Number node, const Reply& reply);
  void check_copies(const Asked& asked, const Reply& reply);
  void check_served(uint32_t key, const Reply& reply, const QuorumSpec& quorum, uint64_t asked_us,
                    uint32_t timeout_ms);
  QuorumSpec choose_quorum(const Operation& operation);
  std::string forge(uint32_t key, const std::string& text);
  void scan();
  void next_page(uint64_t cursor);
  void check_time(const Reply& reply, uint64_t asked_us, uint32_t timeout_ms);
  KeptContext choose_context(uint32_t key);
  void keep(uint32_t key, KeptContext context);
  Number any_node();

  SimCluster& cluster_;
  uint32_t number_;
  Prng prng_;
  bool has_begun_ = false;
  uint64_t requests_ = 0;
  uint64_t refused_ = 0;
  uint64_t unknown_ = 0;
  uint64_t acked_ = 0;
  uint64_t reads_ = 0;
  uint64_t values_ = 0;
  uint64_t turn_ = 0;
  uint64_t scans_ = 0;
  uint64_t scans_whole_ = 0;
  ScanCheck scan_;
  std::vector<std::deque<KeptContext>> contexts_;
};

}  // namespace kindred::sim
