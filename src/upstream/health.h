// SPDX-License-Identifier: Apache-2.0
//
// Health: which servers can be used, found out by asking them again and again; run by control, once for all
// workers.  Decides when to ask (Probe asks) and when answers in a row change what is known of a server.
//
// A stall of our own must not look like the death of a thousand servers: a check that fails although the
// process was late (stopped, starved, busy) at any time since the check began is inconclusive and repeated.
// A check that passes counts always.
#pragma once

#include <weir/regex.h>

#include "base/gather.h"
#include "base/random.h"
#include "config/config.h"
#include "event/deadline.h"
#include "shm/server_table.h"
#include "upstream/probe.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::upstream {

/// One check as it ended.
struct CheckResult {
  std::int64_t at_us;  ///< when it began: microseconds since 1970
  std::uint64_t took_us;
  CheckOutcome outcome;
  std::string seen;  ///< "200", "503, body \"starting\"", "connected, no answer in 1s", "connected"
};

class HealthEvents {
 public:
  /// The server was found up or down: `rise` or `fall` was reached, or it was the first result of a server of
  /// which nothing was known.  `why` is what the last check saw.  May call the Health.
  virtual void on_health(std::uint32_t slot, bool up, std::string_view why) noexcept = 0;

  /// A check has ended.  May not call the Health.
  virtual void on_checked(std::uint32_t /*slot*/, CheckOutcome) noexcept {}

 protected:
  ~HealthEvents() = default;
};

class Health : private event::DeadlineEvents {
 public:
  /// Checks of all servers in all.
  struct Counts {
    std::uint64_t passed = 0, failed = 0, inconclusive = 0;
  };

  /// How to speak with a server: its backend's TLS and protocol, the limits of its answers, and the host that its
  /// configuration names.
  struct Secure {
    std::shared_ptr<const tls::ClientContext> tls;
    std::string name;
    config::ServerProtocol protocol;
    http::HeadLimits limits;
    bool is_named;  ///< `name` is no IP address: the default of the check's Host
  };

  /// What is known of a server when its checks begin; Up and Down after a restart of control.
  enum class Known : std::uint8_t { Nothing, Up, Down };

  /// `events` and `loop` must outlive it; `seed` is for the jitter.
  Health(event::Loop& loop, HealthEvents& events, std::uint64_t seed);
  ~Health();

  /// Begins to check a server; the slot must be free.  If the set is empty it waits for addresses.  The first
  /// check begins now if `at_once`, else after the check's start_delay; those of very many servers at a time
  /// are spread over at most min(interval, 1 s).  `check` is copied; its expression must be valid.  `secure`:
  /// how to speak TLS with it, if it is to be spoken.
  ///
  /// Checks of a server with several addresses take turns over them.  One that fails at an address goes on at the
  /// next, each with the check's timeout; it has failed when it has failed at all of them.
  void add(std::uint32_t slot, const config::Check& check, const shm::AddressSet& addresses,
           Known known, bool at_once, Secure secure = {});

  /// Checks go on at these addresses; without any they pause.  What is known stays.  If none of them was checked
  /// before, the next check begins at once, and results in a row that were counted against what is known are
  /// forgotten.
  void set_addresses(std::uint32_t slot, const shm::AddressSet& addresses);

  /// There has been a result, or something was known at the beginning.
  bool is_known(std::uint32_t slot) const;

  /// Ends the checks; nothing is told of the slot any more, and it is free.
  void remove(std::uint32_t slot);

  /// The last results, oldest first, at most `most_results`; none of a slot that is not checked (yet).
  std::vector<CheckResult> results(std::uint32_t slot) const;
  static constexpr std::size_t most_results = 16;

  const Counts& counts() const { return counts_; }

  /// Checks that have begun and have no result yet.
  std::uint32_t running() const { return running_; }

 private:
  class Entry;

  void on_deadline() noexcept override;
  Entry& entry(std::uint32_t slot) const;
  std::shared_ptr<const Regex> regex(const std::string& pattern);
  void drop_regex(const std::string& pattern);
  std::uint64_t take_turn(std::uint64_t interval);
  void note_begin();
  bool is_late();
  bool was_late_since(std::uint64_t moment);
  void count(CheckOutcome outcome);

  event::Loop& loop_;
  HealthEvents& events_;
  Random random_;
  Gather gather_;
  std::unique_ptr<net::Outbox> outbox_;  ///< from the first server on that speaks TLS
  std::unique_ptr<char[]> read_buffer_;
  ProbeTools tools_;
  std::vector<std::unique_ptr<Entry>> entries_;  ///< by slot
  std::unordered_map<std::string, std::shared_ptr<const Regex>> regexes_;
  Counts counts_;
  event::Deadline pulse_;      ///< while probes run: so that any stall passes some deadline
  std::uint64_t late_ = 0;     ///< the clock when the process was last found late
  std::uint64_t turn_ = 0;     ///< the clock when the last of those that take turns begins
  std::uint32_t running_ = 0;  ///< probes
};

}  // namespace weir::upstream
