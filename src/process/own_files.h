// SPDX-License-Identifier: Apache-2.0
//
// Own files: what the master makes in the file system, at a start and at a reload: admin sockets, the two
// state files, the file with its process id.  Listeners' sockets and logs are in start.h.
#pragma once

#include "base/fd.h"
#include "net/address.h"
#include "process/plan.h"

#include <cstdint>
#include <string>
#include <vector>

namespace weir::process {

/// Who may connect to a Unix socket.
struct SocketRights {
  std::uint32_t mode = 0;
  std::uint32_t gid = UINT32_MAX;  ///< UINT32_MAX = the master's
};

/// Binds a Unix socket at `path`, which is that of `address`.  Nobody but root and the master's user can connect
/// before group and mode are what they shall be.
Result<Fd> bind_local(const net::Address& address, const std::string& path,
                      const SocketRights& rights);

/// Sets group and mode of a socket that is bound.
Result<void> set_rights(const std::string& path, const SocketRights& rights);

/// Binds an admin socket at `path`, which is the plan's or one it is to be renamed from.  Nobody can connect before
/// owner and mode are what they shall be.
Result<Fd> bind_admin(const AdminPlan& plan, const std::string& path);

/// The two files of a state file.  Adds the paths of those that were not there to `made`.
Result<std::vector<Fd>> open_state(const Plan& plan, std::vector<std::string>& made);

// A lock says that an instance runs: flock(2) of an open file that the master alone has.  It is another one than that of
// the state file which control and writer have, is closed when a child execs, and is named to the next binary when that
// takes over in this process.  So it outlives an upgrade, and ends with the master, whatever children it leaves.

/// Opens the pid file, makes it if it is not there, and locks it.  Errc::Exists names the process that has it locked.
Result<Fd> lock_pid_file(const Plan& plan);
/// Writes this process's id into it.
Result<void> write_pid(const Plan& plan, const Fd& file);
/// Both under another path, which is to be renamed; the plan's own must not be locked by anybody else.
Result<Fd> lock_next_pid_file(const Plan& plan, const std::string& path);
/// Locks the state file, which is there.
Result<Fd> lock_state_file(const Plan& plan);

}  // namespace weir::process
