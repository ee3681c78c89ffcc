#include "server/access/password.h"

#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>

#include "protocol/hmac/hmac.h"

namespace kindred {

namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

// OpenSSL fails here only without memory or without its random source: then nobody may get in.
void require_crypto(bool done) {
  if (!done) [[unlikely]] {
    std::fprintf(stderr, "the crypto library failed at a password\n");
    std::abort();
  }
}

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') {
    return digit - '0';
  }
  return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

}  // namespace

PasswordDigest digest_of(std::string_view password) {
  PasswordDigest digest;
  unsigned size = 0;
  require_crypto(EVP_Digest(password.data(), password.size(), digest.data(), &size, EVP_sha256(),
                            nullptr) == 1 &&
                 size == digest.size());
  return digest;
}

std::string to_hex(const PasswordDigest& digest) {
  std::string hex;
  for (const uint8_t byte : digest) {
    hex += kHexDigits[byte >> 4];
    hex += kHexDigits[byte & 15];
  }
  return hex;
}

std::optional<PasswordDigest> digest_from_hex(std::string_view hex) {
  PasswordDigest digest;
  if (hex.size() != 2 * digest.size()) {
    return std::nullopt;
  }
  for (size_t i = 0; i < digest.size(); ++i) {
    const int high = hex_value(hex[2 * i]);
    const int low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0) {
      return std::nullopt;
    }
    digest[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return digest;
}

bool same_digest(const PasswordDigest& a, const PasswordDigest& b) {
  return same_bytes(as_bytes(a), as_bytes(b));
}

std::string random_password(unsigned bits) {
  const size_t digits = (bits + 3) / 4;
  std::string bytes((digits + 1) / 2, '\0');
  fill_random(bytes.data(), bytes.size());
  std::string hex;
  for (size_t i = 0; i < digits; ++i) {
    const auto byte = static_cast<uint8_t>(bytes[i / 2]);
    hex += kHexDigits[i % 2 == 0 ? byte >> 4 : byte & 15];
  }
  return hex;
}

}  // namespace kindred
