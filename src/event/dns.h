// SPDX-License-Identifier: Apache-2.0
//
// Dns: asynchronous look-ups of A and AAAA records, with the time their answer may be kept.  c-ares
// speaks the protocol (RFC 1035): UDP, TCP after a truncated answer, the next name server after one that
// fails.  Its sockets and timeouts are driven by the loop, so that nothing here ever blocks.
//
// Against forged answers: each query has a random id, a socket of its own port as long as queries are
// under way, and a name in randomly mixed case that the answer has to repeat.
//
// All files are read when a Dns is made: /etc/hosts, and the source of randomness.  The addresses of
// name servers are given to it.
#pragma once

#include "event/dns_answer.h"
#include "event/dns_channel.h"
#include "event/loop.h"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weir::event {

class DnsEvents {
 public:
  /// `token` is the one given to `resolve`.
  virtual void on_resolved(std::uint64_t token, const DnsAnswer& answer) noexcept = 0;

 protected:
  ~DnsEvents() = default;
};

class Dns {
 public:
  /// Asks these name servers in order: "192.0.2.1:53", "[2001:db8::1]:53", or without a port.  Reads files.
  Dns(Loop& loop, const std::vector<std::string>& nameservers);
  ~Dns();
  Dns(const Dns&) = delete;
  Dns& operator=(const Dns&) = delete;

  /// Asks these from now on; reads no file.  Look-ups under way are dropped, and nobody is told.
  void use(const std::vector<std::string>& nameservers);

  /// Looks up A, and if there is none AAAA; no search domain is appended.  Tells `events`, which must
  /// outlive the look-up, later or from inside the call.
  void resolve(const std::string& name, std::uint64_t token, DnsEvents& events);

 private:
  struct Query;

  void begin_some();
  void ask(std::unique_ptr<Query> query);
  void take(std::unique_ptr<Query> query, int status, const unsigned char* answer, int size);
  void finish(std::unique_ptr<Query> query, const DnsAnswer& answer);
  std::string words(int status) const;
  static void answered(void* query, int status, int timeouts, unsigned char* answer,
                       int size) noexcept;

  std::map<std::string, std::vector<std::string>> hosts_;
  std::string servers_;  ///< for messages
  std::deque<std::unique_ptr<Query>> waiting_;
  std::size_t running_ = 0;
  bool is_beginning_ = false;
  DnsChannel channel_;
  /// Tells why all name servers failed: c-ares does so only if it may take the first answer for the last.
  DnsChannel reasons_;
};

}  // namespace weir::event
