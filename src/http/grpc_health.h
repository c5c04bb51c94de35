// SPDX-License-Identifier: Apache-2.0
//
// The messages of grpc.health.v1.Health/Check (github.com/grpc/grpc, doc/health-checking.md): the little of
// protocol buffers that asking one question takes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::http {

inline constexpr std::string_view grpc_health_path = "/grpc.health.v1.Health/Check";

/// The body of the request: a HealthCheckRequest with its prefix.  `service`: below 16 KiB; empty = the server.
std::string grpc_health_request(std::string_view service);

/// The status in the body of an answer, as its name, "SERVING"; nothing if it is not such an answer.
std::optional<std::string_view> grpc_health_status(std::string_view body);

}  // namespace weir::http
