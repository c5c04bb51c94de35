// SPDX-License-Identifier: Apache-2.0
//
// HeadScanner: where does the head end?  Only line ends and limits are looked at.  Whether it fails,
// and why, does not depend on how the bytes were cut into pieces: each limit is a position, and the
// first position at which something is wrong decides.
#include "base/characters.h"
#include "base/cursor.h"
#include "http/field.h"
#include "http/h1_parser.h"
#include "http/search.h"

#include <algorithm>

namespace weir::http {

HeadScanner::State HeadScanner::scan(std::span<const char> bytes, const HeadLimits& limits,
                                     bool is_request) {
  // Most heads come in one piece, and no limit is near.
  if (scanned_ == 0) {
    const std::size_t length = plain_head_length(bytes.data(), bytes.size(), limits.fields + 1);
    if (length > 0 && length <= std::min(limits.line, limits.total)) {
      position_ = static_cast<std::uint32_t>(length);
      return State::Complete;
    }
  }
  return scan_lines(bytes, limits, is_request ? Kind::Request : Kind::Response, is_request);
}

HeadScanner::State HeadScanner::scan_trailers(std::span<const char> bytes, const HeadLimits& limits,
                                              bool is_request) {
  return scan_lines(bytes, limits, Kind::Trailers, is_request);
}

HeadScanner::State HeadScanner::fail_syntax(bool is_request) {
  return fail(is_request ? Failure::RequestSyntax : Failure::ResponseSyntax);
}

HeadScanner::State HeadScanner::fail_limit(Limit limit, bool is_request) {
  if (is_request) return fail(Failure::RequestHeadTooLarge);
  switch (limit) {
    case Limit::Line: return fail(Failure::ResponseLineTooLong);
    case Limit::Fields: return fail(Failure::ResponseTooManyFields);
    case Limit::Total: break;
  }
  return fail(Failure::ResponseHeadTooLarge);
}

// `line`: as much of the request line as the limits allow.
HeadScanner::State HeadScanner::fail_request_line(std::span<const char> line) {
  constexpr std::size_t version_size = 11;  // blank, "HTTP/1.1", CRLF
  const std::string_view text(line.data(), line.size());
  const std::size_t method_end = find_or_end(text, ' ');
  if (!is_token(text.substr(0, method_end))) return fail(Failure::RequestSyntax);
  if (method_end == text.size()) return fail(Failure::RequestMethodTooLong);
  const std::size_t target_end = find_or_end(text, ' ', method_end + 1);
  const bool is_target = target_end + version_size > text.size();
  return fail(is_target ? Failure::RequestLineTooLong : Failure::RequestSyntax);
}

HeadScanner::State HeadScanner::scan_lines(std::span<const char> bytes, const HeadLimits& limits,
                                           Kind kind, bool is_request) {
  const char* const start = bytes.data();
  const char* const end = start + bytes.size();
  // The start line is line 0; a trailer section begins with line 1.
  if (kind == Kind::Trailers && lines_ == 0) lines_ = 1;
  begun_ = begun_ || !bytes.empty();
  for (const char* from = start + scanned_;;) {
    const char* const found = find_line_end(from, end);
    // The last byte that has been looked at, and the first positions that are beyond a limit.
    const std::uint64_t last = static_cast<std::uint64_t>(found - start) - (found == end ? 1 : 0);
    const std::uint64_t line_limit = std::uint64_t{position_} + limits.line + 2;
    const std::uint64_t limit = std::min<std::uint64_t>(line_limit, limits.total);
    if (found != start && last >= limit) {
      if (kind == Kind::Request && lines_ == 0)
        return fail_request_line(bytes.subspan(position_, limit - position_));
      return fail_limit(line_limit <= limits.total ? Limit::Line : Limit::Total, is_request);
    }
    if (found == end) {
      scanned_ = static_cast<std::uint32_t>(bytes.size());
      return State::Incomplete;
    }
    const char* const line = start + position_;
    if (*found == '\0' || found == line || found[-1] != '\r') return fail_syntax(is_request);
    const bool is_empty = found - line == 1;
    const bool is_first = position_ == 0;
    position_ = scanned_ = static_cast<std::uint32_t>(found + 1 - start);
    from = found + 1;
    if (!is_empty) {
      // Line 0 is no field.  Saturates long before it could wrap: see FieldLines::most.
      if (lines_ > std::min<std::uint32_t>(limits.fields, 0xfff0))
        return fail_limit(Limit::Fields, is_request);
      ++lines_;
    } else if (lines_ > 0) {
      return State::Complete;
    } else if (kind != Kind::Request || !is_first) {
      return fail_syntax(is_request);
    }
  }
}

}  // namespace weir::http
