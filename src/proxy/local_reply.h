// SPDX-License-Identifier: Apache-2.0
//
// Responses that weir makes itself: error pages, `respond`, `redirect`, `metrics`, `ready`.
#pragma once

#include "proxy/metric_names.h"
#include "proxy/record.h"
#include "shm/segment.h"

namespace weir::proxy {

/// A response whose head and body live in the stream's arena.  Its Date is added when it is sent.
struct LocalReply {
  ResponseHead* head = nullptr;
  std::string_view body;
};

/// A small page, HTML or JSON by the request's Accept, with the failure in words, and Proxy-Status.
LocalReply make_failure_reply(const Record& record, http::Failure failure, Arena& arena);

/// The same for a gRPC call: 200 with grpc-status and grpc-message, and no body.
LocalReply make_grpc_reply(http::Failure failure, Arena& arena);

/// The same with a status code and a text of somebody else.
LocalReply make_grpc_reply(int status, std::string_view message, Arena& arena);

/// What ends a gRPC call whose answer has begun: grpc-status, grpc-message and Proxy-Status, in `arena`.
void add_grpc_status(Headers& fields, http::Failure failure, Arena& arena);

/// `respond STATUS "text"`.
LocalReply make_text_reply(std::uint16_t status, std::string_view text, Arena& arena);

/// `redirect STATUS URL`; the URL must be safe to stand in a field.
LocalReply make_redirect(std::uint16_t status, std::string_view url, Arena& arena);

/// `metrics`: all that has been counted, as Prometheus text.
LocalReply make_metrics_reply(MetricNames names, const shm::Segment& segment, Arena& arena);

/// What weir answers to TRACE or OPTIONS as the final recipient (RFC 9110 §7.6.2): TRACE shows the request as it
/// was received, but for the client's secrets; OPTIONS gets 200 without content.
LocalReply make_final_reply(const RequestHead& request, Arena& arena);

/// `ready`: 200, or 503 with the reason (empty = ready); never cached.
LocalReply make_ready_reply(std::string_view why_not, Arena& arena);

}  // namespace weir::proxy
