#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/causal/write.h"
#include "replication/membership/cluster.h"

namespace kindred {

enum class ContextStatus : uint8_t {
  kOk = 0,
  kMalformed,      // not a context's text, or of a format not known here
  kUnknownTagKey,  // tagged by a key that is no longer, or not yet, live
  kForged,         // the tag is wrong: altered, made up, or another cluster's
  kOtherKey,       // a genuine context, of another key
};

/// First 128 bits of the SHA-256 of a key: what binds a context to it.
using KeyDigest = std::array<uint8_t, 16>;

/// What a context says without knowledge of its key (DCONTEXT).
struct ContextDescription {
  KeyDigest key_digest{};
  ClientContext context;
};

/// Turns what a client covers into printable text and back. The text is authenticated: a keyed tag
/// over cluster, key and entries is checked, in constant time, before anything in it is used.
/// One codec a thread; it keeps the key schedules, so a call sets no key up anew. Made again when
/// the cluster document changes.
class ContextCodec {
 public:
  /// The first of `tag_keys` signs, all are accepted. Without any, encode() must not be called
  /// with what is not empty and decode() accepts the empty text alone.
  ContextCodec(ClusterId cluster_id, std::span<const TagKey> tag_keys);
  ~ContextCodec();
  ContextCodec(ContextCodec&&) noexcept;
  ContextCodec& operator=(ContextCodec&&) noexcept;

  /// The empty context is the empty text. Of more than kClientContextEntriesMax entries the rest
  /// are left out, vector entries first: what a context leaves out stays as siblings.
  [[nodiscard]] std::string encode(std::string_view key, const ClientContext& context);

  /// `context` is unspecified unless the result is kOk.
  [[nodiscard]] ContextStatus decode(std::string_view key, std::string_view text,
                                     ClientContext* context);

  /// Checks all but the key. The empty text is malformed here: it belongs to no key.
  [[nodiscard]] ContextStatus describe(std::string_view text, ContextDescription* description);

 private:
  class Crypto;
  std::unique_ptr<Crypto> crypto_;
};

}  // namespace kindred
