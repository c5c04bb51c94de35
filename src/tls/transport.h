// SPDX-License-Identifier: Apache-2.0
//
// Transport: TLS over another transport, as a net::Transport.  OpenSSL does not touch the socket: it reads
// through its Carrier, more than one record at a time, and what it writes is collected in the outbox,
// so that a flight of the handshake, a ticket and an answer leave in one system call, and large answers in
// sends of several full records.  Between two calls it holds no buffer of its own.
//
// The handshake happens inside `handshake`, which is to be called, whenever the connection is readable,
// until it says something else than Again.
#pragma once

#include "net/outbox.h"
#include "tls/carrier.h"
#include "tls/certificate.h"
#include "tls/client_context.h"
#include "tls/failure.h"
#include "tls/server_context.h"

#include <memory>
#include <string>
#include <string_view>

using SSL = struct ssl_st;

namespace weir::tls {

class Transport final : public net::Transport, private net::TransportEvents {
 public:
  /// The server's side.  `carrier` and `outbox` must outlive it; from now on `carrier` tells it and not its
  /// owner.
  Transport(Carrier carrier, net::Outbox& outbox, net::TransportEvents& owner,
            std::shared_ptr<const ServerContext> context);

  /// The client's side, once `carrier` is connected.  `server`: for which name, and with which session; must
  /// outlive it.
  Transport(Carrier carrier, net::Outbox& outbox, net::TransportEvents& owner,
            std::shared_ptr<const ClientContext> context, ServerIdentity& server);
  ~Transport() override;

  /// The client's side, before the handshake: offers this protocol and no other (ALPN).
  void offer_only(std::string_view protocol);

  /// Done: established, now or before.  Again: wait for on_readable.  Failed: see `failure`.
  net::IoResult handshake();
  /// Goes on over another transport, which has taken over the former one's connection.
  void move_to(Carrier carrier);
  /// It takes too long: it has failed.
  void expire();
  bool is_established() const { return established_; }
  Failure failure() const { return failure_; }
  /// Why, for a person: OpenSSL's words, or the certificate's fault.
  const std::string& failure_text() const { return failure_text_; }

  // Of an established one.

  std::string_view version() const;  ///< "TLSv1.3"
  std::string_view cipher() const;   ///< "TLS_AES_128_GCM_SHA256"
  /// What both sides agreed to speak, "h2", "http/1.1"; empty if neither asked.
  std::string_view alpn() const;
  bool is_resumed() const;
  /// The name the client asked for, in lower case; empty without.
  std::string_view server_name() const { return server_name_; }
  /// Null if it has shown none; worked out at the first call.
  const ClientCertificate* client_certificate() const;

  net::IoResult read(std::span<char> into) override;
  void send(Gather& gather) override;
  /// The next send is the last one: our farewell goes with it.
  void expect_end() { ending_ = true; }
  std::size_t queued() const override { return carrier_.queued(); }
  bool has_failed() const override { return failed_ || carrier_.has_failed(); }
  bool is_closing() const override;
  bool may_have_input() const override;
  void expect_more() override { carrier_->expect_more(); }
  bool is_broken() override;
  bool is_at_end() override;
  void watch() override { carrier_->watch(); }
  void report_to(net::TransportEvents& owner) override { owner_ = &owner; }
  void shut_down() override;
  void abort() override;
  bool can_splice() const override { return false; }
  net::IoResult splice_to(int, std::size_t) override { return {net::Io::Failed}; }
  net::IoResult splice_from(int, std::size_t) override { return {net::Io::Failed}; }

  // For the callbacks of this room.

  const std::shared_ptr<const ServerContext>& context() const { return server_context_; }
  const ClientContext* client_context() const { return client_context_.get(); }
  ServerIdentity* server() const { return server_; }
  void note_server_name(std::string name) { server_name_ = std::move(name); }
  Carrier& carrier() { return carrier_; }
  Gather& out() { return outbox_.to(*carrier_); }

 private:
  void begin(SSL* ssl);
  void on_readable() noexcept override;
  void on_sent() noexcept override { owner_->on_sent(); }
  void established();
  net::IoResult fail(int outcome);
  int peek() const;
  void flush();
  void send_ticket();
  void write(const char* bytes, std::size_t size);
  bool part();
  void say_goodbye();

  Carrier carrier_;
  net::Outbox& outbox_;
  net::TransportEvents* owner_;
  std::shared_ptr<const ServerContext> server_context_;
  std::shared_ptr<const ClientContext> client_context_;
  ServerIdentity* server_ = nullptr;
  SSL* ssl_ = nullptr;
  std::string server_name_;
  std::string failure_text_;
  mutable std::unique_ptr<ClientCertificate> client_certificate_;
  Failure failure_ = Failure::None;
  bool established_ = false;
  mutable bool failed_ = false;  ///< also found by looking: see peek
  bool ticket_due_ = false;      ///< see send_ticket
  bool ending_ = false;
  bool said_goodbye_ = false;
};

}  // namespace weir::tls
