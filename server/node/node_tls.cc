// Certificates: loaded at start, by CONFIG SET and at SIGHUP.
#include "server/node/node.h"

namespace kindred {

namespace {

TlsFiles::OtherSide other_side(TlsClients clients) {
  switch (clients) {
    case TlsClients::kNo:
      return TlsFiles::OtherSide::kNeedsNoCertificate;
    case TlsClients::kOptional:
      return TlsFiles::OtherSide::kMayHaveCertificate;
    case TlsClients::kYes:
      break;
  }
  return TlsFiles::OtherSide::kNeedsCertificate;
}

}  // namespace

/// Connections from now on go by it; those that are there keep what they began with. Returns what
/// is wrong, and then nothing has changed.
std::string Node::load_tls(const Config& config) {
  if (!config.uses_tls()) {
    return "";
  }
  TlsFiles files;
  files.certificate = config.tls_cert_file;
  files.key = config.tls_key_file;
  files.key_password = config.tls_key_file_pass;
  files.authorities = config.tls_ca_cert_file;
  files.authorities_folder = config.tls_ca_cert_dir;
  const bool asks_for_certificates = config.tls_peers || config.tls_auth_clients != TlsClients::kNo;
  if (asks_for_certificates && files.authorities.empty() && files.authorities_folder.empty()) {
    return "tls-ca-cert-file or tls-ca-cert-dir must be given with tls-peers, and with tls-port "
           "unless tls-auth-clients is 'no'";
  }
  std::string error;
  std::shared_ptr<const TlsContext> for_peers;
  if (config.tls_peers) {
    for_peers = TlsContext::load(files, &error);
  }
  std::shared_ptr<const TlsContext> for_clients;
  if (error.empty() && config.tls_port != 0) {
    files.other_side = other_side(config.tls_auth_clients);
    for_clients = TlsContext::load(files, &error);
  }
  if (error.empty()) {
    client_tls_ = std::move(for_clients);
    links_->set_tls(std::move(for_peers));
  }
  return error;
}

void Node::reload_tls() {
  const std::string error = load_tls(*config_);
  if (!error.empty()) {
    log_.warning("The certificates stay as they were: " + error);
  } else if (config_->uses_tls()) {
    log_.notice("Certificates and keys are read again");
  }
}

}  // namespace kindred
