// SPDX-License-Identifier: Apache-2.0
//
// The two kinds of message heads as weir understood them, once, for everybody: routing, filters,
// forwarding and logs all see these values and never parse again.  All texts are views into the
// stream's arena and live as long as the stream.
#pragma once

#include <weir/headers.h>
#include <weir/protocol.h>

#include <cstdint>
#include <string_view>

namespace weir {

enum class Method : std::uint8_t {
  Other,
  Get,
  Head,
  Post,
  Put,
  Delete,
  Connect,
  Options,
  Trace,
  Patch
};

/// How the end of a body is known (RFC 9112 §6.3).
enum class BodyEnd : std::uint8_t {
  None,     ///< there is no body
  Length,   ///< after `length` bytes
  Chunked,  ///< by the last chunk; in HTTP/2 by END_STREAM
  Close     ///< when the connection ends; responses only
};

struct Framing {
  BodyEnd end = BodyEnd::None;
  std::uint64_t length = 0;  ///< bytes; meaningful only for BodyEnd::Length
};

/// What the heads of both kinds have in common.
struct MessageHead {
  Headers headers;
  Framing framing;
  /// What it came by.  1.2 to 1.9 are 1.1, by which they have to be understood (RFC 9110 §2.5); a request that is
  /// refused for its version came by 1.1.
  Protocol protocol = Protocol::Http11;
  std::uint16_t dropped_fields = 0;  ///< fields with `_` in their name, which are not passed on
  bool keep_alive = true;            ///< the sender allows another message after this one
};

struct RequestHead : MessageHead {
  Method method = Method::Other;
  std::string_view received;  ///< all of the head as it came, start line to empty line
  std::string_view method_text;
  std::string_view target;     ///< as received, in whichever form (RFC 9112 §3.2)
  std::string_view authority;  ///< host[:port] as received in Host (or the absolute target)
  std::string_view host;       ///< lower case, without port and trailing dot; for matching
  /// The plain reading of the target's path: dot segments resolved, unreserved characters decoded, other
  /// escapes in capitals (RFC 3986 §6.2.2).  What is matched; no filter changes it.
  std::string_view path;
  /// What goes to a server: the path as received but for dot segments, until a filter rewrites it.
  std::string_view forward_path;
  std::string_view query;  ///< after '?', without it; empty if none
  bool has_query = false;  ///< tells "/a?" from "/a"
  /// Servers may read forward_path differently from path: it holds '%', '\', ';' or "//".
  bool has_path_readings = false;
  bool expects_continue = false;
  bool wants_upgrade = false;  ///< Upgrade with Connection: upgrade, or CONNECT
};

struct ResponseHead : MessageHead {
  std::uint16_t status = 0;  ///< 100–599
  std::string_view reason;   ///< as received; may be empty
  bool is_interim() const { return status < 200 && status != 101; }
};

}  // namespace weir
