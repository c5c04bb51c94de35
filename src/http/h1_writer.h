// SPDX-License-Identifier: Apache-2.0
//
// Heads to bytes.  What is written comes from the parsed form only, never from the bytes received,
// so that the next parser has no choice; a run of neighbouring canonical fields goes out as one copy,
// which is the same bytes.  Hop-by-hop fields never pass (RFC 9110 §7.6.1): Connection, what it
// names, Keep-Alive, Proxy-Connection, TE (but `trailers`), Transfer-Encoding, Upgrade, and also
// Content-Length and Expect, which are written anew from the framing and the stream's state.
#pragma once

#include <weir/message.h>

#include <cstddef>
#include <string_view>

namespace weir::http {

/// What the writer adds of its own.
struct WriteOptions {
  Framing framing{};        ///< how the body will be delimited on this connection
  bool close = false;       ///< say Connection: close
  bool keep_alive = false;  ///< say Connection: keep-alive (to an HTTP/1.0 client)
  /// Say Connection: upgrade and Upgrade: this: a request for it, 101, or 426 (RFC 9110 §7.8, §15.5.22).
  std::string_view upgrade{};
  bool expect_continue = false;  ///< requests only
  bool te_trailers = false;      ///< requests only: the client accepts trailers
};

/// Room that a head needs at most.
std::size_t request_size(const RequestHead& head);
std::size_t response_size(const ResponseHead& head);

/// Writes "METHOD path?query HTTP/1.1", the Host, the fields that pass, the framing; ends with the
/// empty line.  Returns the bytes written; `out` has room for request_size(head).
/// The target is head.forward_path with head.query; head.target for OPTIONS * and CONNECT.
std::size_t write_request(char* out, const RequestHead& head, const WriteOptions& options);

/// The same for "HTTP/1.1 STATUS REASON"; with framing None and status 204/304/1xx or an answer to
/// HEAD, the head's own Content-Length is kept if it has one (RFC 9110 §8.6) but for 1xx and 204.
std::size_t write_response(char* out, const ResponseHead& head, const WriteOptions& options);

/// Room for and bytes of "0\r\n" trailers "\r\n".
std::size_t trailers_size(const Headers& trailers);
std::size_t write_last_chunk(char* out, const Headers& trailers);

/// The standard reason phrase of a status, or "".
std::string_view reason_phrase(std::uint16_t status);

}  // namespace weir::http
