// SPDX-License-Identifier: Apache-2.0
//
// DnsChannel: a channel of c-ares whose sockets and timeouts are driven by the loop.  What is asked and
// what an answer means is the business of Dns.
#pragma once

#include "event/deadline.h"
#include "event/watch.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

struct ares_channeldata;

namespace weir::event {

class DnsChannel : private DeadlineEvents {
 public:
  /// `takes_failures`: an answer that says SERVFAIL, NOTIMP or REFUSED is the result, instead of asking the next
  /// name server.  Reads the source of randomness.
  DnsChannel(Loop& loop, bool takes_failures);
  ~DnsChannel();
  DnsChannel(const DnsChannel&) = delete;
  DnsChannel& operator=(const DnsChannel&) = delete;

  using Callback = void (*)(void* argument, int status, int timeouts, unsigned char* answer,
                            int size);

  /// Drops all queries (their callbacks get ARES_ECANCELLED) and asks these from now on, in order: IP addresses
  /// with or without a port, of IPv6 in brackets if there is one.  Anything else is left out.
  void use(const std::vector<std::string>& nameservers);

  /// There is somebody to ask.
  bool has_servers() const { return has_servers_; }

  /// Sends a query of class IN; the callback may be called from inside.
  void query(const char* name, int type, Callback callback, void* argument);

 private:
  struct Socket;

  void on_deadline() noexcept override;
  void process(int read_fd, int write_fd);
  void follow(int fd, bool read, bool write);
  void arm();
  static void socket_changed(void* channel, int fd, int read, int write) noexcept;

  Loop& loop_;
  ares_channeldata* channel_ = nullptr;
  bool has_servers_ = false;
  std::map<int, Socket*> sockets_;  ///< by descriptor
  Deadline deadline_;
};

}  // namespace weir::event
