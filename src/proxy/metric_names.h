// SPDX-License-Identifier: Apache-2.0
//
// MetricNames: what metrics are told by: names of listeners, routes and backends, and the numbers their counters
// have in shared memory.  Control takes them from its configuration, a worker from what it made of one.
#pragma once

#include "config/config.h"
#include "proxy/snapshot.h"
#include "tls/certificate_end.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace weir::proxy {

struct MetricNames {
  struct Named {
    std::string_view name;
    std::uint32_t number = 0;
  };
  struct Route : Named {
    std::string_view listener;
  };
  struct Backend : Named {
    bool may_speak_h2 = false;
    bool has_check = false;
    bool has_outlier = false;
    bool has_pipeline = false;
  };

  /// The names lie in what they are taken from.  `certificates`: those of the same configuration.
  explicit MetricNames(const config::Config& config,
                       std::span<const tls::CertificateEnd> certificates = {});
  explicit MetricNames(const Snapshot& snapshot);

  std::vector<Named> listeners;
  std::vector<Backend> backends;
  std::vector<Route> routes;
  std::span<const tls::CertificateEnd> certificates;
};

}  // namespace weir::proxy
