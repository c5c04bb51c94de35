// SPDX-License-Identifier: Apache-2.0
//
// Snapshot: one generation of the configuration, ready for use: what a worker swaps at a reload, by one
// pointer.  Immutable, made on the builder thread.  It holds nothing that lives on: clients belong to
// Listeners, servers and their connections to Backends, which are told of a new snapshot and stay.  Nor
// does it hold the configuration, of which most is what routes say and lies in their policies.
#pragma once

#include "config/config.h"
#include "proxy/rules.h"
#include "proxy/sender.h"
#include "tls/certificate_end.h"
#include "upstream/backend.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::proxy {

struct Snapshot {
  /// Compiles a configuration whose numbers have been given; it is not needed then.  Listeners that are as
  /// in `before` are taken over from there.  Errors name their place.
  static Result<std::shared_ptr<const Snapshot>> build(const config::Config& config,
                                                       std::uint64_t generation,
                                                       const Snapshot* before,
                                                       const shm::TicketKeys* tickets = nullptr);

  std::uint64_t generation = 0;
  config::LogTarget access_log;
  std::string error_level;        ///< below which nothing is logged
  std::uint64_t body_memory = 0;  ///< bytes that bodies held for filters may take
  TrustedProxies trusted_proxies;
  std::vector<std::shared_ptr<const Rules>> listeners;
  std::vector<upstream::BackendPolicy> backends;
  std::vector<ServiceEntry> services;             ///< of all factories that its chains refer to
  std::vector<tls::CertificateEnd> certificates;  ///< for metrics
  std::size_t reused = 0;                         ///< listeners taken over
  /// What the filters of this and the next snapshots are made of; the builder's thread only.
  std::shared_ptr<FilterFactories> factories;
};

}  // namespace weir::proxy
