// SPDX-License-Identifier: Apache-2.0
//
// The table of failures: everything that can end a request badly, once, with its RFC 9209 error
// type, the status the client gets, who is to blame, and whether another try is allowed.  Replies,
// logs, retries (and later metrics and outlier detection) read this table and nothing else.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::http {

enum class Failure : std::uint8_t {
  None,
  // The client's request cannot be understood or is not allowed.
  RequestSyntax,           ///< malformed start line or field
  RequestFraming,          ///< ambiguous or malformed length: the byte stream cannot be trusted
  RequestHost,             ///< missing, repeated, malformed, or disagreeing Host
  RequestTarget,           ///< malformed target, or one with a control character
  AmbiguousPath,           ///< servers may read the path as one of another route
  RequestProtectedField,   ///< Connection names a field that must not be removed
  RequestMethodTooLong,    ///< 501
  RequestLineTooLong,      ///< 414
  RequestHeadTooLarge,     ///< 431
  RequestBodyTooLarge,     ///< 413
  RequestCodingUnknown,    ///< 501
  RequestProtocolUnknown,  ///< 501: a tunnel for a protocol other than WebSocket over HTTP/2
  RequestVersion,          ///< 505
  RequestExpectation,      ///< 417
  MethodNotAllowed,        ///< CONNECT without a route for it: 405
  RequestHeaderTimeout,    ///< 408
  RequestBodyTimeout,      ///< 408
  EarlyData,               ///< sent as early data, and not to be taken as such: 425
  RequestMisdirected,      ///< for a name with another certificate than the connection's: 421
  RequestTimeout,          ///< the whole exchange took too long: 504
  DrainTimeout,            ///< the time of a drain was up before the answer: 503
  ClientGone,              ///< closed or reset before the answer; logged as 499
  ClientSendTimeout,       ///< the client does not read
  // Nobody to ask.
  NoRoute,         ///< 404
  Denied,          ///< action `close`
  ForwardingLoop,  ///< it has been here too often: 502
  NoServer,        ///< no server is available: 503
  QueueFull,       ///< 503
  QueueTimeout,    ///< 503
  // The server failed us.
  ConnectRefused,
  ConnectTimeout,
  ConnectFailed,  ///< unreachable, no descriptors, no ports
  NameUnresolved,
  TlsProtocol,     ///< the handshake with the server failed
  TlsCertificate,  ///< the server is not who it should be
  TlsAlert,        ///< the server refused our handshake
  ServerClosed,    ///< closed before a response byte
  ServerReset,
  ResponseSyntax,
  ResponseFraming,
  ResponseLineTooLong,    ///< beyond the backend's max_line
  ResponseHeadTooLarge,   ///< beyond its max_header
  ResponseTooManyFields,  ///< beyond its max_fields
  ResponseTruncated,      ///< closed inside head or body
  ResponseCodingUnknown,
  ResponseInterimFlood,  ///< too many 1xx, or too large ones
  UpgradeRefused,        ///< 101 nobody asked for
  UpgradeUnproven,       ///< 101 to WebSocket with another Sec-WebSocket-Accept
  UpgradeUnknown,        ///< an HTTP/2 server that lets nobody open tunnels (RFC 8441)
  NotHttp2,              ///< it does not speak HTTP/2, as it should
  StreamRefused,         ///< it has not looked at the request, as it says (RFC 9113 §8.7)
  StreamReset,           ///< it has reset the stream, for another reason than the next three
  StreamCancelled,       ///< it has reset the stream with CANCEL
  StreamThrottled,       ///< it has reset the stream with ENHANCE_YOUR_CALM
  StreamInsecure,        ///< it has reset the stream with INADEQUATE_SECURITY
  PipelineLost,          ///< a connection that it shared with others was given up before its answer
  NeedsHttp11,           ///< it wants this request over HTTP/1.1 (RFC 9113 §7)
  ServerAbuse,           ///< it does what costs it nothing and us something (RFC 9113 §10.5)
  ServerSilent,          ///< it has left a PING without an answer
  ServerSendTimeout,     ///< it does not read the request: 504
  FirstByteTimeout,      ///< 504
  ReadTimeout,           ///< 504, or the connection is cut when the answer has begun
  // Our own limits.
  FilterFailed,          ///< 500
  FilterTimeout,         ///< a filter waited too long for what it had asked for: 504
  FilterAborted,         ///< a filter has broken the connection off
  ResponseBodyTooLarge,  ///< beyond what a filter takes of it: 502
  FilterBreach,  ///< a filter broke its contract, such as Verdict::Respond without an answer: 500
  RegexLimit,    ///< a regular expression gave up before it knew whether it matches: 500
  Quarantined,   ///< its like has crashed workers: 403, so that nobody tries it elsewhere
  Overloaded,    ///< 503
  Shutdown,      ///< 503
  Count
};

enum class Blame : std::uint8_t { Nobody, Client, Server, Weir };

/// May the request be sent again, to another server or over another connection?
enum class Again : std::uint8_t {
  No,
  Safe,       ///< nothing has reached a server
  Elsewhere,  ///< no server has acted on it: over another connection, even to the same server
  IfIdempotent,  ///< a server may have acted on it; only on a reused connection or for idempotent methods
};

struct FailureTraits {
  std::string_view name;   ///< our own word in logs: "connect_refused"
  std::string_view error;  ///< RFC 9209 §2.3 error type: "connection_refused"
  std::uint16_t status;    ///< what the client gets; 0 = the connection is just closed
  Blame blame;
  Again again;
  std::string_view words;        ///< one sentence for log and error page
  std::uint8_t grpc_status = 0;  ///< of gRPC; 0 = follows from `status`, see http/grpc
};

const FailureTraits& traits(Failure failure);

}  // namespace weir::http
