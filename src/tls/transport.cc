// SPDX-License-Identifier: Apache-2.0
#include "tls/transport.h"

#include "tls/bio.h"
#include "tls/openssl.h"

#include <openssl/tls1.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <utility>

namespace weir::tls {

namespace {

constexpr std::size_t record_bytes = 16 * 1024;  // the most that one record can hold

constexpr int first_alert = 1000;  // reasons from here on are alerts that were received

Failure classify(int reason) {
  if (reason >= first_alert) return Failure::Alert;
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return Failure::Certificate;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW: return Failure::Version;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS: return Failure::Terms;
    case SSL_R_NO_APPLICATION_PROTOCOL: return Failure::Alpn;
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_UNKNOWN_PROTOCOL: return Failure::NotTls;
    default: return Failure::Protocol;
  }
}

std::string digest_of_key(X509* certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  unsigned char* der = nullptr;
  int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (length > 0)
    EVP_Digest(der, static_cast<std::size_t>(length), digest, &size, EVP_sha256(), nullptr);
  OPENSSL_free(der);
  return {reinterpret_cast<const char*>(digest), size};
}

bool is_pinned(X509* certificate, const std::vector<std::string>& pins) {
  return pins.empty() || (certificate && std::find(pins.begin(), pins.end(),
                                                   digest_of_key(certificate)) != pins.end());
}

}  // namespace

Transport::Transport(Carrier carrier, net::Outbox& outbox, net::TransportEvents& owner,
                     std::shared_ptr<const ServerContext> context)
    : carrier_(carrier), outbox_(outbox), owner_(&owner), server_context_(std::move(context)) {
  begin(SSL_new(server_context_->first()));
  SSL_set_accept_state(ssl_);
}

Transport::Transport(Carrier carrier, net::Outbox& outbox, net::TransportEvents& owner,
                     std::shared_ptr<const ClientContext> context, ServerIdentity& server)
    : carrier_(carrier),
      outbox_(outbox),
      owner_(&owner),
      client_context_(std::move(context)),
      server_(&server) {
  begin(SSL_new(client_context_->get()));
  SSL_set_connect_state(ssl_);
  const std::string& own = client_context_->server_name();
  const char* name = own.empty() ? server.name.c_str() : own.c_str();
  X509_VERIFY_PARAM* check = SSL_get0_param(ssl_);
  if (*name != '\0' && X509_VERIFY_PARAM_set1_ip_asc(check, name) != 1) {
    SSL_set1_host(ssl_, name);
    set_server_name(ssl_, name);
    server_name_ = name;
  }
  if (server.session) SSL_set_session(ssl_, server.session.get());
  ERR_clear_error();
}

void Transport::begin(SSL* ssl) {
  ssl_ = ssl;
  SSL_set_app_data(ssl_, this);
  BIO* bio = make_bio(*this);
  SSL_set_bio(ssl_, bio, bio);
  carrier_->report_to(*this);
}

Transport::~Transport() {
  say_goodbye();
  outbox_.forget(*carrier_);
  SSL_free(ssl_);
}

void Transport::move_to(Carrier carrier) {
  carrier_ = carrier;
  carrier_->report_to(*this);
}

void Transport::offer_only(std::string_view protocol) {
  const std::string offer = static_cast<char>(protocol.size()) + std::string(protocol);
  SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(offer.data()),
                      static_cast<unsigned int>(offer.size()));
}

net::IoResult Transport::handshake() {
  if (established_) return {net::Io::Done};
  if (failed_) return {net::Io::Failed};
  int outcome = SSL_do_handshake(ssl_);
  if (outcome != 1) return fail(outcome);
  established();
  return {failed_ ? net::Io::Failed : net::Io::Done};
}

void Transport::expire() {
  failed_ = true;
  failure_ = Failure::Timeout;
  failure_text_ = "took too long";
}

void Transport::established() {
  established_ = true;
  if (server_context_) {
    ticket_due_ = server_context_->gives_tickets() && SSL_version(ssl_) == TLS1_3_VERSION;
    return;
  }
  if (SSL_session_reused(ssl_) ||
      is_pinned(SSL_get0_peer_certificate(ssl_), client_context_->pins()))
    return;
  failed_ = true;
  failure_ = Failure::Certificate;
  failure_text_ = "its public key is none of those that are pinned";
}

net::IoResult Transport::fail(int outcome) {
  int error = SSL_get_error(ssl_, outcome);
  if (error == SSL_ERROR_WANT_READ) return {net::Io::Again};
  if (error == SSL_ERROR_ZERO_RETURN && established_ && !failed_) return {net::Io::End};
  failed_ = true;
  // The end without a farewell may be forged by anybody on the way: what came before is not known to be all.
  unsigned long last = ERR_peek_last_error();
  failure_ = last == 0 ? Failure::Closed : classify(ERR_GET_REASON(last));
  failure_text_ = last == 0 ? "closed without a word" : take_reason();
  if (failure_ == Failure::Certificate)
    if (long why = SSL_get_verify_result(ssl_); why != X509_V_OK)
      failure_text_ = X509_verify_cert_error_string(why);
  flush();  // the alert
  return {net::Io::Failed};
}

std::string_view Transport::version() const { return SSL_get_version(ssl_); }

std::string_view Transport::cipher() const {
  const char* name = SSL_get_cipher_name(ssl_);
  return name ? name : "";
}

