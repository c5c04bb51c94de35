// SPDX-License-Identifier: Apache-2.0
//
// Registry: the truth about all servers, kept by control.  For each server three columns (see
// shm/server_table): configured, override, operational.  Whoever learns or wants something changes one
// column here; the registry works out what follows for workers, publishes it, counts the backend's
// revision, and tells its listener what changed and why.  What stands in shared memory outlives
// control: its successor takes it over as it is.
#pragma once

#include <weir/result.h>

#include "config/config.h"
#include "net/address.h"
#include "shm/balancing.h"
#include "shm/counters.h"
#include "shm/in_flight.h"
#include "shm/server_counts.h"
#include "shm/server_table.h"
#include "shm/shared_connections.h"
#include "upstream/server_row.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::upstream {

/// Something happened to a server.
struct ServerEvent {
  std::string_view type;  ///< "server.use", "server.added", "server.removed", "server.drained", ...
  std::uint32_t slot;
  std::string from, to;
  std::string_view why, by;
};

class RegistryEvents {
 public:
  /// Rows were published: workers have to be woken.
  virtual void on_published() noexcept = 0;
  virtual void on_server_event(const ServerEvent& event) noexcept = 0;
  /// An override was set or cleared, or a server added or removed at run time: to be kept on disk.
  virtual void on_override(std::uint32_t slot) noexcept = 0;
  /// A server that was removed has nothing in flight any more; its slot is about to be emptied.
  virtual void on_removed(std::uint32_t slot) noexcept = 0;

 protected:
  ~RegistryEvents() = default;
};

/// Who did something and why, for the columns and the audit log.
struct Cause {
  std::string_view by, why;
  std::int64_t since_us = 0;  ///< wall clock; 0 = now
};

class Registry {
 public:
  Registry(const shm::Segment& segment, const config::Config& config, RegistryEvents& events);

  /// Takes over what a former control has left in the table, and makes it agree with the configuration:
  /// what is missing is added, what is too much leaves, at the latest at `leave_by_us` (wall clock; 0 =
  /// when nothing is in flight).  Nothing is told.  True if that table was whole, overrides and all.
  bool load(std::int64_t leave_by_us = 0);
  /// Overrides and run-time servers of former times are in the table as well: a successor needs nothing else.
  void note_whole() { table_.note_whole(); }
  /// While it is set, changes are neither told nor announced to workers: they happened before this process began.
  void set_quiet(bool quiet) { quiet_ = quiet; }

  // A reload.  Its steps may be repeated; to go back, adopt and retire with the former configuration.

  /// Whether the servers of a configuration can be had: Errc::Exists if one has the name of a server that
  /// was added at run time at another address, Errc::Limit if there are too many.  Its backends need no
  /// numbers yet.
  Result<void> check_next(const config::Config& next) const;
  /// The run-time servers that would go with their backends.
  std::vector<std::string> dropped(const config::Config& next) const;
  /// Before the workers change over: the configuration, which must have its numbers and outlive this or
  /// the next one, is now in force.  New servers come, those that were there follow the file (overrides
  /// stay), a server of the same name and address that was added at run time is one of the file now.
  /// None goes yet.
  void adopt(const config::Config& next, const Cause& cause);
  /// After it: what is not in the configuration leaves, at the latest at `by_us` (wall clock; 0 = when
  /// nothing is in flight).
  void retire(std::int64_t by_us, const Cause& cause);

  const config::Config& config() const { return *config_; }
  const shm::ServerTable& table() const { return table_; }
  std::uint32_t in_flight(std::uint32_t slot) const { return in_flight_.load(slot); }
  std::uint64_t h2(std::uint32_t slot, shm::SharedCount what) const {
    return shared_connections_.sum(slot, what);
  }
  /// One more check or ejection of that server.
  void count(std::uint32_t slot, shm::ServerCount what) { counts_.add(slot, what); }

  /// What the balancers of workers know together.
  const shm::Balancing& balancing() const { return balancing_; }

  // Backends are named by their numbers in shared memory.

  std::optional<std::uint32_t> find_backend(std::string_view name) const;
  /// Null if the configuration does not have it (any more).
  const config::Backend* backend(std::uint32_t number) const {
    return number < backends_.size() ? backends_[number].config : nullptr;
  }
  /// Also of one that the configuration does not have any more.
  const std::string& backend_name(std::uint32_t number) const { return backends_[number].name; }
  std::optional<std::uint32_t> find(std::uint32_t backend, std::string_view server) const;
  /// As it stands in the file; null if it does not.
  const config::Server* in_file(std::uint32_t slot) const;
  /// The slots of a backend's servers, in order: those of the file, then those added since.
  std::span<const std::uint32_t> servers(std::uint32_t backend) const {
    return backends_[backend].slots;
  }
  /// The slot has been in use at some time: the functions below may be asked about it.
  bool has(std::uint32_t slot) const { return slot < entries_.size(); }
  const shm::ServerRow& row(std::uint32_t slot) const { return entries_[slot].row; }
  const shm::ServerColumns& columns(std::uint32_t slot) const { return entries_[slot].columns; }
  /// "api/a1"
  std::string name(std::uint32_t slot) const;
  std::uint64_t revision(std::uint32_t backend) const { return table_.revision(backend); }
  /// What its use follows from, in words.
  std::string reason(std::uint32_t slot) const;

  /// How many servers of a backend take requests, and the sum of their weights.
  struct Routable {
    std::uint32_t servers = 0;
    std::uint64_t weight = 0;
  };
  Routable routable(std::uint32_t backend) const { return backends_[backend].routable; }

  /// From here to `commit` nothing is published; `abort` makes everything as it was.
  void begin();
  void commit();
  void abort();

