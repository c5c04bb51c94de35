// SPDX-License-Identifier: Apache-2.0
//
// Context: what every Session and Stream of a worker works with, and what they report to.
#pragma once

#include "base/random.h"
#include "http/h2_limits.h"
#include "net/feed.h"
#include "proxy/access_log.h"
#include "proxy/body_memory.h"
#include "proxy/date_clock.h"
#include "proxy/filter_services.h"
#include "proxy/handshakes.h"
#include "proxy/record.h"
#include "proxy/snapshot.h"
#include "proxy/wakers.h"
#include "shm/quarantine.h"
#include "tls/transport.h"
#include "upstream/backend.h"

#include <memory>
#include <string>
#include <vector>

namespace weir::proxy {

/// Where finished requests are told of; the worker process implements it.
class Journal {
 public:
  virtual ~Journal() = default;
  /// One line of the access log, without its end; never blocks.
  virtual void write_access(std::string_view line) = 0;
  /// The same for a line that is settled by the next call: kept, or dropped; kept if we die before.
  virtual void stage_access(std::string_view line) = 0;
  virtual void settle_access(bool keep) = 0;
  /// Other workers (bit mask) wait for a slot of a server.
  virtual void wake(std::uint64_t workers) = 0;
  /// A request ended; for the counters.
  virtual void count(const Record& record) = 0;
  /// An attempt at a server (by its slot) got a connection, or not.
  virtual void count_attempt(std::uint32_t backend, std::uint32_t slot, bool connected) = 0;
  /// A client did too much of something; its connection ends.
  virtual void count_abuse(http::H2Abuse kind) = 0;
  /// A client's TLS handshake has ended, well or not.
  virtual void count_handshake(const tls::Transport& transport) = 0;
  /// A client connection was opened (+1) or closed (-1).
  virtual void count_connection(int change) = 0;
  /// A stream of HTTP/2 was reset, by the client or by us.
  virtual void count_reset(bool by_client) = 0;
  /// One that turned out to speak HTTP/2 (+1), or its end (-1).
  virtual void count_http2(int change) = 0;
  /// Bytes of memory that bodies held for filters take now.
  virtual void set_body_memory(std::uint64_t bytes) = 0;
  /// A request failed since they would have taken too many.
  virtual void count_body_refusal() = 0;
};

struct Context {
  static constexpr std::uint64_t long_turn_us = 500;  ///< see is_turn_long

  const net::Context& net;
  std::shared_ptr<const Snapshot> snapshot;  ///< for new requests
  const shm::Segment& segment;
  std::vector<std::unique_ptr<upstream::Backend>> backends;  ///< by number; some are null
  Journal& journal;
  AccessLog* access_log;  ///< null = off
  Random random;
  std::uint64_t connections = 0;  ///< clients of this worker now
  bool draining = false;
  Handshakes handshakes{net.loop};
  DateClock date{net.loop};
  shm::Quarantine quarantine{segment};
  Wakers wakers{};
  FilterServices services{*this};
  BodyMemory body_memory{journal};

  /// This turn has had its time, `now` by the clock: what can wait for the next one does.
  bool is_turn_long(std::uint64_t now) const { return now >= net.loop.now() + long_turn_us; }

  /// Descriptors have run out: closes some idle connections to servers.  False if there were none.
  bool shed_idle() {
    constexpr std::size_t most = 32;
    std::size_t count = 0;
    for (const auto& backend : backends)
      if (backend) count += backend->shed_idle(most - count);
    return count > 0;
  }
};

}  // namespace weir::proxy
