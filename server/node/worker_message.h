#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "replication/node/operation.h"
#include "replication/node/ports.h"
#include "replication/node/scan.h"
#include "server/tls/tls_context.h"

namespace kindred {

/// What workers hand to each other: owned copies. In the top byte of a token is the worker that
/// asked.
struct ForwardedOperation {
  ClientToken token = 0;
  Operation operation;  // its value is owned, its key views key_bytes once at its place
  std::string key_bytes;

  ForwardedOperation(ClientToken asked_by, const Operation& asked)
      : token(asked_by), operation(asked), key_bytes(asked.key.key) {
    operation.value.own();
  }
  const Operation& settle() {
    operation.key.key = key_bytes;
    return operation;
  }
};
struct ForwardedScan {
  ClientToken token = 0;
  ScanRequest request;
};
struct ForwardedOutcome {
  ClientToken token = 0;
  Outcome outcome;
};
struct ForwardedPage {
  ClientToken token = 0;
  ScanPage page;
};
/// A peer's messages for one worker, as a data frame.
struct ArrivedFrame {
  NodeId from = 0;
  std::string bytes;
};
/// A worker's messages for a peer, as a data frame; to worker 0, which has the links.
struct DepartingFrame {
  NodeId to = 0;
  std::string bytes;
};
/// A connected socket for the worker to serve.
struct NewClient {
  int socket = -1;
  std::shared_ptr<const TlsContext> tls;  // null: none
};
/// Anything rare: runs on the worker's thread.
struct Errand {
  std::function<void()> run;
};

using WorkerMessage = std::variant<ForwardedOperation, ForwardedScan, ForwardedOutcome,
                                   ForwardedPage, ArrivedFrame, DepartingFrame, NewClient, Errand>;

}  // namespace kindred
