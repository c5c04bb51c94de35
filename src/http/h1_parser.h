// SPDX-License-Identifier: Apache-2.0
//
// Bytes to heads.  Two steps: HeadScanner finds the end of a head, incrementally and in one pass
// however the bytes arrive; parse_request and parse_response then understand the complete head in
// place, in memory that belongs to the stream and may be written to.
//
// There is one interpretation of a message.  Whatever two parsers could read differently is refused:
// RFC 9112 §2.2 (bare CR and LF), §3 (request line), §5 (fields, obs-fold), §6 (lengths).
#pragma once

#include <weir/message.h>

#include "http/failure.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::http {

/// Limits of one head; each stops an attack that sends for ever.
struct HeadLimits {
  std::uint32_t line = 8 * 1024;    ///< bytes of the start line and of one field line
  std::uint32_t total = 32 * 1024;  ///< bytes of the whole head
  std::uint32_t fields = 100;

  bool operator==(const HeadLimits&) const = default;
};

/// Looks for the empty line that ends a head.  Keep one per message and call `scan` with all bytes
/// of the message so far (from the same start) whenever there are more.
class HeadScanner {
 public:
  enum class State : std::uint8_t { Incomplete, Complete, Failed };

  /// Cost is O(new bytes).  A leading empty line (CRLF, at most one pair) before a request line is
  /// counted into the head.  Bare LF, NUL, or a limit exceeded: Failed at once, without waiting.
  /// Of a request line that is too long, the failure names the part that is (RFC 9112 §3).
  State scan(std::span<const char> bytes, const HeadLimits& limits, bool is_request);

  /// The same for a trailer section, which has no start line.
  State scan_trailers(std::span<const char> bytes, const HeadLimits& limits, bool is_request);

  /// After Complete: bytes of the head, including the empty line.
  std::size_t length() const { return position_; }
  /// After Failed: why.
  Failure failure() const { return failure_; }
  /// A byte of a message has been seen.
  bool has_begun() const { return position_ > 0 || begun_; }
  void reset() { *this = HeadScanner(); }

 private:
  enum class Kind : std::uint8_t { Request, Response, Trailers };
  enum class Limit : std::uint8_t { Line, Total, Fields };
  State scan_lines(std::span<const char> bytes, const HeadLimits& limits, Kind kind,
                   bool is_request);
  State fail(Failure failure) {
    failure_ = failure;
    return State::Failed;
  }
  State fail_syntax(bool is_request);
  State fail_limit(Limit limit, bool is_request);
  State fail_request_line(std::span<const char> line);

  std::uint32_t position_ = 0;  ///< start of the line not yet complete
  std::uint32_t scanned_ = 0;   ///< no LF before this
  std::uint16_t lines_ = 0;
  bool begun_ = false;
  Failure failure_ = Failure::None;
};

/// Understands a complete request head (start line to empty line).  `bytes` lie in `arena`, may be
/// changed (lower-cased host, normalised path), and the views in `head` point into them.  All rules
/// that need no configuration are checked here: framing, Host, target, Connection, Expect.
/// Returns Failure::None, or what to answer before closing.
Failure parse_request(std::span<char> bytes, Arena& arena, RequestHead& head);

/// Understands a complete response head.  `request` is the method it answers (HEAD, CONNECT have no
/// body).  Returns Failure::None or a Failure of the Response family.
Failure parse_response(std::span<char> bytes, Arena& arena, Method request, ResponseHead& head);

/// Understands the field lines of a trailer section (without start line, up to and including the
/// empty line); drops the names that may not stand in trailers (RFC 9110 §6.5.1): framing, routing,
/// authentication, request modifiers, and everything hop-by-hop.  Returns Failure::None or one of
/// the Request family, whichever side sent them.
Failure parse_trailers(std::span<char> bytes, Arena& arena, Headers& trailers);

}  // namespace weir::http
