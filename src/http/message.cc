// SPDX-License-Identifier: Apache-2.0
//
// The table of methods, RFC 9110 §9.3 and RFC 5789, and what a request expects.
#include "http/message.h"

#include "base/characters.h"
#include "http/field.h"

#include <array>

namespace weir::http {

namespace {

constexpr std::array<std::string_view, 10> names = {
    "", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};

}  // namespace

Method method_from(std::string_view text) {
  if (text == "GET") return Method::Get;
  for (std::size_t i = 1; i < names.size(); ++i)
    if (text == names[i]) return static_cast<Method>(i);
  return Method::Other;
}

std::string_view method_name(Method method) { return names[static_cast<std::size_t>(method)]; }

bool is_idempotent(Method method) {
  switch (method) {
    case Method::Get:
    case Method::Head:
    case Method::Put:
    case Method::Delete:
    case Method::Options:
    case Method::Trace: return true;
    case Method::Other:
    case Method::Post:
    case Method::Connect:
    case Method::Patch: return false;
  }
  return false;
}

Failure understand_expectation(RequestHead& head) {
  if (!head.headers.has(FieldName::Expect)) return Failure::None;
  for (const Field& field : head.headers)
    if (field.id == FieldName::Expect && !iequals(field.value, "100-continue"))
      return Failure::RequestExpectation;
  // An HTTP/1.0 client would not understand the interim answer (RFC 9110 §10.1.1).
  head.expects_continue = head.protocol != Protocol::Http10 && head.framing.end != BodyEnd::None;
  return Failure::None;
}

}  // namespace weir::http
