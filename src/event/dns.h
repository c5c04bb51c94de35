// SPDX-License-Identifier: Apache-2.0
//
// Dns: asynchronous look-ups of A and AAAA records, with the time their answer may be kept.
// /etc/hosts is read once, when a Dns is made.
#pragma once

#include "event/loop.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct evdns_base;

namespace weir::event {

/// What a look-up found: addresses in network order (4 or 16 bytes each).
struct DnsAnswer {
  std::vector<std::string> addresses;
  std::uint32_t ttl_seconds = 0;
  std::string error;  ///< why there are none; empty if there are
};

class DnsEvents {
 public:
  /// `token` is the one given to `resolve`.
  virtual void on_resolved(std::uint32_t token, const DnsAnswer& answer) noexcept = 0;

 protected:
  ~DnsEvents() = default;
};

class Dns {
 public:
  /// Uses these name servers ("192.0.2.1:53"), or those of /etc/resolv.conf if there are none.
  Dns(Loop& loop, const std::vector<std::string>& nameservers);
  ~Dns();
  Dns(const Dns&) = delete;
  Dns& operator=(const Dns&) = delete;

  /// Uses these from now on, for what is under way as well; reads no file.
  void use(const std::vector<std::string>& nameservers);

  /// Looks up A, and if there is none AAAA.  Tells `events` later, or at once for a name in /etc/hosts.
  void resolve(const std::string& name, std::uint32_t token, DnsEvents& events);

 private:
  struct Query;
  static void answered(int result, char type, int count, int ttl, void* addresses,
                       void* query) noexcept;

  evdns_base* base_;
  std::map<std::string, std::vector<std::string>> hosts_;
};

}  // namespace weir::event
