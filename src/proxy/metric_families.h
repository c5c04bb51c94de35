// SPDX-License-Identifier: Apache-2.0
//
// The table of metrics: which families of samples there are, what each tells of, and where its numbers
// stand in shared memory.  What is printed and what the manual lists both follow from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weir::proxy {

/// A family of samples: one row of the table.
struct MetricFamily {
  enum class Type : std::uint8_t { Counter, Gauge, Histogram };

  /// What it tells of: there are samples for each of them.
  enum class Of : std::uint8_t { Weir, Certificate, Worker, Listener, Route, Backend, Server };

  /// Which value of it.
  enum class Value : std::uint8_t {
    Version,
    StartTime,
    Generation,
    ReloadDone,          ///< how the last reload ended
    ReloadTime,          ///< of the last one that was done
    ReloadsByResult,     ///< done and refused
    Quarantined,         ///< how many fingerprints
    LinesLostByLog,      ///< by the writer: access and error
    LinesDroppedByRole,  ///< of the log rings of control and the master
    NotAfter,            ///< of a certificate
    Count,               ///< a shm::Count
    CountByClass,        ///< the five of responses
    CountByProtocol,     ///< http/1.0, http/1.1 and h2
    CountByAbuse,        ///< one for each http::H2Abuse
    CountByVersion,      ///< of TLS: 1.2 and 1.3
    CountBySender,       ///< client and weir
    CountByReason,       ///< those of tls::Failure
    Seconds,             ///< a shm::Count of microseconds
    LongestCall,         ///< the same, with the name of the call
    LinesDropped,        ///< of the worker's log ring
    Tally,               ///< a shm::Tally
    TallyByClass,        ///< the six of responses
    Durations,           ///< the histogram
    QueueLength,         ///< of a backend
    InFlight,            ///< from here on: what only servers have
    Weight,
    Up,
    Addresses,
    Use,
    H2,              ///< a shm::SharedCount, of servers that may speak HTTP/2
    H2BySender,      ///< the same: server and weir
    Pipeline,        ///< a shm::SharedCount, of servers whose backend has a pipeline
    ChecksByResult,  ///< of servers that are checked: three shm::ServerCounts
    Ejections        ///< of servers that can be ejected
  };

  std::string_view name;
  Type type;
  Of of;
  Value value;
  std::uint32_t which;    ///< the Count, Tally or SharedCount, or the first of its classes
  std::string_view help;  ///< one sentence, nothing to escape
};

/// All families, in the order in which they are printed.
std::span<const MetricFamily> metric_families();

/// As Prometheus names it.
std::string_view type_name(const MetricFamily& family);

/// The label that tells the samples of a value apart; empty if there is one sample only.
std::string_view label_of(MetricFamily::Value value);

/// The list of all families with their labels, for weir(8), in mdoc.
std::string metrics_mdoc();

}  // namespace weir::proxy
