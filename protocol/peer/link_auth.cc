#include "protocol/peer/link_auth.h"

#include <algorithm>
#include <cstring>

#include "protocol/record/bytes.h"

namespace kindred {

namespace {

constexpr std::string_view kKeyLabel = "kindred link 1";
constexpr std::string_view kDiallerLabel = "dialler";
constexpr std::string_view kDialledLabel = "dialled";
constexpr std::string_view kFramesLabel = "frames";

Hmac::Digest derived(const Hmac::Digest& key, std::string_view label) {
  return Hmac(as_bytes(key)).digest({label});
}

std::string_view view(const std::array<char, 32>& nonce) {
  return {nonce.data(), nonce.size()};
}

}  // namespace

FrameMac::Tag FrameMac::next_tag(std::string_view frame) {
  char sequence[sizeof sequence_];
  store_le(sequence, sequence_++);
  const Hmac::Digest whole = hmac_.digest({{sequence, sizeof sequence}, frame});
  Tag tag;
  std::memcpy(tag.data(), whole.data(), tag.size());
  return tag;
}

bool FrameMac::accepts_next(std::string_view frame, std::string_view tag) {
  const Tag expected = next_tag(frame);
  return same_bytes({expected.data(), expected.size()}, tag);
}

LinkHandshake::LinkHandshake(std::string_view secret) : secret_(secret) {
  fill_random(own_.data(), own_.size());
}

void LinkHandshake::derive(const Nonce& of_dialled, const Nonce& of_dialler) {
  key_ = secret_.digest({kKeyLabel, view(of_dialled), view(of_dialler)});
}

std::string LinkHandshake::challenge() const {
  return std::string(1, static_cast<char>(kVersion)).append(view(own_));
}

std::optional<std::string> LinkHandshake::answer(std::string_view challenge) {
  if (challenge.size() != 1 + kNonceBytes || challenge[0] != static_cast<char>(kVersion)) {
    return std::nullopt;
  }
  Nonce of_dialled;
  std::copy_n(challenge.begin() + 1, kNonceBytes, of_dialled.begin());
  derive(of_dialled, own_);
  return std::string(view(own_)).append(as_bytes(derived(*key_, kDiallerLabel)));
}

std::optional<std::string> LinkHandshake::welcome(std::string_view answer) {
  if (answer.size() != kNonceBytes + sizeof(Hmac::Digest)) {
    return std::nullopt;
  }
  Nonce of_dialler;
  std::copy_n(answer.begin(), kNonceBytes, of_dialler.begin());
  derive(own_, of_dialler);
  if (!same_bytes(answer.substr(kNonceBytes), as_bytes(derived(*key_, kDiallerLabel)))) {
    key_.reset();
    return std::nullopt;
  }
  return std::string(as_bytes(derived(*key_, kDialledLabel)));
}

bool LinkHandshake::accepts(std::string_view welcome) {
  return key_ && same_bytes(welcome, as_bytes(derived(*key_, kDialledLabel)));
}

FrameMac LinkHandshake::frame_mac() const {
  return FrameMac(as_bytes(derived(*key_, kFramesLabel)));
}

}  // namespace kindred
