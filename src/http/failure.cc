// SPDX-License-Identifier: Apache-2.0
//
// The table itself.  Error types are those of RFC 9209 §2.3; where none fits exactly, the nearest.
#include "http/failure.h"

#include <array>
#include <cstddef>

namespace weir::http {

namespace {

using enum Failure;
constexpr auto count = static_cast<std::size_t>(Count);

struct Row {
  Failure failure;
  FailureTraits traits;
};

constexpr std::array<Row, count> rows = {{
    {None, {"none", "", 0, Blame::Nobody, Again::No, "Nothing failed."}},

    {RequestSyntax,
     {"request_syntax", "http_request_error", 400, Blame::Client, Again::No,
      "The request is malformed."}},
    {RequestFraming,
     {"request_framing", "http_request_error", 400, Blame::Client, Again::No,
      "The length of the request body is ambiguous or malformed."}},
    {RequestHost,
     {"request_host", "http_request_error", 400, Blame::Client, Again::No,
      "The Host field is missing, repeated, malformed, or contradicts the target."}},
    {RequestTarget,
     {"request_target", "http_request_error", 400, Blame::Client, Again::No,
      "The request target cannot be interpreted safely."}},
    {RequestProtectedField,
     {"request_protected_field", "http_request_error", 400, Blame::Client, Again::No,
      "The Connection field names a field that must not be removed."}},
    {RequestLineTooLong,
     {"request_line_too_long", "http_request_error", 414, Blame::Client, Again::No,
      "The request line is too long."}},
    {RequestHeadTooLarge,
     {"request_head_too_large", "http_request_error", 431, Blame::Client, Again::No,
      "The header fields are too many or too large."}},
    {RequestBodyTooLarge,
     {"request_body_too_large", "http_request_error", 413, Blame::Client, Again::No,
      "The request body is larger than allowed."}},
    {RequestCodingUnknown,
     {"request_coding_unknown", "http_request_error", 501, Blame::Client, Again::No,
      "The transfer coding of the request is not implemented."}},
    {RequestVersion,
     {"request_version", "http_request_error", 505, Blame::Client, Again::No,
      "The HTTP version is not supported."}},
    {RequestExpectation,
     {"request_expectation", "http_request_error", 417, Blame::Client, Again::No,
      "The expectation in the Expect field is not known."}},
    {RequestHeaderTimeout,
     {"request_header_timeout", "http_request_error", 408, Blame::Client, Again::No,
      "The header of the request did not arrive in time."}},
    {RequestBodyTimeout,
     {"request_body_timeout", "http_request_error", 408, Blame::Client, Again::No,
      "The body of the request did not arrive in time."}},
    {EarlyData,
     {"early_data", "http_request_denied", 425, Blame::Nobody, Again::No,
      "The request may have been replayed; send it again after the handshake."}},
    {RequestMisdirected,
     {"request_misdirected", "http_request_error", 421, Blame::Client, Again::No,
      "This connection was opened for another name; send the request on one of its own."}},
    {RequestTimeout,
     {"request_timeout", "http_response_timeout", 504, Blame::Nobody, Again::No,
      "The request as a whole took longer than allowed."}},
    {DrainTimeout,
     {"drain_timeout", "connection_terminated", 503, Blame::Nobody, Again::No,
      "The server leaves service, and the request took longer than that may."}},
    {ClientGone,
     {"client_gone", "connection_terminated", 499, Blame::Client, Again::No,
      "The client closed the connection before the answer."}},
    {ClientSendTimeout,
     {"client_send_timeout", "connection_write_timeout", 0, Blame::Client, Again::No,
      "The client does not read the answer."}},

    {NoRoute,
     {"no_route", "destination_not_found", 404, Blame::Nobody, Again::No,
      "No route matches the request."}},
    {Denied,
     {"denied", "http_request_denied", 0, Blame::Nobody, Again::No,
      "A route closes this connection without an answer."}},
    {NoServer,
     {"no_server", "destination_unavailable", 503, Blame::Server, Again::No,
      "No server is available."}},
    {QueueFull,
     {"queue_full", "connection_limit_reached", 503, Blame::Server, Again::No,
      "All servers are busy and the queue is full."}},
    {QueueTimeout,
     {"queue_timeout", "connection_limit_reached", 503, Blame::Server, Again::No,
      "All servers stayed busy for too long."}},

    {ConnectRefused,
     {"connect_refused", "connection_refused", 502, Blame::Server, Again::Safe,
      "The server refused the connection."}},
    {ConnectTimeout,
     {"connect_timeout", "connection_timeout", 504, Blame::Server, Again::Safe,
      "The server did not accept the connection in time."}},
    {ConnectFailed,
     {"connect_failed", "destination_ip_unroutable", 502, Blame::Server, Again::Safe,
      "No connection to the server could be made."}},
    {NameUnresolved,
     {"name_unresolved", "dns_error", 502, Blame::Server, Again::Safe,
      "The name of the server has no address."}},
    {TlsProtocol,
     {"tls_protocol", "tls_protocol_error", 502, Blame::Server, Again::Safe,
      "The TLS handshake with the server failed."}},
    {TlsCertificate,
     {"tls_certificate", "tls_certificate_error", 502, Blame::Server, Again::Safe,
      "The server's certificate is not to be trusted."}},
    {TlsAlert,
     {"tls_alert", "tls_alert_received", 502, Blame::Server, Again::Safe,
      "The server refused the TLS handshake."}},
    {ServerClosed,
     {"server_closed", "connection_terminated", 502, Blame::Server, Again::IfIdempotent,
      "The server closed the connection before it answered."}},
    {ServerReset,
     {"server_reset", "connection_terminated", 502, Blame::Server, Again::IfIdempotent,
      "The server reset the connection before it answered."}},
    {ResponseSyntax,
     {"response_syntax", "http_protocol_error", 502, Blame::Server, Again::No,
      "The answer of the server is malformed."}},
    {ResponseFraming,
     {"response_framing", "http_protocol_error", 502, Blame::Server, Again::No,
      "The length of the server's answer is ambiguous or malformed."}},
    {ResponseHeadTooLarge,
     {"response_head_too_large", "http_response_header_section_size", 502, Blame::Server, Again::No,
      "The header fields of the server's answer are too many or too large."}},
    {ResponseTruncated,
     {"response_truncated", "http_response_incomplete", 502, Blame::Server, Again::No,
      "The server closed the connection in the middle of its answer."}},
    {ResponseCodingUnknown,
     {"response_coding_unknown", "http_response_transfer_coding", 502, Blame::Server, Again::No,
      "The transfer coding of the server's answer is not known."}},
    {ResponseInterimFlood,
     {"response_interim_flood", "http_protocol_error", 502, Blame::Server, Again::No,
      "The server sent too many interim answers."}},
    {UpgradeRefused,
     {"upgrade_refused", "http_upgrade_failed", 502, Blame::Server, Again::No,
      "The server switched protocols although nobody had asked."}},
    {UpgradeUnknown,
     {"upgrade_unknown", "http_upgrade_failed", 502, Blame::Nobody, Again::No,
      "The HTTP/2 server does not let others open tunnels."}},
    {NotHttp2,
     {"protocol_mismatch", "http_protocol_error", 502, Blame::Server, Again::Safe,
      "The server does not speak HTTP/2."}},
    {StreamRefused,
     {"stream_refused", "connection_limit_reached", 503, Blame::Server, Again::Elsewhere,
      "The server has refused to look at the request."}},
    {StreamReset,
     {"stream_reset", "http_response_incomplete", 502, Blame::Server, Again::No,
      "The server has reset the stream before its answer was complete."}},
    {NeedsHttp11,
     {"protocol_refused", "http_protocol_error", 502, Blame::Server, Again::Elsewhere,
      "The server wants the request over HTTP/1.1."}},
    {ServerAbuse,
     {"server_abuse", "http_protocol_error", 502, Blame::Server, Again::IfIdempotent,
      "The server sent too many HTTP/2 frames that have no use."}},
    {ServerSilent,
     {"server_silent", "connection_timeout", 504, Blame::Server, Again::IfIdempotent,
      "The server did not answer when asked whether the connection is alive."}},
    {FirstByteTimeout,
     {"first_byte_timeout", "http_response_timeout", 504, Blame::Server, Again::No,
      "The server did not begin to answer in time."}},
    {ReadTimeout,
     {"read_timeout", "connection_read_timeout", 504, Blame::Server, Again::No,
      "The server stopped in the middle of its answer."}},

    {FilterFailed,
     {"filter_failed", "proxy_internal_error", 500, Blame::Weir, Again::No, "A filter failed."}},
    {Quarantined,
     {"quarantined", "http_request_denied", 403, Blame::Weir, Again::No,
      "Requests like this one have crashed the proxy."}},
    {Overloaded,
     {"overloaded", "proxy_internal_response", 503, Blame::Weir, Again::No,
      "The proxy is overloaded."}},
    {Shutdown,
     {"shutdown", "proxy_internal_response", 503, Blame::Weir, Again::No,
      "The proxy is shutting down."}},
}};

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < count; ++i)
    if (static_cast<std::size_t>(rows[i].failure) != i) return false;
  return true;
}
static_assert(is_in_order(), "the rows stand in the order of the enumerators");

}  // namespace

const FailureTraits& traits(Failure failure) {
  return rows[static_cast<std::size_t>(failure)].traits;
}

}  // namespace weir::http
