// SPDX-License-Identifier: Apache-2.0
#include "proxy/stream_phase.h"

namespace weir::proxy {

std::string_view name_of(Phase phase) {
  static constexpr std::string_view names[phases] = {"receive", "route", "request", "choose",
                                                     "connect", "send",  "await",   "respond",
                                                     "relay",   "finish"};
  return names[static_cast<std::size_t>(phase)];
}

}  // namespace weir::proxy
