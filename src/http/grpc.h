// SPDX-License-Identifier: Apache-2.0
//
// The little of gRPC that a proxy has to know (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md): which requests
// are calls, how long they may take, and how to say that one has failed.
#pragma once

#include <weir/message.h>

#include "http/failure.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::http {

/// The request is a call: its Content-Type is application/grpc, or begins with that and '+' or ';'.
bool is_grpc(const RequestHead& head);

/// The value of grpc-timeout in microseconds (at least 1); nothing if it is not there or malformed.
std::optional<std::uint64_t> grpc_timeout(const RequestHead& head);

/// The status code of a call that ended with this failure.
int grpc_status(Failure failure);

/// The status code that corresponds to an HTTP status (doc/http-grpc-status-mapping.md), but for 429: who is over a limit is told
/// RESOURCE_EXHAUSTED, which does not make clients try again at once.
int grpc_status(std::uint16_t http_status);

}  // namespace weir::http
