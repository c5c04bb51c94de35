// SPDX-License-Identifier: Apache-2.0
//
// TcpTransport: a Transport over a plain stream socket, TCP or Unix.  One edge-triggered watch for
// life; what the edges said is remembered, so that a read that cannot succeed costs no system call.
//
// A short read means "drained" only if the end was not reported with or before it: data and FIN may
// share one edge, and missing the FIN would put a dead connection into a pool.
#pragma once

#include "base/buffer.h"
#include "event/watch.h"
#include "net/address.h"
#include "net/transport.h"

namespace weir::net {

class TcpTransport final : public Transport, private event::ReadyEvents {
 public:
  TcpTransport(event::Loop& loop, TransportEvents& events) : loop_(loop), events_(&events) {}
  ~TcpTransport() override;

  /// Takes an accepted, connected, non-blocking descriptor.
  void adopt(int fd);

  /// Takes the connection out of another one, with what is queued and what is known of it.
  void take_over(TcpTransport& from);

  /// Begins to connect and watches; from a former connection nothing stays.  The first on_sent (or on_readable with an
  /// error) tells the outcome: ask `connect_result`.  Returns an errno if it failed at once, else 0.  `keepalive_us`:
  /// as net::keep_alive.
  int connect(const Address& to, std::uint64_t keepalive_us = 0);
  bool is_connecting() const { return connecting_; }

  /// 0 once connected, EINPROGRESS while not, or the errno of the failure.
  int connect_result();

  IoResult read(std::span<char> into) override;
  void expect_more() override { readable_ = true; }
  void send(Gather& gather) override;
  std::size_t queued() const override { return queue_.size(); }
  bool has_failed() const override { return failed_; }
  bool is_closing() const override { return closed_ || failed_; }
  bool may_have_input() const override { return readable_; }
  bool is_broken() override;
  void watch() override;
  void report_to(TransportEvents& events) override { events_ = &events; }
  void shut_down() override;
  void abort() override;
  bool can_splice() const override { return true; }
  IoResult splice_to(int pipe, std::size_t most) override;
  IoResult splice_from(int pipe, std::size_t most) override;

  /// True if bytes or the end lie in the socket, told of or not; asks the kernel.
  bool has_unread() const;
  bool is_at_end() override;

  /// Bytes that the kernel has taken and the peer's has not acknowledged; asks the kernel.
  std::size_t unacknowledged() const;

  bool is_watched() const { return watch_.is_started(); }
  int fd() const { return fd_; }

 private:
  void on_ready(event::Ready ready) noexcept override;
  const char* call_name() const noexcept override { return "connection"; }
  std::size_t write_pieces(const iovec* pieces, int count);
  void flush_queue();
  void fail();
  void start_over();

  event::Loop& loop_;
  TransportEvents* events_;
  event::Watch watch_;
  Buffer queue_;
  int fd_ = -1;
  bool readable_ = true;  ///< a read may succeed
  bool writable_ = true;  ///< a write may succeed
  bool closed_ = false;   ///< the peer's end was reported
  bool failed_ = false;
  bool connecting_ = false;
  bool shut_down_ = false;
};

}  // namespace weir::net
