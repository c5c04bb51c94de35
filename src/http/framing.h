// SPDX-License-Identifier: Apache-2.0
//
// Decides how long a message body is, once, from the head alone.  Every smuggling attack is a
// disagreement about this answer, so no other file may have an opinion.  RFC 9112 §6.
#pragma once

#include <weir/message.h>

#include "http/failure.h"

namespace weir::http {

/// An answer with this status has no body, and no length is said of it (RFC 9110 §8.6, §15.4.5: what a 304 may say of the
/// length only the origin knows).
constexpr bool has_no_content(std::uint16_t status) { return status == 204 || status == 304; }

/// Sets head.framing, or says why the byte stream cannot be trusted (RequestFraming, 400): both
/// Content-Length and Transfer-Encoding, repeated or malformed lengths, a final coding other than
/// chunked, chunked in HTTP/1.0, a body of CONNECT or TRACE.  RequestCodingUnknown (501): a coding that weir
/// does not implement stands before a final chunked (RFC 9112 §6.1).
Failure frame_request(RequestHead& head);

/// The same for a response to `request`: HEAD, CONNECT (2xx), 1xx, 204 and 304 have no body.  Clears
/// head.keep_alive where the end of the connection is the end of the body, or where the server
/// contradicts itself.
Failure frame_response(ResponseHead& head, Method request);

}  // namespace weir::http
