// SPDX-License-Identifier: Apache-2.0
//
// ClientTransport: the transport of a client whose session is not the one that accepted it: plain, or TLS
// over that.
#pragma once

#include "net/tcp.h"
#include "tls/transport.h"

#include <memory>
#include <utility>

namespace weir::proxy {

class ClientTransport {
 public:
  /// Takes the connection out of `from`, with what it knows of it; `tls` may be null.  `events` hears of it
  /// until somebody else does.
  ClientTransport(event::Loop& loop, net::TransportEvents& events, net::TcpTransport& from,
                  std::unique_ptr<tls::Transport> tls)
      : tcp_(std::make_unique<net::TcpTransport>(loop, events)), tls_(std::move(tls)) {
    tcp_->take_over(from);
    if (tls_) tls_->move_to(*tcp_);
  }

  net::Transport& operator*() const {
    return tls_ ? static_cast<net::Transport&>(*tls_) : static_cast<net::Transport&>(*tcp_);
  }
  net::Transport* operator->() const { return &**this; }
  /// The socket, while it does not take what it is given; else null.
  const net::TcpTransport* blocked_socket() const {
    return (**this).queued() > 0 ? tcp_.get() : nullptr;
  }
  /// Null in the clear.
  const tls::Transport* tls() const { return tls_.get(); }

 private:
  std::unique_ptr<net::TcpTransport> tcp_;
  std::unique_ptr<tls::Transport> tls_;  ///< ends first: it has a farewell to say
};

}  // namespace weir::proxy
