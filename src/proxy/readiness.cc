// SPDX-License-Identifier: Apache-2.0
#include "proxy/readiness.h"

#include "shm/drain.h"

namespace weir::proxy {

using shm::DrainPhase;

std::string_view why_not_ready(const shm::Segment& segment) {
  const shm::Drain drain(segment);
  if (drain.ending() != DrainPhase::Serving) return "weir is shutting down";
  if (drain.order(shm::Drain::instance).phase != DrainPhase::Serving) return "weir is drained";
  return {};
}

std::string_view why_not_ready(const shm::Segment& segment, std::uint32_t listener) {
  if (std::string_view why = why_not_ready(segment); !why.empty()) return why;
  const shm::Drain drain(segment);
  DrainPhase phase = drain.order(shm::Drain::of_listener(listener)).phase;
  return phase != DrainPhase::Serving ? "the listener is drained" : "";
}

}  // namespace weir::proxy
