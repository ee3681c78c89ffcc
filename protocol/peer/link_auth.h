#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/hmac/hmac.h"

namespace kindred {

/// Authenticates the frames of one link in one direction: each is followed by a tag over its place
/// in the sequence and its bytes, so that none can be forged, left out, repeated or put elsewhere.
/// Both ends count for themselves. One owner, one thread.
class FrameMac {
 public:
  static constexpr size_t kTagBytes = 16;
  using Tag = std::array<char, kTagBytes>;

  explicit FrameMac(std::string_view key) : hmac_(key) {}

  /// The tag of the next frame.
  Tag next_tag(std::string_view frame);
  /// Whether it is that. After a false one the link is to be closed.
  [[nodiscard]] bool accepts_next(std::string_view frame, std::string_view tag);

 private:
  Hmac hmac_;
  uint64_t sequence_ = 0;
};

/// How two nodes that share a secret prove it to each other at the start of a link:
///
///     who was dialled   challenge: a nonce                      ->
///                    <- answer: a nonce, and proof              who dials
///                       welcome: proof                          ->
///
/// Keys come from the secret and both nonces, so that nothing of another link is good here, and
/// each proof says whose it is, so that it can't be sent back. Frames follow once both are proven.
/// One owner, one thread.
class LinkHandshake {
 public:
  explicit LinkHandshake(std::string_view secret);

  // Who was dialled.
  std::string challenge() const;
  /// The welcome; nothing where the answer is no good.
  std::optional<std::string> welcome(std::string_view answer);

  // Who dials.
  /// The answer; nothing where the challenge is malformed.
  std::optional<std::string> answer(std::string_view challenge);
  [[nodiscard]] bool accepts(std::string_view welcome);

  /// For the frames from who dials. Only once the other side is proven.
  FrameMac frame_mac() const;

  /// No payload of it is longer.
  static constexpr size_t kPayloadBytesMax = 128;

 private:
  static constexpr uint8_t kVersion = 1;
  static constexpr size_t kNonceBytes = 32;
  using Nonce = std::array<char, kNonceBytes>;

  void derive(const Nonce& of_dialled, const Nonce& of_dialler);

  Hmac secret_;
  Nonce own_{};
  std::optional<Hmac::Digest> key_;  // of this link, once both nonces are known
};

}  // namespace kindred
