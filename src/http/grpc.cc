// SPDX-License-Identifier: Apache-2.0
#include "http/grpc.h"

#include "base/characters.h"
#include "http/field.h"

#include <algorithm>

namespace weir::http {

namespace {

constexpr std::string_view type = "application/grpc";

// The codes of gRPC that we have a use for.
enum Code {
  Unknown = 2,
  DeadlineExceeded = 4,
  PermissionDenied = 7,
  ResourceExhausted = 8,
  Unimplemented = 12,
  Internal = 13,
  Unavailable = 14,
  Unauthenticated = 16
};

// Microseconds of one unit; 0 if it is none.
std::uint64_t unit(char letter) {
  switch (letter) {
    case 'H': return 3'600'000'000;
    case 'M': return 60'000'000;
    case 'S': return 1'000'000;
    case 'm': return 1'000;
    case 'u': return 1;
    default: return 0;
  }
}

}  // namespace

bool is_grpc(const RequestHead& head) {
  if (!head.headers.has(FieldName::ContentType)) return false;
  const std::string_view value = head.headers.get(FieldName::ContentType);
  if (value.size() < type.size() || !iequals(value.substr(0, type.size()), type)) return false;
  return value.size() == type.size() || value[type.size()] == '+' || value[type.size()] == ';';
}

std::optional<std::uint64_t> grpc_timeout(const RequestHead& head) {
  const Field* field = head.headers.find("grpc-timeout");
  // A positive number of at most eight digits, and a unit.
  if (!field || field->value.size() < 2 || field->value.size() > 9) return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : field->value.substr(0, field->value.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<unsigned>(c - '0');
  }
  // What is shorter than we can tell is not for ever.
  if (field->value.back() == 'n') return std::max<std::uint64_t>(number / 1000, 1);
  const std::uint64_t each = unit(field->value.back());
  if (each == 0) return std::nullopt;
  return std::max<std::uint64_t>(number * each, 1);
}

int grpc_status(Failure failure) {
  const FailureTraits& row = traits(failure);
  if (row.grpc_status != 0) return row.grpc_status;
  switch (row.status) {
    case 400: return Internal;
    case 403: return PermissionDenied;
    case 404: return Unimplemented;
    case 408:
    case 504: return DeadlineExceeded;
    case 413:
    case 431: return ResourceExhausted;
    case 429:
    case 502:
    case 503: return Unavailable;
    default: return Unknown;
  }
}

int grpc_status(std::uint16_t http_status) {
  switch (http_status) {
    case 400: return Internal;
    case 401: return Unauthenticated;
    case 403: return PermissionDenied;
    case 404: return Unimplemented;
    case 429: return ResourceExhausted;
    case 502:
    case 503:
    case 504: return Unavailable;
    default: return Unknown;
  }
}

}  // namespace weir::http
