// SPDX-License-Identifier: Apache-2.0
//
// What the policies of a route would do with a request, told by their own factories: a row for each statement, in the order in
// which the request meets them.
#pragma once

#include "admin/story.h"
#include "http/failure.h"
#include "proxy/filter_preview.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace weir::admin {

/// How the request leaves the policies.
struct Passed {
  http::Failure failure = http::Failure::None;  ///< why what they have made of it is refused
  const config::Policy* by = nullptr;           ///< the one that has answered; null: none has
  std::uint16_t status = 0;                     ///< with which; 0 = the connection is closed
  std::string why;
};

/// Of those that the request meets first at the backend with `place` others before it in the route's chain; 0 is the one that the
/// route names, or none.  Changes the request as they would.
Passed tell_policies(const Fleet& fleet, const config::Listener& listener,
                     const config::Route& route, std::size_t place, proxy::FilterPreview& preview,
                     Story& story);

}  // namespace weir::admin
