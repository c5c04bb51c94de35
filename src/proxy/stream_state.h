// SPDX-License-Identifier: Apache-2.0
//
// StreamState: what the parts of one stream all work with: the request, the answer it has so far, and what is known about
// both.  The parts keep to themselves whatever else they need.
#pragma once

#include "proxy/context.h"
#include "proxy/filter_run.h"
#include "proxy/record.h"
#include "proxy/route_policy.h"

#include <memory>

namespace weir::proxy {

class ClientSide;

struct StreamState {
  StreamState(Context& its_context, ClientSide& its_client, std::uint64_t begun);
  StreamState(const StreamState&) = delete;
  StreamState& operator=(const StreamState&) = delete;

  /// The way of a body through filters; null if none wants to see it.
  BodyPipe* pipe(Direction direction) const { return filters ? filters->pipe(direction) : nullptr; }

  Context& context;
  ClientSide& client;
  Arena arena;
  Record record;
  RequestHead* request = nullptr;      ///< null until there is one that could be understood
  RequestHead* partial = nullptr;      ///< what is known before, or of one that cannot; may be null
  const Received* received = nullptr;  ///< once a filter has asked for it
  /// Why it was refused before its filters were asked.
  http::Failure refusal = http::Failure::None;
  ResponseHead* response = nullptr;    ///< of the answer that is under way
  const net::Address* sender;          ///< the peer, or who a trusted peer says it speaks for
  PolicyPin policy;                    ///< kept over a reload
  std::unique_ptr<FilterRun> filters;  ///< null if its route has none
};

}  // namespace weir::proxy
