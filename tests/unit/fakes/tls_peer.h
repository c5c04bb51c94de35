// SPDX-License-Identifier: Apache-2.0
//
// TlsPeer: either side of a TLS connection on a descriptor, in the test's own loop: `turn` goes on with the handshake, then
// reads, and what came is kept.  TlsTerms: a certificate for 127.0.0.1 and a.test, and whom to trust for it.
#pragma once

#include "base/fd.h"
#include "event/loop.h"
#include "net/tcp.h"
#include "tls/certificates.h"
#include "tls/transport.h"

#include <gtest/gtest.h>

#include <fcntl.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::test {

struct TlsTerms {
  TlsTerms() {
    server.certificates.push_back(leaf.files());
    client.ca = tls::file_of("ca.pem", root.chain());
  }

  /// What the sides are made of: the protocols are those that each speaks.
  std::shared_ptr<const tls::ServerContext> server_context(
      const std::vector<std::string_view>& alpn = {"http/1.1"}) const {
    auto made = tls::ServerContext::build(server, alpn, nullptr, nullptr);
    EXPECT_TRUE(made) << (made ? "" : made.error().text());
    return *made;
  }
  std::shared_ptr<const tls::ClientContext> client_context(
      const std::vector<std::string_view>& alpn = {"http/1.1"}) const {
    auto made = tls::ClientContext::build(client, alpn);
    EXPECT_TRUE(made) << (made ? "" : made.error().text());
    return *made;
  }

  tls::Issued root{"root", ""};
  tls::Issued leaf{"a.test", "DNS:a.test,IP:127.0.0.1", &root};
  config::ListenerTls server;
  config::BackendTls client;
};

class TlsPeer final : private net::TransportEvents {
 public:
  TlsPeer(event::Loop& loop, net::Outbox& outbox, Fd socket,
          std::shared_ptr<const tls::ServerContext> context)
      : TlsPeer(loop, std::move(socket)) {
    net::TransportEvents& self = *this;
    tls_.emplace(tcp_, outbox, self, std::move(context));
    tcp_.watch();
  }
  TlsPeer(event::Loop& loop, net::Outbox& outbox, Fd socket,
          std::shared_ptr<const tls::ClientContext> context)
      : TlsPeer(loop, std::move(socket)) {
    net::TransportEvents& self = *this;
    tls_.emplace(tcp_, outbox, self, std::move(context), identity_);
    tcp_.watch();
  }

  /// Does what can be done now.
  void turn() {
    if (is_over()) return;
    if (!tls_->is_established()) how_ = tls_->handshake().io;
    char bytes[16 * 1024];
    while (tls_->is_established() && !is_over()) {
      const net::IoResult result = tls_->read(bytes);
      how_ = result.io;
      if (result.io != net::Io::Done) break;
      heard.append(bytes, result.bytes);
    }
  }
  void say(std::string_view text) {
    Gather gather;
    gather.refer(text);
    tls_->send(gather);
  }
  /// The other side has ended it, or it has failed.
  bool is_over() const { return how_ == net::Io::End || how_ == net::Io::Failed; }
  /// With a farewell.
  bool was_told() const { return how_ == net::Io::End; }
  tls::Transport& its() { return *tls_; }
  /// Below TLS.
  net::TcpTransport& tcp() { return tcp_; }

  std::string heard;

 private:
  TlsPeer(event::Loop& loop, Fd socket) : tcp_(loop, *this) {
    EXPECT_EQ(::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) | O_NONBLOCK), 0);
    tcp_.adopt(socket.release());
  }
  void on_readable() noexcept override {}
  void on_sent() noexcept override {}

  net::TcpTransport tcp_;
  tls::ServerIdentity identity_{"a.test", nullptr};
  std::optional<tls::Transport> tls_;
  net::Io how_ = net::Io::Again;
};

}  // namespace weir::test
