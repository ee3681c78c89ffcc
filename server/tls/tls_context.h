#pragma once

#include <cstdint>
#include <memory>
#include <string>

struct ssl_ctx_st;
struct ssl_st;

namespace kindred {

/// What to load, as the tls-... directives say it.
struct TlsFiles {
  enum class OtherSide : uint8_t {
    kNeedsNoCertificate,
    kMayHaveCertificate,  // but not a wrong one
    kNeedsCertificate,
  };
  std::string certificate;  // PEM, with the chain
  std::string key;          // PEM
  std::string key_password;
  std::string authorities;         // PEM; who may have signed the other side's certificate
  std::string authorities_folder;  // the same, a file each, by hash
  /// Of who dials in; who is dialled always needs one.
  OtherSide other_side = OtherSide::kNeedsCertificate;
};

/// Certificate, key and authorities as loaded once; connections that began with them keep them. TLS
/// 1.2 at least. Immutable: any thread.
class TlsContext {
 public:
  /// Null with `error` set, without secrets, where something is missing, wrong or doesn't match.
  static std::shared_ptr<const TlsContext> load(const TlsFiles& files, std::string* error);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// The state of a new connection, for SSL_free(); null without memory.
  ssl_st* new_state(bool dials) const;

 private:
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* context_;
};

}  // namespace kindred
