// SPDX-License-Identifier: Apache-2.0
//
// The `tls` blocks of listeners and backends: which files they name, read here so that they are part of
// the bundle, and what must hold between clients or servers and weir.  Whether certificates and keys fit
// together is not for this room: see tls/.
#pragma once

#include "config/config.h"
#include "config/parser.h"
#include "config/statements.h"

#include <span>
#include <string_view>

namespace weir::config {

/// Where distributions keep the certificates of the authorities they trust.
std::span<const std::string_view> system_root_files();

ListenerTls build_listener_tls(const Directive& directive, const Scope& scope);
BackendTls build_backend_tls(const Directive& directive, const Scope& scope);

/// Whether there is something that says who a server at this address is, if that is to be verified.
bool can_be_verified(const BackendTls& tls, const Endpoint& at);

}  // namespace weir::config