  // Changes.  Each is published when it returns, or by `commit`.

  /// Errc::Exists if the backend has one of that name or address; Errc::Limit if all slots are taken.
  Result<std::uint32_t> add(std::uint32_t backend, const config::Server& server,
                            const Cause& cause);
  /// No new requests from now on; gone once none is in flight, at the latest at `by_us` (wall clock).
  void remove(std::uint32_t slot, std::int64_t by_us, const Cause& cause);
  void set_state(std::uint32_t slot, shm::Override state, const Cause& cause);
  /// Nothing = as configured.
  void set_weight(std::uint32_t slot, std::optional<std::uint32_t> weight, const Cause& cause);
  void set_address(std::uint32_t slot, const net::Address& address, const Cause& cause);
  void set_health(std::uint32_t slot, shm::Health health, const Cause& cause);
  void set_ejection(std::uint32_t slot, shm::Ejection ejection, std::int64_t until_us,
                    const Cause& cause);
  /// A look-up of its name has given these.  If none of them was in use before, the server is another one: it is not
  /// ejected any more, and if it is checked it starts anew.
  void set_resolved(std::uint32_t slot, const shm::AddressSet& addresses);
  /// A look-up of its name has failed; what is known from before stays.
  void note_unresolved(std::uint32_t slot, std::string_view why);
  /// Frees the slots of servers that have left, and tells of those that are drained; true if some are not yet.
  bool reap_leaving(std::uint64_t seen_by_all, std::int64_t now_us);

  /// The names of a state as operators write them.
  static std::string_view word(shm::Override state);
  static std::string_view word(shm::Use use);
  static std::string_view word(shm::Health health);

 private:
  struct Entry {
    shm::ServerRow row;
    shm::ServerColumns columns;
  };
  struct OfBackend {
    const config::Backend* config = nullptr;  ///< null: not in the configuration
    std::string name;
    std::vector<std::uint32_t> slots;
    Routable routable;
  };
  /// A slot that waits until all workers have seen what became of it.
  struct Waiting {
    std::uint32_t slot;
    std::uint64_t since;  ///< changes published by then
  };

  /// Knows what is in the configuration by number and name.
  void know_config(const config::Config& config);
  void forget_other_policies(const config::Config& next);
  OfBackend& of_backend(std::uint32_t number);
  std::string key(std::uint32_t backend, std::string_view of) const;
  void place(std::uint32_t slot, const Entry& entry);
  /// An entry about to be changed: counted out of its backend, and kept for `abort`.
  Entry& open(std::uint32_t slot);
  void close(std::uint32_t slot, const Cause& cause);
  void count(const Entry& entry, int sign);
  void show(std::uint32_t slot);
  void keep(std::uint32_t slot);
  /// A server that takes requests or may again has its address for itself in its backend.
  void index_address(std::uint32_t slot);
  void drop_address(std::uint32_t slot);
  /// Empties the slot; it may be given away once all have seen so many changes.
  void vacate(std::uint32_t slot, std::uint64_t since);
  void take_over(std::uint32_t slot);
  bool may_reuse(const Waiting& free) const;
  bool is_awaited(std::uint32_t slot) const;
  std::optional<std::uint32_t> free_slot();
  void insert(std::uint32_t slot, const config::Backend& backend, const config::Server& server,
              bool runtime, const Cause& cause);
  void add_configured(const config::Backend& backend, const config::Server& server,
                      const Cause& cause);
  void follow_check(std::uint32_t slot, const config::Backend& backend, const Cause& cause);
  void follow_file(std::uint32_t slot, const config::Backend& backend, const config::Server& server,
                   const Cause& cause);
  static void move_configured(shm::ServerColumns& columns, const shm::ServerColumns& wanted);
  static void start_anew(shm::ServerColumns& columns, const Cause& cause);
  void stay(std::uint32_t slot);
  void order_as_in_file(const config::Backend& backend);
  void tell_difference(std::uint32_t slot, const shm::ServerRow& row,
                       const shm::ServerColumns& columns, const Cause& cause);
  static void set_mark(shm::Mark& mark, const Cause& cause);
  static shm::Mark mark_of(bool is_set, const Cause& cause);
  void tell(std::string_view type, std::uint32_t slot, std::string from, std::string to,
            const Cause& cause);
  void say(const ServerEvent& event);
  void look_at_draining(std::uint64_t seen_by_all);
  void release(std::uint32_t slot);

  const config::Config* config_ = nullptr;
  shm::ServerTable table_;
  shm::InFlight in_flight_;
  shm::Counters counters_;
  shm::SharedConnections shared_connections_;
  shm::ServerCounts counts_;
  shm::Balancing balancing_;
  RegistryEvents& events_;
  std::vector<Entry> entries_;
  std::vector<OfBackend> backends_;                               ///< by number
  std::unordered_map<std::string, const config::Server*> files_;  ///< those of the configuration
  std::unordered_map<std::string, std::uint32_t> numbers_;        ///< of its backends
  std::unordered_map<std::string, std::uint32_t> names_;
  std::unordered_map<std::string, std::uint32_t> addresses_;  ///< as written, of those not leaving
  std::vector<Waiting> free_, leaving_, draining_;
  std::uint64_t seen_by_all_ = 0;
  bool quiet_ = false;  ///< nothing is told
  // Of a transaction:
  bool deferred_ = false;
  std::unordered_map<std::uint32_t, Entry> saved_;
  std::vector<std::uint32_t> added_, departed_, kept_;
  struct Told {
    std::string_view type;
    std::uint32_t slot;
    std::string from, to, why, by;
  };
  std::vector<Told> told_;
};

}  // namespace weir::upstream