std::string_view Transport::alpn() const {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

bool Transport::is_resumed() const { return SSL_session_reused(ssl_) == 1; }

const ClientCertificate* Transport::client_certificate() const {
  if (!client_certificate_)
    if (X509* shown = SSL_get0_peer_certificate(ssl_))
      client_certificate_ = std::make_unique<ClientCertificate>(describe(shown));
  return client_certificate_.get();
}

net::IoResult Transport::read(std::span<char> into) {
  if (net::IoResult ready = handshake(); ready.io != net::Io::Done) return ready;
  std::size_t got = 0;
  while (got < into.size()) {
    auto most = static_cast<int>(std::min<std::size_t>(into.size() - got, INT_MAX));
    int count = SSL_read(ssl_, into.data() + got, most);
    if (count <= 0) {
      // What came before an error counts; the error comes again at the next call.
      if (got > 0) {
        ERR_clear_error();
        break;
      }
      net::IoResult result = fail(count);
      if (result.io == net::Io::Again && ticket_due_) send_ticket();
      return result;
    }
    got += static_cast<std::size_t>(count);
    if (!may_have_input()) break;
  }
  return {net::Io::Done, got};
}

// With the first answer if the request came with the end of the handshake.  Else at once: a client that puts
// small packets together (Nagle) waits for an acknowledgement, which the kernel delays unless it has
// something to send.
void Transport::send_ticket() {
  ticket_due_ = false;
  if (SSL_new_session_ticket(ssl_) == 1) SSL_do_handshake(ssl_);
  ERR_clear_error();
  flush();
}

void Transport::write(const char* bytes, std::size_t size) {
  while (size > 0 && !has_failed()) {
    auto most = static_cast<int>(std::min<std::size_t>(size, INT_MAX));
    int count = SSL_write(ssl_, bytes, most);
    if (count <= 0) return (void)fail(count);
    bytes += count;
    size -= static_cast<std::size_t>(count);
  }
}

// Short pieces are put together, so that records are full; long ones are encrypted where they lie.
void Transport::send(Gather& gather) {
  if (ticket_due_) {
    ticket_due_ = false;
    SSL_new_session_ticket(ssl_);
  }
  char staged[record_bytes];
  std::size_t used = 0;
  const auto pieces = gather.pieces();
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const char* bytes = static_cast<const char*>(pieces[i].iov_base);
    std::size_t size = pieces[i].iov_len;
    bool last = i + 1 == pieces.size();
    while (size > 0) {
      if (used == 0 && (last || size >= record_bytes)) {
        std::size_t whole = last ? size : size / record_bytes * record_bytes;
        write(bytes, whole);
        bytes += whole;
        size -= whole;
        continue;
      }
      std::size_t part = std::min(size, record_bytes - used);
      std::memcpy(staged + used, bytes, part);
      used += part;
      bytes += part;
      size -= part;
      if (used == record_bytes) write(staged, std::exchange(used, 0));
    }
  }
  if (used > 0) write(staged, used);
  gather.clear();
  if (ending_) part();
  flush();
}

void Transport::flush() {
  Gather& pending = out();
  if (!pending.empty()) carrier_.send(pending);
}

// What comes next: SSL_ERROR_NONE for bytes, ZERO_RETURN for the farewell, WANT_READ for nothing yet.
int Transport::peek() const {
  char byte;
  int count = SSL_peek(ssl_, &byte, 1);
  int error = SSL_get_error(ssl_, count);
  ERR_clear_error();
  // A fatal alert is told once: from then on OpenSSL says the same as behind a farewell.
  if (error == SSL_ERROR_SSL && (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0)
    failed_ = true;
  return error;
}

// A ticket is not for the owner, who takes anything it did not ask for as a reason to close.
void Transport::on_readable() noexcept {
  bool quiet = client_context_ && established_ && !failed_ && peek() == SSL_ERROR_WANT_READ;
  if (!quiet || carrier_.is_closing()) owner_->on_readable();
}

bool Transport::is_closing() const {
  if (failed_ || carrier_.is_closing()) return true;
  // What lies behind the last byte that was wanted: perhaps a farewell.
  return established_ && SSL_has_pending(ssl_) && peek() != SSL_ERROR_WANT_READ;
}

// Who ends its sending side says so; without a farewell it is gone.
bool Transport::is_broken() {
  if (failed_ || carrier_->is_broken()) return true;
  if (!carrier_.is_closing() || !established_) return false;
  int next = peek();
  return next != SSL_ERROR_NONE && next != SSL_ERROR_ZERO_RETURN && next != SSL_ERROR_WANT_READ;
}

bool Transport::is_at_end() {
  return established_ && !has_failed() && peek() == SSL_ERROR_ZERO_RETURN;
}

bool Transport::may_have_input() const {
  return SSL_has_pending(ssl_) == 1 || carrier_.may_have_input();
}

// Puts the farewell behind what was written, unless it has been said.
bool Transport::part() {
  if (said_goodbye_ || !established_ || has_failed()) return false;
  said_goodbye_ = true;
  SSL_shutdown(ssl_);
  ERR_clear_error();
  return true;
}

void Transport::say_goodbye() {
  if (part()) flush();
}

void Transport::shut_down() {
  say_goodbye();
  carrier_->shut_down();
}

void Transport::abort() {
  failed_ = true;
  carrier_->abort();
}

}  // namespace weir::tls
