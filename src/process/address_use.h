// SPDX-License-Identifier: Apache-2.0
//
// Address use: whether another process listens on an address that is about to be bound.  With SO_REUSEPORT the kernel lets
// two instances of one user share an address, each with a part of the clients; that must not happen by mistake.  A bind
// without that option tells whether there is anybody, and /proc who it is.
#pragma once

#include "net/address.h"

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

namespace weir::process {

struct AddressUse {
  bool is_used = false;        ///< somebody listens there
  pid_t by = 0;                ///< a process that is no worker of ours; 0 = none was seen
  std::string command;         ///< its name
  std::vector<pid_t> orphans;  ///< workers whose master has died
};

/// Looks for processes that listen on a TCP address or on one that overlaps it.  `own`: numbers (st_ino) of sockets that do
/// not count.
AddressUse look_for_use(const net::Address& address, const std::set<ino_t>& own);

/// Why the address must not be bound, or nothing.  `note` is what is to be said if it may be bound all the same.
std::string objection(const AddressUse& use, bool has_lock, std::string& note);

/// What is to be said of an address that is shared on purpose, or nothing: the other one may not know of it.
std::string sharing(const AddressUse& use);

}  // namespace weir::process
