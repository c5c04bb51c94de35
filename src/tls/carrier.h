// SPDX-License-Identifier: Apache-2.0
//
// Carrier: what the records of a TLS connection travel over, any net::Transport.  Nearly always that is a
// socket, so calls made for each record to a socket are direct and may be inlined; only another transport (a
// tunnel, something that reads a prefix first) is called through its table.
#pragma once

#include "net/tcp.h"

#include <cstddef>
#include <span>

namespace weir::tls {

/// Refers to a transport, which must outlive its use here; made from one by itself.
class Carrier {
 public:
  Carrier(net::TcpTransport& socket) : transport_(&socket), is_socket_(true) {}
  Carrier(net::Transport& other) : transport_(&other) {}

  // As those of net::Transport.

  net::IoResult read(std::span<char> into) {
    return is_socket_ ? socket().read(into) : transport_->read(into);
  }
  void send(Gather& gather) { is_socket_ ? socket().send(gather) : transport_->send(gather); }
  std::size_t queued() const { return is_socket_ ? socket().queued() : transport_->queued(); }
  bool has_failed() const { return is_socket_ ? socket().has_failed() : transport_->has_failed(); }
  bool is_closing() const { return is_socket_ ? socket().is_closing() : transport_->is_closing(); }
  bool may_have_input() const {
    return is_socket_ ? socket().may_have_input() : transport_->may_have_input();
  }

  /// For whatever else it can do.
  net::Transport& operator*() const { return *transport_; }
  net::Transport* operator->() const { return transport_; }

 private:
  net::TcpTransport& socket() const { return static_cast<net::TcpTransport&>(*transport_); }

  net::Transport* transport_;
  bool is_socket_ = false;
};

}  // namespace weir::tls
