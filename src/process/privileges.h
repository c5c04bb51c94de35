// SPDX-License-Identifier: Apache-2.0
//
// What a process gives up before it meets a peer's bytes: root, the way back (no_new_privs), every right
// to files (Landlock), and every system call it does not need (seccomp; a denied one ends the process,
// and the master replaces it).
#pragma once

#include <weir/result.h>

#include "process/setup.h"

#include <cstdint>

namespace weir::process {

/// Raises RLIMIT_NOFILE to at least `wanted` if the hard limit allows; returns what holds now.
std::uint64_t raise_descriptor_limit(std::uint64_t wanted);

/// Gives up what this role does not need.  Afterwards nothing can be opened (the writer apart, which
/// gets its files from the master too).
Result<void> lock_down(const Setup& setup);

// The same in two steps, for who starts a thread in between: a thread takes over user and files, and the
// filter of system calls is put on all of them.

Result<void> drop_rights(const Setup& setup);
Result<void> deny_calls(const Setup& setup);

}  // namespace weir::process
