// SPDX-License-Identifier: Apache-2.0
//
// ServerContext: how a listener speaks TLS with its clients.  Certificates are grouped into *sites*: a site
// is the set of certificates (one for each kind of key) that belongs to a name; the name a client asks for
// chooses the site, exactly, then by wildcard (one label, RFC 6125 §6.4.3), and the first certificate's
// site serves everybody else.
//
// Immutable and counted: a handshake keeps the one it began with, whatever is reloaded meanwhile.
#pragma once

#include <weir/result.h>

#include "config/config.h"
#include "shm/ticket_keys.h"

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using SSL_CTX = struct ssl_ctx_st;

namespace weir::tls {

class ServerContext {
 public:
  /// `alpn`: protocols that are spoken, the preferred one first.  `tickets`: whose keys encrypt session
  /// tickets; null = no tickets.  Sites that are as in `before` (may be null) are taken over from there.
  static Result<std::shared_ptr<const ServerContext>> build(const config::ListenerTls& tls,
                                                            std::span<const std::string_view> alpn,
                                                            const shm::TicketKeys* tickets,
                                                            const ServerContext* before);

  /// A text that names all that `build` would look at.
  static std::string key_of(const config::ListenerTls& tls);

  /// RFC 9110 §15.5.20: may a request for `host` come over a connection that was opened for `server_name`
  /// (empty = without one)?  No, if `host` has another certificate; all sites of a context ask clients for
  /// the same, so nothing else can differ.  Both in lower case.
  bool serves_both(std::string_view server_name, std::string_view host) const {
    return &find(server_name) == &find(host);
  }

  // For Transport.

  struct Site;
  const Site& find(std::string_view host) const;
  SSL_CTX* context_of(const Site& site) const;
  SSL_CTX* first() const { return context_of(*default_); }
  bool gives_tickets() const { return tickets_ && tickets_->has_key(); }
  const shm::TicketKeys& tickets() const { return *tickets_; }
  /// As on the wire: a length byte, then the name.
  std::string_view alpn() const { return alpn_; }

 private:
  struct Build;

  std::map<std::string, std::shared_ptr<const Site>, std::less<>> exact_, wildcard_, by_key_;
  std::shared_ptr<const Site> default_;
  std::string alpn_;
  std::optional<shm::TicketKeys> tickets_;
};

}  // namespace weir::tls
