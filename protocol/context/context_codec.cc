#include "protocol/context/context_codec.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "protocol/context/base64url.h"
#include "protocol/hmac/hmac.h"
#include "protocol/record/bytes.h"
#include "protocol/record/client_context.h"

namespace kindred {

namespace {

// Layout: format, key id, key digest, entries, tag.
constexpr uint8_t kFormat = 1;
constexpr size_t kTagBytes = 16;
constexpr size_t kHeaderBytes = 2 + sizeof(KeyDigest);
constexpr size_t kFieldBytesMin = 2;
constexpr size_t kFieldBytesMax = 2 * kVarintBytesMax + kDotBytes * (kClientContextEntriesMax + 1);
constexpr size_t kBytesMax = kHeaderBytes + kFieldBytesMax + kTagBytes;

struct Release {
  void operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
template <typename T>
using Handle = std::unique_ptr<T, Release>;

// OpenSSL fails here only without memory or without SHA-256, and then no context can be trusted.
void require(bool done) {
  if (!done) [[unlikely]] {
    std::fprintf(stderr, "the crypto library failed at SHA-256\n");
    std::abort();
  }
}

ClientContext within_limit(const ClientContext& context) {
  ClientContext kept;
  kept.floor = context.floor;
  const auto dots = context.covered.dots();
  const auto vector = context.covered.vector();
  const size_t dot_count = std::min(dots.size(), kClientContextEntriesMax);
  const size_t entry_count = std::min(vector.size(), kClientContextEntriesMax - dot_count);
  bool in_order = true;
  for (const CausalContext::Entry& entry : vector.first(entry_count)) {
    in_order = kept.covered.append_entry(entry) && in_order;
  }
  for (const Dot& dot : dots.last(dot_count)) {  // the newest: among them the last write's own
    in_order = kept.covered.append_dot(dot) && in_order;
  }
  require(in_order);
  return kept;
}

}  // namespace

class ContextCodec::Crypto {
 public:
  using Tag = std::array<unsigned char, kTagBytes>;

  Crypto(ClusterId cluster_id, std::span<const TagKey> tag_keys)
      : cluster_id_(cluster_id),
        digest_(EVP_MD_fetch(nullptr, "SHA256", nullptr)),
        digest_context_(EVP_MD_CTX_new()) {
    require(digest_ != nullptr && digest_context_ != nullptr);
    for (const TagKey& key : tag_keys) {
      const auto* secret = reinterpret_cast<const char*>(key.secret.data());
      signers_.push_back({key.id, Hmac({secret, key.secret.size()})});
    }
  }

  bool can_sign() const { return !signers_.empty(); }
  uint8_t signing_key_id() const { return signers_.front().key_id; }

  /// False where no live key has this id.
  bool tag(uint8_t key_id, std::string_view bytes, Tag* tag) {
    const auto signer = std::find_if(signers_.begin(), signers_.end(),
                                     [key_id](const Signer& s) { return s.key_id == key_id; });
    if (signer == signers_.end()) {
      return false;
    }
    char cluster[sizeof cluster_id_];
    store_le(cluster, cluster_id_);
    const Hmac::Digest whole = signer->hmac.digest({{cluster, sizeof cluster}, bytes});
    std::memcpy(tag->data(), whole.data(), kTagBytes);
    return true;
  }

  KeyDigest digest_key(std::string_view key) {
    unsigned char whole[32];
    unsigned size = 0;
    require(EVP_DigestInit_ex2(digest_context_.get(), digest_.get(), nullptr) == 1 &&
            EVP_DigestUpdate(digest_context_.get(), key.data(), key.size()) == 1 &&
            EVP_DigestFinal_ex(digest_context_.get(), whole, &size) == 1 && size == sizeof whole);
    KeyDigest result;
    std::memcpy(result.data(), whole, result.size());
    return result;
  }

 private:
  struct Signer {
    uint8_t key_id;
    Hmac hmac;
  };

  ClusterId cluster_id_;
  Handle<EVP_MD> digest_;
  Handle<EVP_MD_CTX> digest_context_;
  std::vector<Signer> signers_;
};

ContextCodec::ContextCodec(ClusterId cluster_id, std::span<const TagKey> tag_keys)
    : crypto_(std::make_unique<Crypto>(cluster_id, tag_keys)) {}
ContextCodec::~ContextCodec() = default;
ContextCodec::ContextCodec(ContextCodec&&) noexcept = default;
ContextCodec& ContextCodec::operator=(ContextCodec&&) noexcept = default;

std::string ContextCodec::encode(std::string_view key, const ClientContext& context) {
  if (context.empty()) {
    return {};
  }
  if (context.covered.vector().size() + context.covered.dots().size() > kClientContextEntriesMax) {
    return encode(key, within_limit(context));
  }
  require(crypto_->can_sign());
  char bytes[kBytesMax];
  bytes[0] = static_cast<char>(kFormat);
  bytes[1] = static_cast<char>(crypto_->signing_key_id());
  const KeyDigest digest = crypto_->digest_key(key);
  std::memcpy(bytes + 2, digest.data(), digest.size());
  char* end = store_client_context(bytes + kHeaderBytes, context);
  Crypto::Tag tag;
  require(crypto_->tag(crypto_->signing_key_id(), {bytes, static_cast<size_t>(end - bytes)}, &tag));
  std::memcpy(end, tag.data(), tag.size());
  end += tag.size();
  return encode_base64url({bytes, static_cast<size_t>(end - bytes)});
}

ContextStatus ContextCodec::decode(std::string_view key, std::string_view text,
                                   ClientContext* context) {
  if (text.empty()) {
    *context = ClientContext{};
    return ContextStatus::kOk;
  }
  ContextDescription description;
  const ContextStatus status = describe(text, &description);
  if (status != ContextStatus::kOk) {
    return status;
  }
  if (description.key_digest != crypto_->digest_key(key)) {
    return ContextStatus::kOtherKey;
  }
  *context = std::move(description.context);
  return ContextStatus::kOk;
}

ContextStatus ContextCodec::describe(std::string_view text, ContextDescription* description) {
  char bytes[kBytesMax];
  const size_t size = base64url_decoded_size(text.size());
  if (size < kHeaderBytes + kFieldBytesMin + kTagBytes || size > sizeof bytes ||
      !decode_base64url(text, bytes) || static_cast<uint8_t>(bytes[0]) != kFormat) {
    return ContextStatus::kMalformed;
  }
  const std::string_view tagged(bytes, size - kTagBytes);
  Crypto::Tag tag;
  if (!crypto_->tag(static_cast<uint8_t>(bytes[1]), tagged, &tag)) {
    return ContextStatus::kUnknownTagKey;
  }
  if (CRYPTO_memcmp(tag.data(), bytes + tagged.size(), tag.size()) != 0) {
    return ContextStatus::kForged;
  }
  std::memcpy(description->key_digest.data(), bytes + 2, sizeof(KeyDigest));
  ByteReader reader(tagged.substr(kHeaderBytes));
  if (!load_client_context(reader, kClientContextEntriesMax, &description->context) ||
      !reader.complete() || description->context.empty()) {
    return ContextStatus::kMalformed;
  }
  return ContextStatus::kOk;
}

}  // namespace kindred
