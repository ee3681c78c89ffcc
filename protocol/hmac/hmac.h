#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string_view>

struct evp_mac_ctx_st;

namespace kindred {

/// HMAC-SHA-256 under one key, which is set up once. One thread. Ends the process where the crypto
/// library fails: then nothing can be trusted.
class Hmac {
 public:
  using Digest = std::array<uint8_t, 32>;

  explicit Hmac(std::string_view key);
  ~Hmac();
  Hmac(Hmac&&) noexcept;
  Hmac& operator=(Hmac&&) noexcept;

  /// Of the parts, one behind the other.
  Digest digest(std::initializer_list<std::string_view> parts);

 private:
  struct Release {
    void operator()(evp_mac_ctx_st* context) const;
  };
  std::unique_ptr<evp_mac_ctx_st, Release> context_;
};

/// As a key for another one.
inline std::string_view as_bytes(const Hmac::Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

/// In a time that does not tell where the two differ. Different sizes are told at once.
[[nodiscard]] bool same_bytes(std::string_view a, std::string_view b);

/// From the system's secure source.
void fill_random(char* to, size_t size);

}  // namespace kindred
