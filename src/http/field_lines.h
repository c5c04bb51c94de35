// SPDX-License-Identifier: Apache-2.0
//
// Field lines: the part that requests, responses and trailers share (RFC 9112 §5), and what the
// Connection field does to the others (RFC 9110 §7.6.1).
#pragma once

#include <span>

#include <weir/message.h>

namespace weir::http {

/// Reads "Name: value" lines up to the empty one into head.headers.  Names with `_` are dropped and
/// counted: servers behind us may take them for the same name with `-`.  False if a line is malformed:
/// no or an invalid name, a blank before the colon, a continuation line, a control in the value.
bool parse_field_lines(std::span<const char> bytes, Arena& arena, MessageHead& head);

/// What Connection (and Proxy-Connection) say.
struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
};

/// Reads the options and removes the fields they name, so that nobody sees them.  False if a field is
/// named whose absence would change the meaning of the message.
bool take_connection_options(Headers& headers, ConnectionOptions& options);

/// False for fields that steer framing, routing, authentication or the connection (RFC 9110 §6.5.1).
bool may_stand_in_trailers(const Field& field);

}  // namespace weir::http
