// SPDX-License-Identifier: Apache-2.0
//
// Names: keeps the addresses of servers given by name up to date: looks them up at start and again when
// their time to live has passed, publishes changes to the workers, keeps the last good answer.
#pragma once

#include "config/config.h"
#include "event/deadline.h"
#include "event/dns.h"
#include "shm/address_table.h"

#include <memory>
#include <vector>

namespace weir::process {

class Names final : private event::DnsEvents {
 public:
  /// `wake_workers` is called after every change.
  Names(event::Loop& loop, const config::Config& config, shm::AddressTable table,
        std::vector<int> worker_wakers);
  ~Names();

  /// Looks up everything that is a name.
  void start();

 private:
  struct Entry;

  void look_up(Entry& entry);
  void on_resolved(std::uint32_t token, const event::DnsAnswer& answer) noexcept override;
  void publish(Entry& entry, const std::string& address);

  event::Loop& loop_;
  shm::AddressTable table_;
  std::vector<int> worker_wakers_;
  std::unique_ptr<event::Dns> dns_;
  std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace weir::process
