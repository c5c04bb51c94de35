// SPDX-License-Identifier: Apache-2.0
//
// What the master does before anything runs: load, bind, open, share.  Everything that can fail fails
// here, before a single client has been accepted.
#pragma once

#include "process/history.h"
#include "process/reclaim.h"
#include "process/setup.h"
#include "shm/segment.h"

#include <memory>

namespace weir::process {

/// What the master holds for the others, for as long as it lives.
struct Assets {
  Plan plan;  ///< of the present generation
  History history;
  std::vector<ListeningSocket> sockets;
  std::vector<Fd> wakers;  ///< see WakerOf
  Fd error_log, access_log;
  std::vector<Fd> admin, state;  ///< admin sockets; the two state files
  std::unique_ptr<shm::Segment> segment;
  /// Locks of pid_file and state_file, which say that this instance runs: see own_files.h.
  Fd pid_lock, state_lock;
  /// Until our own workers accept: the workers of a dead master whose sockets we have.
  Reclaimed reclaimed;
  std::vector<std::string> notes;  ///< of the start, for the log

  /// What a child of that role gets: duplicates, so that what is ours stays ours.
  Setup setup_of(Role role) const;

  /// Told to control, and to operators by it: how an upgrade ended.  Empty = nothing.
  std::string news;
  Fd carried;  ///< what the former control knew; only while other shared memory is taken over
};

/// Runs the loader, then locks, binds and opens what the plan says.
Result<Assets> prepare(const std::string& path);

/// Makes shared memory with room for what the plan needs, and the wakers that go with it.
Result<void> share(Assets& assets);

/// Opens the log files of a plan (again, after they were moved away).
Result<void> open_logs(const Plan& plan, Fd& error_log, Fd& access_log);

/// Sockets for the addresses of a plan that none of `sockets` has: all those of `given_up`, where there are any, and new
/// ones.  Errc::Exists if another instance listens on an address that is not shared; with `has_lock` processes that are not
/// seen are taken for the workers of a dead one.  `notes`: what is to be said of it.  `room`: slots in all.
struct BindTerms {
  const std::vector<ListeningSocket>& sockets;
  const std::vector<ListeningSocket>& given_up;
  std::uint32_t room;
  bool has_lock;
};
Result<std::vector<ListeningSocket>> bind_missing(const Plan& plan, const BindTerms& terms,
                                                  std::vector<std::string>& notes);

/// Unix sockets are one each, watched by every worker.
inline bool is_shared(const ListeningSocket& socket) { return socket.address.starts_with("unix:"); }

/// Works out how many connections and pipes a plan's workers may have, and raises the limit of
/// descriptors; Errc::Limit if that is not allowed.
Result<void> limit_connections(Plan& plan, std::size_t sockets);

}  // namespace weir::process
