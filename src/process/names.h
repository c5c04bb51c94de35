// SPDX-License-Identifier: Apache-2.0
//
// Names: keeps the addresses of servers given by name up to date: looks them up when they come and again
// when their time to live has passed, and tells the registry, which keeps the last good answer.
#pragma once

#include "event/deadline.h"
#include "event/dns.h"
#include "upstream/registry.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weir::process {

class Names final : private event::DnsEvents {
 public:
  /// Asks these name servers (see event::Dns); reads files.  `registry` must outlive this.
  Names(event::Loop& loop, const std::vector<std::string>& nameservers,
        upstream::Registry& registry);
  ~Names();

  /// Asks these from now on, and at once for all names.
  void use(const std::vector<std::string>& nameservers);

  /// Keeps the addresses of the server up to date from now on, if it is configured by name.  Does nothing if it already
  /// does so for this name.
  void follow(std::uint32_t slot);
  void remove(std::uint32_t slot);

 private:
  struct Entry;

  void look_up(Entry& entry);
  void on_resolved(std::uint64_t token, const event::DnsAnswer& answer) noexcept override;
  void take(Entry& entry, const event::DnsAnswer& answer);
  void note_failure(Entry& entry, const std::string& error);

  event::Loop& loop_;
  upstream::Registry& registry_;
  event::Dns dns_;
  std::map<std::uint32_t, std::unique_ptr<Entry>> entries_;  ///< by slot
  std::uint32_t followed_ = 0;                               ///< entries so far
};

}  // namespace weir::process
