// SPDX-License-Identifier: Apache-2.0
#include "tls/failure.h"

#include <array>
#include <cstddef>

namespace weir::tls {

std::string_view name_of(Failure failure) {
  constexpr std::array<std::string_view, static_cast<std::size_t>(Failure::Count)> names = {
      "none",  "closed", "timeout",     "not_tls", "version",
      "terms", "alpn",   "certificate", "alert",   "protocol"};
  return names[static_cast<std::size_t>(failure)];
}

}  // namespace weir::tls
