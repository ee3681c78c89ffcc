#include "server/tls/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>

namespace kindred {

namespace {

std::string failure(const std::string& what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return what + ": " + (reason != nullptr ? reason : "unknown reason");
}

int give_password(char* buffer, int size, int /*for_writing*/, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  const size_t given = std::min(text.size(), static_cast<size_t>(size));
  std::copy_n(text.data(), given, buffer);  // OpenSSL goes by the length
  return static_cast<int>(given);
}

int verify_mode(TlsFiles::OtherSide other_side) {
  switch (other_side) {
    case TlsFiles::OtherSide::kNeedsNoCertificate:
      return SSL_VERIFY_NONE;
    case TlsFiles::OtherSide::kMayHaveCertificate:
      return SSL_VERIFY_PEER;
    case TlsFiles::OtherSide::kNeedsCertificate:
      break;
  }
  return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

std::string load_all(SSL_CTX* context, const TlsFiles& files) {
  std::string password = files.key_password;
  SSL_CTX_set_default_passwd_cb(context, give_password);
  SSL_CTX_set_default_passwd_cb_userdata(context, &password);
  std::string error;
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1) {
    error = failure("tls-cert-file '" + files.certificate + "'");
  } else if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    error = failure("tls-key-file '" + files.key + "'");
  } else if (SSL_CTX_check_private_key(context) != 1) {
    error = failure("tls-key-file '" + files.key + "' does not fit tls-cert-file");
  }
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  const bool has_authorities = !files.authorities.empty() || !files.authorities_folder.empty();
  if (error.empty() && has_authorities &&
      SSL_CTX_load_verify_locations(
          context, files.authorities.empty() ? nullptr : files.authorities.c_str(),
          files.authorities_folder.empty() ? nullptr : files.authorities_folder.c_str()) != 1) {
    error = failure("tls-ca-cert-file or tls-ca-cert-dir");
  }
  return error;
}

}  // namespace

std::shared_ptr<const TlsContext> TlsContext::load(const TlsFiles& files, std::string* error) {
  SSL_CTX* raw = SSL_CTX_new(TLS_method());
  if (raw == nullptr) {
    *error = failure("TLS");
    return nullptr;
  }
  const std::shared_ptr<const TlsContext> context(new TlsContext(raw));
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
  // A resumed session would keep what a reload took away.
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(raw, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_verify(raw, verify_mode(files.other_side), nullptr);
  *error = load_all(raw, files);
  return error->empty() ? context : nullptr;
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

ssl_st* TlsContext::new_state(bool dials) const {
  SSL* state = SSL_new(context_);
  if (state == nullptr) {
    return nullptr;
  }
  if (dials) {
    SSL_set_verify(state, SSL_VERIFY_PEER, nullptr);
    SSL_set_connect_state(state);
  } else {
    SSL_set_accept_state(state);
  }
  return state;
}

}  // namespace kindred
