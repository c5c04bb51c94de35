// SPDX-License-Identifier: Apache-2.0
//
// Routing: who a request comes from, which route it takes, and whether it may take it: before filters, and after them.
#pragma once

#include <weir/arena.h>
#include <weir/message.h>

#include "http/failure.h"
#include "proxy/route_policy.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace weir::proxy {

struct StreamState;

/// A path that a filter has made goes out as one that a client has sent: without dot segments, and hiding none.  `entered`:
/// forward_path as it was before the filters; nothing is looked at if it is still that.
http::Failure check_path(RequestHead& request, std::string_view entered, config::PathCheck check,
                         Arena& arena);

class Routing {
 public:
  explicit Routing(StreamState& state) : state_(state) {}

  /// A head has come: who sent it, and whether any route may serve it.
  http::Failure admit();
  /// Finds its route, whose policy is the stream's from now on, and whether it is to be served at all.
  http::Failure take();
  /// A route that filters may change the path from is about to ask them.
  void enter();
  /// What filters have made of the path since then; see above.
  http::Failure check_path();
  /// Other routes are to look at the path that filters have made; false if that happens for ever.
  bool may_begin_again();
  /// Its like has crashed workers.
  bool is_quarantined() const;
  /// It has no route: the listener's own policy holds, for its answer.  False if there is none.
  bool take_unrouted();

 private:
  void identify();
  bool is_misdirected() const;

  StreamState& state_;
  /// Those of routes it was sent away from: what their filters have set refers to them.
  std::vector<PolicyPin> former_;
  std::string_view entered_path_;  ///< forward_path before the filters
  std::uint8_t again_ = 0;
};

}  // namespace weir::proxy
