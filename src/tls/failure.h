// SPDX-License-Identifier: Apache-2.0
//
// Why a TLS handshake or connection failed, in few classes, for metrics and logs.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::tls {

enum class Failure : std::uint8_t {
  None,
  Closed,       ///< the other side went away during the handshake
  Timeout,      ///< it took too long
  NotTls,       ///< what came is no TLS
  Version,      ///< no version in common
  Terms,        ///< no cipher, group or signature in common
  Alpn,         ///< no protocol in common
  Certificate,  ///< the other side's certificate is missing, or not to be trusted
  Alert,        ///< the other side refused, and said so
  Protocol,     ///< anything else
  Count
};

/// "closed", "timeout", "not_tls" ...
std::string_view name_of(Failure failure);

}  // namespace weir::tls
