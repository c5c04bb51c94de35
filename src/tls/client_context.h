// SPDX-License-Identifier: Apache-2.0
//
// ClientContext: how weir speaks TLS with the servers of a backend: whom it trusts, what it shows, what
// it offers.  Immutable and counted, as ServerContext is.
#pragma once

#include <weir/result.h>

#include "config/config.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using SSL_CTX = struct ssl_ctx_st;
using SSL_SESSION = struct ssl_session_st;

namespace weir::tls {

struct SessionFree {
  void operator()(SSL_SESSION* session) const;
};

/// Who is to be at the other end, and the session to resume there if there is one.
struct ServerIdentity {
  std::string name;  ///< a host name, or an IP address as text: no SNI then; empty = anybody
  std::unique_ptr<SSL_SESSION, SessionFree> session;
};

class ClientContext {
 public:
  /// `alpn`: protocols that are offered, the preferred one first.
  static Result<std::shared_ptr<const ClientContext>> build(const config::BackendTls& tls,
                                                            std::span<const std::string_view> alpn);
  ~ClientContext();

  /// A text that names all that `build` would look at.
  static std::string key_of(const config::BackendTls& tls);

  // For Transport.

  SSL_CTX* get() const { return context_; }
  bool verifies() const { return verify_; }
  /// SHA-256 of public keys, as bytes; empty = any.
  const std::vector<std::string>& pins() const { return pins_; }
  /// The name that replaces the server's own.
  const std::string& server_name() const { return server_name_; }

 private:
  SSL_CTX* context_ = nullptr;
  bool verify_ = true;
  std::string server_name_;
  std::vector<std::string> pins_;
};

}  // namespace weir::tls
