// SPDX-License-Identifier: Apache-2.0
//
// Command: one row of the table that says how commands are parsed and carried out; their words stand in
// weirctl/command_texts.h.  A
// handler gets a Call (who asks, the words, what there is to act on) and fills in a Reply.
#pragma once

#include "admin/audit.h"
#include "admin/body.h"
#include "admin/drains.h"
#include "admin/events.h"
#include "admin/reloads.h"
#include "admin/route_filters.h"
#include "base/clock.h"
#include "base/fd.h"
#include "config/config.h"
#include "proxy/route_table.h"
#include "shm/counters.h"
#include "shm/worker_state.h"
#include "tls/certificate_end.h"
#include "upstream/health.h"
#include "upstream/registry.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::admin {

struct OperationResult;

/// What only the process around can do.
class Daemon {
 public:
  /// Ends weir: drains for at most `ms` (0 = the configured time), then stops.
  virtual void shut_down(std::uint64_t ms) = 0;
  /// Sets the least level of the error log in control.
  virtual bool set_log_level(std::string_view level) = 0;
  /// How far every worker has seen the changes of servers.
  virtual std::uint64_t seen_by_all() const = 0;
  /// Records of the state file handed over so far, and how many of them are on disk.
  virtual std::uint64_t state_written() const = 0;
  virtual std::uint64_t state_synced() const = 0;
  /// Asks all workers what their clients are doing; the number of the question, and the least answered.
  virtual std::uint64_t ask_workers() = 0;
  virtual std::uint64_t answered_by_all() const = 0;
  /// Keeps the result of an operation with an id, for 24 hours.
  virtual void keep_result(const std::string& op_id, const OperationResult& result) = 0;
  /// Null if there is none (any more).
  virtual const OperationResult* find_result(const std::string& op_id) const = 0;

 protected:
  ~Daemon() = default;
};

/// One generation of the configuration, as commands see it.  Who makes a body piece by piece holds it.
struct View {
  std::uint64_t generation = 1;
  std::unique_ptr<const config::Config> config;
  std::vector<proxy::RouteTable> routes;  ///< by position of the listener
  /// For `explain`; made as it asks.
  std::unique_ptr<RouteFilters> filters = std::make_unique<RouteFilters>();
  std::vector<tls::CertificateEnd> certificates;
  std::string bundle_hash, bundle_text;
};

/// All that commands look at or change.
struct Fleet {
  const config::Config& config() const { return *view->config; }
  /// There is a worker of that number.
  bool runs(std::uint32_t worker) const { return registry.table().is_there(worker); }

  std::shared_ptr<const View> view;  ///< the present one
  upstream::Registry& registry;
  upstream::Health& health;
  shm::Counters counters;
  std::vector<shm::WorkerState> workers;  ///< all that are or were there; see `runs`
  const shm::Segment& segment;
  Events& events;
  Audit& audit;
  Daemon& daemon;
  Reloads& reloads;
  Drains& drains;
  std::int64_t started_us = 0;  ///< wall clock
  const Clock& clock = system_clock();
};

/// Who asks.
struct Caller {
  config::AdminLevel level = config::AdminLevel::Read;
  std::string by;  ///< "uid 0 pid 12": from the socket's credentials
  Fd file;         ///< the last descriptor that it has sent, for the command that comes with it
};

struct Reply {
  std::string code;  ///< empty = ok; "usage", "refused", "conflict", ...
  std::string text;  ///< of the first line
  std::unique_ptr<Body> body;
  /// The answer is given when every worker has seen so many changes of servers; 0 = at once.
  std::uint64_t visible_at = 0;
  /// The answer is given when so many records are on disk; 0 = at once.
  std::uint64_t durable_at = 0;
  /// The answer is given when every worker has answered that question; 0 = at once.
  std::uint64_t answered_at = 0;
  /// The answer is the outcome of that request for a reload; 0 = it is here.
  Reloads::Ticket finished_at = 0;
  /// The answer is given when every worker has followed so many orders of drains; 0 = at once.
  std::uint64_t drained_at = 0;
  /// Events follow until the connection ends, of the types that begin with `watch`.
  bool watches = false;
  std::string watch;

  bool is_ok() const { return code.empty(); }
  void fail(std::string_view why, std::string message) {
    *this = {};
    code = why;
    text = std::move(message);
  }
};

struct Call {
  Fleet& fleet;
  const Caller& caller;
  std::span<const std::string> words;  ///< behind the command's own words
  bool json = false;
  bool in_transaction = false;
  bool force = false;
};

struct Command {
  std::string_view name;     ///< as in weirctl/command_texts.h
  bool changes;              ///< goes into the audit log, and may stand in a transaction
  std::uint8_t least, most;  ///< words behind the name
  void (*run)(const Call& call, Reply& reply);
};

/// The whole table, sorted by name.
std::span<const Command> commands();

/// All commands with their arguments and levels, for weirctl(8), in mdoc.
std::string commands_mdoc();

/// The command that `words` begin with, or null; `used` is how many words its name has.
const Command* find_command(std::span<const std::string> words, std::size_t& used);

/// Finds the command, checks level and number of words, and runs it.
void run_command(Fleet& fleet, const Caller& caller, std::span<const std::string> words, bool json,
                 bool in_transaction, Reply& reply);

}  // namespace weir::admin
