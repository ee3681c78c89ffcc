#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "bench/loadgen/histogram.h"
#include "bench/loadgen/options.h"
#include "bench/loadgen/reply_counter.h"

namespace kindred::bench {

// What a run measured. Latency counts from the sending of the batch to the reply, or, where WAIT
// follows, to WAIT's reply: only then is the write where it was asked to be.
struct Measured {
  uint64_t operations = 0;
  double seconds = 0;
  uint64_t errors = 0;
  std::string first_error;
  Histogram latency_ns;
};

// One closed-loop run on one thread.
class Load {
 public:
  explicit Load(const Options& options);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Connects, runs to the end, fills `measured`. Returns an empty text or what went wrong.
  [[nodiscard]] std::string run(Measured* measured);

 private:
  struct Connection {
    int fd = -1;
    uint16_t port = 0;
    std::string out;
    size_t sent = 0;
    uint32_t commands = 0;  // of the batch under way, without WAIT
    uint64_t seen = 0;      // replies of the batch so far, WAIT's among them
    uint64_t due = 0;       // replies still to come
    uint64_t sent_at_ns = 0;
    ReplyCounter replies;
  };

  std::string connect_all();
  std::string loop(Measured* measured);
  std::string start_batch(Connection* connection);
  std::string flush(Connection* connection);
  std::string receive(Connection* connection, Measured* measured);
  void count(Connection* connection, uint64_t replies, uint64_t now_ns, Measured* measured);
  void append_command(Connection* connection);
  void append_wait(std::string* out) const;
  [[nodiscard]] uint64_t done_after(uint64_t replies, uint32_t commands) const;
  /// The next key that the connection's node coordinates, as text.
  [[nodiscard]] std::string_view next_key(uint16_t port);
  [[nodiscard]] bool more_to_send() const;

  const Options options_;
  std::mt19937_64 random_;
  std::string payload_;  // values are slices of it
  std::vector<char> buffer_;
  std::vector<uint16_t> ports_by_slot_;  // empty: any port serves any key
  std::array<char, 32> key_{};
  std::vector<Connection> connections_;
  int epoll_ = -1;
  uint64_t issued_ = 0;
  uint64_t deadline_ns_ = 0;
  size_t busy_ = 0;  // connections with a batch under way
};

}  // namespace kindred::bench
