// SPDX-License-Identifier: Apache-2.0
//
// Fingerprint: what makes two requests alike for the purpose of refusing one that has crashed a worker:
// method, target without query, Host, and the names of all fields, whatever their order and values.  It
// is worked out from the head as it was received, so it is the same in the end as in the beginning.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::http {

/// The fingerprint of a head (start line to empty line) that was understood, at that listener; never 0.
/// Neither allocates nor calls the system: a signal handler may ask.
std::uint64_t fingerprint(std::string_view head, std::string_view listener);

}  // namespace weir::http
