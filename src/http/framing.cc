// SPDX-License-Identifier: Apache-2.0
#include "http/framing.h"

#include <optional>

#include "http/field.h"

namespace weir::http {

namespace {

std::optional<std::uint64_t> parse_length(std::string_view text) {
  if (text.empty() || text.size() > 19) return std::nullopt;
  std::uint64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > INT64_MAX) return std::nullopt;
  return value;
}

// The only field of that name, or null with `repeated` set.
const Field* only(const Headers& headers, FieldName id, bool& repeated) {
  const Field* found = nullptr;
  for (const Field& field : headers) {
    if (field.id != id) continue;
    if (found) repeated = true;
    found = &field;
  }
  return found;
}

struct Kinds {
  Failure ambiguous, unknown;
};

// Framing by the fields alone; BodyEnd::None if they say nothing.
Failure frame_by_fields(MessageHead& head, const Kinds& kinds) {
  if (!head.headers.has(FieldName::ContentLength) && !head.headers.has(FieldName::TransferEncoding))
    return Failure::None;
  bool repeated = false;
  const Field* length = only(head.headers, FieldName::ContentLength, repeated);
  const Field* coding = only(head.headers, FieldName::TransferEncoding, repeated);
  if (repeated || (length && coding)) return kinds.ambiguous;
  if (length) {
    auto bytes = parse_length(length->value);
    if (!bytes) return kinds.ambiguous;
    head.framing = {BodyEnd::Length, *bytes};
    return Failure::None;
  }
  if (head.minor == 0) return kinds.ambiguous;
  if (!iequals(coding->value, "chunked")) {
    // One well-formed name we do not know is an honest question; anything else is a trick.
    return is_token(coding->value) ? kinds.unknown : kinds.ambiguous;
  }
  head.framing = {BodyEnd::Chunked, 0};
  return Failure::None;
}

}  // namespace

Failure frame_request(RequestHead& head) {
  head.framing = {};
  return frame_by_fields(head, {Failure::RequestFraming, Failure::RequestCodingUnknown});
}

Failure frame_response(ResponseHead& head, Method request) {
  head.framing = {};
  Failure failure = frame_by_fields(head, {Failure::ResponseFraming, Failure::ResponseCodingUnknown});
  if (failure != Failure::None) return failure;
  bool tunnel = request == Method::Connect && head.status / 100 == 2;
  if (request == Method::Head || head.status < 200 || head.status == 204 || head.status == 304 || tunnel) {
    head.framing = {};
  } else if (head.framing.end == BodyEnd::None) {
    head.framing = {BodyEnd::Close, 0};
  }
  return Failure::None;
}

}  // namespace weir::http
