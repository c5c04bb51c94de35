// SPDX-License-Identifier: Apache-2.0
//
// Names: keeps the addresses of servers given by name up to date: looks them up when they come and again
// when their time to live has passed, and tells the registry, which keeps the last good answer.
#pragma once

#include "config/config.h"
#include "event/deadline.h"
#include "event/dns.h"
#include "upstream/registry.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weir::process {

class Names final : private event::DnsEvents {
 public:
  /// `registry` must outlive this.
  Names(event::Loop& loop, const config::Config& config, upstream::Registry& registry);
  ~Names();

  /// Asks these from now on, and at once for all names.
  void use(const std::vector<std::string>& nameservers);

  /// Keeps a server's address up to date from now on.
  void add(std::uint32_t slot, const config::Endpoint& at);
  void remove(std::uint32_t slot);

 private:
  struct Entry;

  void look_up(Entry& entry);
  void on_resolved(std::uint32_t token, const event::DnsAnswer& answer) noexcept override;
  void publish(Entry& entry, const std::string& address);

  event::Loop& loop_;
  upstream::Registry& registry_;
  std::unique_ptr<event::Dns> dns_;
  std::map<std::uint32_t, std::unique_ptr<Entry>> entries_;  ///< by slot
};

}  // namespace weir::process
