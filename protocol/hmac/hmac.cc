#include "protocol/hmac/hmac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <cstdio>
#include <cstdlib>

namespace kindred {

namespace {

const unsigned char* as_unsigned(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// OpenSSL fails here only without memory, SHA-256 or its random source.
void require(bool done) {
  if (!done) [[unlikely]] {
    std::fprintf(stderr, "the crypto library failed at HMAC-SHA-256\n");
    std::abort();
  }
}

struct ReleaseMac {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
};

}  // namespace

void Hmac::Release::operator()(evp_mac_ctx_st* context) const {
  EVP_MAC_CTX_free(context);
}

Hmac::Hmac(std::string_view key) {
  const std::unique_ptr<EVP_MAC, ReleaseMac> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  require(mac != nullptr);
  context_.reset(EVP_MAC_CTX_new(mac.get()));
  char name[] = "SHA256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                   OSSL_PARAM_construct_end()};
  require(context_ != nullptr &&
          EVP_MAC_init(context_.get(), as_unsigned(key), key.size(), parameters) == 1);
}

Hmac::~Hmac() = default;
Hmac::Hmac(Hmac&&) noexcept = default;
Hmac& Hmac::operator=(Hmac&&) noexcept = default;

Hmac::Digest Hmac::digest(std::initializer_list<std::string_view> parts) {
  EVP_MAC_CTX* const mac = context_.get();
  require(EVP_MAC_init(mac, nullptr, 0, nullptr) == 1);
  for (const std::string_view part : parts) {
    require(EVP_MAC_update(mac, as_unsigned(part), part.size()) == 1);
  }
  Digest whole;
  size_t size = 0;
  require(EVP_MAC_final(mac, whole.data(), &size, whole.size()) == 1 && size == whole.size());
  return whole;
}

bool same_bytes(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void fill_random(char* to, size_t size) {
  require(RAND_bytes(reinterpret_cast<unsigned char*>(to), static_cast<int>(size)) == 1);
}

}  // namespace kindred
