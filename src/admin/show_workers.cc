// SPDX-License-Identifier: Apache-2.0
//
// The commands that look at workers and at what their clients are doing, for which workers are asked.
#include "admin/show.h"
#include "config/identity.h"
#include "shm/report.h"

namespace weir::admin {

namespace {

// What a reload has taken away has no name any more.
template <typename T>
std::string name_of(const T* what) {
  return what ? what->name : "";
}

/// A row of a worker's report.
struct Found {
  std::uint32_t worker;
  shm::SessionRow row;
};

// The workers are asked first; the rows are looked at when they have answered.
void ask_for_sessions(const Call& call, Reply& reply, bool streams_only,
                      std::vector<std::string_view> columns,
                      Row (*describe)(const Fleet&, const Found&)) {
  reply.answered_at = call.fleet.daemon.ask_workers();
  reply.body = make_later([&fleet = call.fleet, json = call.json, streams_only, describe,
                           columns = std::move(columns)] {
    std::vector<Found> found;
    for (std::uint32_t worker = 0; worker < fleet.workers.size(); ++worker) {
      if (!fleet.runs(worker)) continue;
      const shm::Report report(fleet.segment, worker);
      for (std::uint32_t i = 0; i < report.size(); ++i) {
        Found each{worker, report.row(i)};
        if (each.row.has_stream || !streams_only) found.push_back(each);
      }
    }
    std::size_t count = found.size();
    return make_list({columns, count,
                      [&fleet, describe, found = std::move(found)](std::size_t i) {
                        return describe(fleet, found[i]);
                      }},
                     json);
  });
}

}  // namespace

void show_workers(const Call& call, Reply& reply) {
  const Fleet& fleet = call.fleet;
  std::vector<std::uint32_t> there;
  for (std::uint32_t i = 0; i < fleet.workers.size(); ++i)
    if (fleet.runs(i)) there.push_back(i);
  std::size_t count = there.size();
  reply.body = make_list({{"worker", "state", "replaced", "connections", "accepted", "requests",
                           "changes_behind", "loop_lag_ms", "longest_call_ms", "longest_call"},
                          count,
                          [&fleet, there = std::move(there)](std::size_t i) {
                            const shm::WorkerState& worker = fleet.workers[there[i]];
                            const shm::ServerTable& table = fleet.registry.table();
                            return Row{std::uint64_t{there[i]},
                                       worker.get(shm::Count::Leaving) ? "leaving" : "serving",
                                       worker.get(shm::Count::Incarnation),
                                       worker.get(shm::Count::ClientsOpen),
                                       worker.get(shm::Count::ClientsAccepted),
                                       worker.get(shm::Count::Requests),
                                       table.changes() - table.seen(there[i]),
                                       Cell::milliseconds(worker.get(shm::Count::LongestTurn)),
                                       Cell::milliseconds(worker.get(shm::Count::LongestCall)),
                                       worker.call_name()};
                          }},
                         call.json);
}

void show_sessions(const Call& call, Reply& reply) {
  ask_for_sessions(call, reply, false,
                   {"worker", "client", "listener", "phase", "age_ms", "requests"},
                   [](const Fleet& fleet, const Found& found) {
                     const shm::SessionRow& row = found.row;
                     return Row{found.worker,
                                row.client,
                                name_of(config::find_listener(fleet.config(), row.listener)),
                                row.phase,
                                Cell::milliseconds(row.age_us),
                                row.requests};
                   });
}

void show_streams(const Call& call, Reply& reply) {
  ask_for_sessions(
      call, reply, true,
      {"worker", "client", "listener", "phase", "method", "path", "route", "server", "age_ms",
       "bytes_in", "bytes_out"},
      [](const Fleet& fleet, const Found& found) {
        const shm::SessionRow& row = found.row;
        const config::Listener* listener = config::find_listener(fleet.config(), row.listener);
        const config::Route* route =
            listener && row.route >= 0
                ? config::find_route(*listener, static_cast<std::uint32_t>(row.route))
                : nullptr;
        bool has_server =
            row.server >= 0 && fleet.registry.has(static_cast<std::uint32_t>(row.server));
        return Row{found.worker,
                   row.client,
                   name_of(listener),
                   row.phase,
                   row.method,
                   row.path,
                   name_of(route),
                   has_server ? fleet.registry.name(static_cast<std::uint32_t>(row.server)) : "",
                   Cell::milliseconds(row.request_us),
                   row.bytes_in,
                   row.bytes_out};
      });
}

}  // namespace weir::admin
