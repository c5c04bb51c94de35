// SPDX-License-Identifier: Apache-2.0
//
// Where a request wants to go: the four forms of its target together with Host (RFC 9112 §3.2),
// which must not contradict each other.
#pragma once

#include <weir/arena.h>
#include <weir/message.h>

#include "http/failure.h"

namespace weir::http {

/// Sets authority, host, both forms of the path, and query from head.target and the Host field.  Returns
/// Failure::None, RequestTarget or RequestHost; then what was understood before is set all the same.
/// The target and Host stay as they were received; what differs is copied into the arena.
Failure understand_target(RequestHead& head, Arena& arena);

}  // namespace weir::http
