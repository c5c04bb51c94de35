// SPDX-License-Identifier: Apache-2.0
//
// Snapshot: one generation of the configuration, ready for use: what a worker swaps at a reload, by one
// pointer.  Immutable, made on the builder thread.  It holds nothing that lives on: clients belong to
// Listeners, servers and their connections to Backends, which are told of a new snapshot and stay.
#pragma once

#include "config/config.h"
#include "proxy/rules.h"
#include "upstream/backend.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace weir::proxy {

struct Snapshot {
  /// Compiles a configuration whose numbers have been given.  Listeners that are as in `before` are taken
  /// over from there.  Errors name their place.
  static Result<std::shared_ptr<const Snapshot>> build(std::unique_ptr<const config::Config> config,
                                                       std::uint64_t generation,
                                                       const Snapshot* before,
                                                       const shm::TicketKeys* tickets = nullptr);

  std::uint64_t generation = 0;
  std::unique_ptr<const config::Config> config;
  std::vector<std::shared_ptr<const Rules>> listeners;
  std::vector<upstream::BackendPolicy> backends;
  std::size_t reused = 0;  ///< listeners taken over
};

}  // namespace weir::proxy
