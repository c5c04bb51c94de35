// SPDX-License-Identifier: Apache-2.0
#include "http/partial_head.h"

#include "base/characters.h"
#include "base/cursor.h"
#include "http/field.h"
#include "http/message.h"
#include "http/received_fields.h"

#include <string_view>

namespace weir::http {

namespace {

constexpr std::size_t longest_target = 1024;  // that a log is to hold of one nobody serves

// Whatever version the line claims, it came by HTTP/1.
Protocol protocol_of(std::string_view version) {
  if (version.size() != 8 || !version.starts_with("HTTP/")) return Protocol::Unknown;
  return version == name_of(Protocol::Http10) ? Protocol::Http10 : Protocol::Http11;
}

}  // namespace

void read_partly(std::span<const char> bytes, RequestHead& head) {
  std::string_view rest(bytes.data(), bytes.size());
  head.received = rest;
  if (rest.starts_with("\r\n")) rest.remove_prefix(2);
  const bool has_line = rest.find('\n') != std::string_view::npos;
  std::string_view line = take_line(rest);
  const bool has_method = line.find(' ') != std::string_view::npos;
  const std::string_view method = take_until(line, ' ');
  if (!has_method || !is_token(method)) return;  // whatever this is, it is no request
  if (head.method_text.empty()) {
    head.method_text = method;
    head.method = method_from(method);
  }
  const std::string_view target = take_until(line, ' ');
  if (head.target.empty()) head.target = target.substr(0, longest_target);
  head.protocol = protocol_of(line);
  while (has_line && !rest.empty() && head.authority.empty()) {
    const std::string_view field = take_line(rest);
    const std::size_t colon = field.find(':');
    if (colon != std::string_view::npos && iequals(field.substr(0, colon), "host"))
      head.authority = head.host = trim(field.substr(colon + 1));
  }
}

}  // namespace weir::http
