// SPDX-License-Identifier: Apache-2.0
//
// Metrics: everything that weir counts, as Prometheus text (exposition format 0.0.4), made in pieces, so
// that ten thousand servers never need one huge buffer.  All of it is read from shared memory, so any
// process can tell it and a worker that is gone is still counted.  One table
// (metric_families) says which families there are.
//
// https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include "proxy/metric_names.h"
#include "shm/counters.h"
#include "shm/in_flight.h"
#include "shm/queues.h"
#include "shm/segment.h"
#include "shm/server_counts.h"
#include "shm/server_table.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::proxy {

/// What to say in Content-Type.
inline constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";

struct MetricFamily;

class Metrics {
 public:
  /// What the names lie in and the segment must outlive this.
  Metrics(MetricNames names, const shm::Segment& segment);

  /// Appends the next piece, at most 64 KiB, to `out`; false when that was the last, which may be empty.
  /// Each sample is as of the moment at which its piece is made.
  bool next(std::string& out);
  /// Begins anew.
  void restart();

 private:
  using Pair = std::string_view[2];  ///< values of the label that a family adds

  std::uint32_t count(const MetricFamily& family) const;
  /// Without a name if there is none of this number.
  MetricNames::Backend backend(std::uint32_t number) const;
  void append(std::string& out, const MetricFamily& family, std::uint32_t at);
  void append_of_weir(std::string& out, const MetricFamily& family);
  void append_pair(std::string& out, const MetricFamily& family, const Pair& names,
                   std::uint64_t first, std::uint64_t second) const;
  void append_of_worker(std::string& out, const MetricFamily& family, std::uint32_t worker);
  void append_of_server(std::string& out, const MetricFamily& family, std::uint32_t slot);
  void append_of_control(std::string& out, const MetricFamily& family, std::uint32_t slot) const;
  void append_shared(std::string& out, const MetricFamily& family, std::uint32_t slot) const;
  void append_tallies(std::string& out, const MetricFamily& family, std::uint32_t number) const;
  void append_server_durations(std::string& out, const MetricFamily& family,
                               std::uint32_t slot) const;
  void append_durations(std::string& out, const MetricFamily& family, std::uint32_t number) const;
  void begin_sample(std::string& out, std::string_view name, std::string_view suffix = {},
                    std::string_view more = {}) const;

  MetricNames names_;
  const shm::Segment& segment_;
  shm::Counters counters_;
  shm::InFlight in_flight_;
  shm::SharedConnections shared_connections_;
  shm::Queues queues_;
  shm::ServerCounts server_counts_;
  shm::ServerTable servers_;
  std::vector<MetricNames::Backend> backends_;  ///< by number
  std::size_t family_ = 0;     ///< where the next piece begins: its row of the table,
  std::uint32_t element_ = 0;  ///< and where in the configuration that stands of which it tells
  std::string labels_;         ///< of the sample being made; kept for its memory
};

}  // namespace weir::proxy
