// SPDX-License-Identifier: Apache-2.0
//
// The answer comes from at most one Content-Length or one Transfer-Encoding; RFC 9112 §6.3 allows
// recipients to repair more than that, and each repairs it differently.
#include "http/framing.h"

#include "base/characters.h"
#include "base/cursor.h"
#include "http/field.h"

#include <algorithm>
#include <optional>

namespace weir::http {

namespace {

// The failures of one side.
struct Refusal {
  Failure ambiguous;
  Failure unfinished;  // the last coding is not chunked
  Failure unknown;     // a coding that weir does not implement, below a final chunked
};

std::optional<std::uint64_t> parse_length(std::string_view text) {
  constexpr std::size_t digits_of_2_63 = 19;
  if (text.empty() || text.size() > digits_of_2_63) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > INT64_MAX) return std::nullopt;
  return value;
}

// Why a Transfer-Encoding other than exactly "chunked" is refused (RFC 9112 §6.3, item 4, and §6.1).
// Without a final chunked nobody can tell where a request ends.  Other codings before it are merely
// not implemented; but chunked twice, with parameters, or next to an empty element is a trick.
Failure refuse_coding(std::string_view list, const Refusal& refusal) {
  while (true) {
    const std::size_t end = find_or_end(list, ',');
    const std::string_view coding = trim(list.substr(0, end));
    const std::string_view name = trim(coding.substr(0, coding.find(';')));
    const bool is_last = end == list.size();
    if (!is_token(name)) return refusal.ambiguous;
    const bool is_chunked = iequals(name, "chunked");
    if (is_last && !is_chunked) return refusal.unfinished;
    if (is_chunked && (!is_last || name.size() != coding.size())) return refusal.ambiguous;
    if (is_last) return refusal.unknown;
    list.remove_prefix(end + 1);
  }
}

// Framing by the fields alone; BodyEnd::None if they say nothing.
Failure frame_by_fields(MessageHead& head, const Refusal& refusal) {
  head.framing = {};
  const bool has_length = head.headers.has(FieldName::ContentLength);
  const bool has_coding = head.headers.has(FieldName::TransferEncoding);
  if (!has_length && !has_coding) return Failure::None;
  if (has_length && has_coding) return refusal.ambiguous;

  const FieldName id = has_length ? FieldName::ContentLength : FieldName::TransferEncoding;
  const Field* field = head.headers.find(id);
  if (std::any_of(field + 1, head.headers.end(), [id](const Field& f) { return f.id == id; }))
    return refusal.ambiguous;
  if (has_length) {
    const std::optional<std::uint64_t> length = parse_length(field->value);
    if (!length) return refusal.ambiguous;
    head.framing = {BodyEnd::Length, *length};
    return Failure::None;
  }
  if (head.protocol == Protocol::Http10) return refusal.ambiguous;
  if (!iequals(field->value, "chunked")) return refuse_coding(field->value, refusal);
  head.framing = {BodyEnd::Chunked, 0};
  return Failure::None;
}

bool has_body(const Framing& framing) {
  return framing.end == BodyEnd::Chunked || (framing.end == BodyEnd::Length && framing.length > 0);
}

}  // namespace

Failure frame_request(RequestHead& head) {
  const Failure failure = frame_by_fields(
      head, {Failure::RequestFraming, Failure::RequestFraming, Failure::RequestCodingUnknown});
  if (failure != Failure::None) return failure;
  // RFC 9110 §9.3.8.
  if (head.method == Method::Trace && has_body(head.framing)) return Failure::RequestFraming;
  // Bytes behind CONNECT belong to the tunnel; other recipients would take a body for its beginning.
  if (head.method == Method::Connect) {
    if (has_body(head.framing)) return Failure::RequestFraming;
    head.framing = {};
    head.headers.remove(FieldName::ContentLength);
  }
  return Failure::None;
}

Failure frame_response(ResponseHead& head, Method request) {
  const Failure failure = frame_by_fields(
      head,
      {Failure::ResponseFraming, Failure::ResponseCodingUnknown, Failure::ResponseCodingUnknown});
  if (failure != Failure::None) return failure;
  const bool is_tunnel = request == Method::Connect && head.status / 100 == 2;
  const bool never_has_body = head.status < 200 || head.status == 204 || is_tunnel;
  if (never_has_body || head.status == 304 || request == Method::Head) {
    // A server that announces a body where there cannot be one may well send it: nothing that
    // follows on this connection is a response any more.
    if (never_has_body && has_body(head.framing)) head.keep_alive = false;
    if (is_tunnel) head.headers.remove(FieldName::ContentLength);
    head.framing = {};
  } else if (head.framing.end == BodyEnd::None) {
    head.framing = {BodyEnd::Close, 0};
    head.keep_alive = false;
  }
  return Failure::None;
}

}  // namespace weir::http
