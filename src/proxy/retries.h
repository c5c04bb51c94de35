// SPDX-License-Identifier: Apache-2.0
//
// Retries: whether a request may be tried once more after an attempt at a server came to nothing, and which servers it has
// been to.  What may never happen: that a server acts twice on a request whose method does not allow it.
#pragma once

#include "config/config.h"
#include "http/failure.h"
#include "upstream/server.h"

#include <cstdint>
#include <span>
#include <vector>

namespace weir::proxy {

/// What is known when an attempt has failed.
struct LastAttempt {
  const config::Retry& policy;
  std::uint32_t attempts;  ///< so far, this one included
  bool is_reused;          ///< it took a connection that had carried a request before
  bool is_idempotent;      ///< the request's method is
  bool can_replay;         ///< all that was sent can be sent again, and the client has got nothing
};

class Retries {
 public:
  /// Servers that are not to be asked again.
  std::span<upstream::Server* const> tried() const { return tried_; }

  /// It failed: true if there may be another attempt, then at another server where that one was at fault.
  bool allow(http::Failure failure, const LastAttempt& last, upstream::Server& server);

  /// It was answered with a status: true if the policy wants another server to be asked, which `leave` says is done.
  bool allow(std::uint16_t status, const LastAttempt& last) const;
  void leave(upstream::Server& server) { tried_.push_back(&server); }

 private:
  /// Attempts that count: what no server has looked at does not.
  std::uint32_t counted(const LastAttempt& last) const { return last.attempts - refusals_; }

  std::vector<upstream::Server*> tried_;
  std::uint8_t refusals_ = 0;  ///< by servers that have not looked at it
};

}  // namespace weir::proxy
