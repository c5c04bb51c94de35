// SPDX-License-Identifier: Apache-2.0
#include "proxy/retries.h"

#include <algorithm>

namespace weir::proxy {

namespace {

constexpr std::uint8_t most_refusals = 3;

}  // namespace

bool Retries::allow(http::Failure failure, const LastAttempt& last, upstream::Server& server) {
  switch (http::traits(failure).again) {
    case http::Again::No: return false;
    case http::Again::Safe:
      if (!last.policy.on_connect_error || counted(last) > last.policy.attempts) return false;
      leave(server);
      return true;
    case http::Again::Elsewhere: return last.can_replay && ++refusals_ <= most_refusals;
    case http::Again::IfIdempotent: break;
  }
  // A pooled connection that the server closed meanwhile: its timer raced our request.
  return last.is_reused && last.is_idempotent && last.can_replay;
}

bool Retries::allow(std::uint16_t status, const LastAttempt& last) const {
  const auto& again = last.policy.on_status;
  return !again.empty() && counted(last) <= last.policy.attempts && last.is_idempotent &&
         last.can_replay && std::find(again.begin(), again.end(), status) != again.end();
}

}  // namespace weir::proxy
