#include "server/tls/tls_connection.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <utility>

namespace kindred {

namespace {

constexpr uint64_t kHandshakeMsMax = 10'000;
/// Of plain text taken at a time, so that what comes out fits what TCP holds back.
constexpr size_t kTakenBytesMax = TcpConnection::kHeldBytesMax / 2;

/// Filled and emptied within one read: one for all connections of a loop.
std::span<char> cipher_room() {
  static thread_local std::array<char, 16 * 1024> room;
  return room;
}

bool has_bytes(BIO* bio) {
  return BIO_ctrl_pending(bio) > 0;
}

}  // namespace

void TlsConnection::FreeState::operator()(ssl_st* state) const {
  SSL_free(state);
}

TlsConnection::TlsConnection(Loop& loop, TcpHandler& handler, const TlsContext& context, bool dials)
    : handler_(&handler), state_(context.new_state(dials)), later_(loop, [this] {
        if (established_) {
          deliver();
        } else {
          end("the TLS handshake took too long");
        }
      }) {
  if (state_ != nullptr) {
    SSL_set_bio(state_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    later_.start(kHandshakeMsMax);
  }
}

std::unique_ptr<Connection> TlsConnection::adopt(Loop& loop, int socket, TcpHandler& handler,
                                                 const TlsContext& context, uint32_t keepalive_s) {
  std::unique_ptr<TlsConnection> made(new TlsConnection(loop, handler, context, false));
  made->tcp_ = TcpConnection::adopt(loop, socket, *made, keepalive_s);
  return made->tcp_ != nullptr && made->state_ != nullptr ? std::move(made) : nullptr;
}

std::unique_ptr<Connection> TlsConnection::dial(Loop& loop, const std::string& local_host,
                                                const SocketAddress& remote, TcpHandler& handler,
                                                const TlsContext& context, std::string* error) {
  std::unique_ptr<TlsConnection> made(new TlsConnection(loop, handler, context, true));
  if (made->state_ == nullptr) {
    *error = "no memory for TLS";
    return nullptr;
  }
  made->tcp_ = TcpConnection::dial(loop, local_host, remote, *made, error);
  return made->tcp_ != nullptr ? std::move(made) : nullptr;
}

TlsConnection::~TlsConnection() {
  if (destroyed_ != nullptr) {
    *destroyed_ = true;
  }
  if (established_ && handler_ != nullptr && tcp_ != nullptr) {
    ERR_clear_error();
    SSL_shutdown(state_.get());  // says that this is the end, as far as the kernel takes it at once
    flush();
  }
}

// --- the owner's side ---

void TlsConnection::start_reading() {
  if (reading_) {
    return;
  }
  reading_ = true;
  tcp_->start_reading();
  // Not from within the owner's own call.
  if (established_ && (SSL_pending(state_.get()) > 0 || has_bytes(SSL_get_rbio(state_.get())))) {
    later_.start(0);
  }
}

void TlsConnection::stop_reading() {
  reading_ = false;
  if (established_) {
    tcp_->stop_reading();
  }
}

size_t TlsConnection::send(std::string_view bytes) {
  if (!established_ || draining() || bytes.empty()) {
    return 0;
  }
  const std::string_view taken = bytes.substr(0, kTakenBytesMax);
  ERR_clear_error();
  const int written = SSL_write(state_.get(), taken.data(), static_cast<int>(taken.size()));
  flush();
  // A broken connection takes everything; its end shows up as a read.
  return written > 0 ? static_cast<size_t>(written) : bytes.size();
}

bool TlsConnection::draining() const {
  return has_bytes(SSL_get_wbio(state_.get())) || tcp_->draining();
}

// --- TCP's side ---

void TlsConnection::connected() {
  shake_hands();
}

std::span<char> TlsConnection::read_room() {
  return cipher_room();
}

void TlsConnection::received(size_t bytes) {
  BIO_write(SSL_get_rbio(state_.get()), cipher_room().data(), static_cast<int>(bytes));
  if (established_) {
    deliver();
  } else {
    shake_hands();
  }
}

void TlsConnection::drained() {
  flush();
  if (established_ && handler_ != nullptr && !draining()) {
    handler_->drained();
  }
}

void TlsConnection::closed(std::string_view reason) {
  end(reason);
}

void TlsConnection::shake_hands() {
  ERR_clear_error();
  const int done = SSL_do_handshake(state_.get());
  flush();
  if (done == 1) {
    established_ = true;
    later_.stop();
    bool destroyed = false;
    destroyed_ = &destroyed;
    handler_->connected();
    if (destroyed) {
      return;
    }
    destroyed_ = nullptr;
    if (!reading_) {
      tcp_->stop_reading();
    }
    deliver();
  } else if (SSL_get_error(state_.get(), done) != SSL_ERROR_WANT_READ) {
    fail();
  }
}

/// Hands the owner all that can be read, while it wants to read.
void TlsConnection::deliver() {
  bool destroyed = false;
  destroyed_ = &destroyed;
  while (reading_ && handler_ != nullptr) {
    const std::span<char> room = handler_->read_room();
    ERR_clear_error();
    const int size = SSL_read(state_.get(), room.data(),
                              static_cast<int>(std::min<size_t>(room.size(), 1U << 30)));
    if (size <= 0) {
      const int error = SSL_get_error(state_.get(), size);
      destroyed_ = nullptr;
      if (error == SSL_ERROR_WANT_READ) {
        flush();
      } else if (error == SSL_ERROR_ZERO_RETURN) {
        end("closed by the other side");
      } else {
        fail();
      }
      return;
    }
    handler_->received(static_cast<size_t>(size));
    if (destroyed) {
      return;
    }
  }
  destroyed_ = nullptr;
  flush();
}

void TlsConnection::flush() {
  BIO* const out = SSL_get_wbio(state_.get());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out, &bytes);
  if (size <= 0) {
    return;
  }
  size_t sent = tcp_->send({bytes, static_cast<size_t>(size)});
  if (sent == static_cast<size_t>(size)) {
    static_cast<void>(BIO_reset(out));
    return;
  }
  while (sent > 0) {
    std::array<char, 4096> gone;
    const int step = BIO_read(out, gone.data(), static_cast<int>(std::min(sent, gone.size())));
    sent -= static_cast<size_t>(std::max(step, 1));
  }
}

void TlsConnection::fail() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  const std::string text = std::string("TLS: ") + (reason != nullptr ? reason : "broken");
  ERR_clear_error();
  flush();  // the alert
  end(text);
}

void TlsConnection::end(std::string_view reason) {
  later_.stop();
  if (TcpHandler* told = std::exchange(handler_, nullptr)) {
    tcp_->stop_reading();
    told->closed(reason);
  }
}

}  // namespace kindred
