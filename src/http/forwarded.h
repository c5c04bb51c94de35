// SPDX-License-Identifier: Apache-2.0
//
// The Forwarded field (RFC 7239 §4): one element for each proxy on the way, the nearest one last.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace weir::http {

/// One element.  Parameters that are not there are empty; quotes are taken off.  A value with a quoted pair keeps
/// its backslash: neither an address, a host nor a scheme has one, so nobody takes it for any of them.
struct ForwardedElement {
  std::string_view node;  ///< `for`: "192.0.2.1:4711", "[2001:db8::1]", "unknown" or "_obfuscated"
  std::string_view host;
  std::string_view proto;
};

/// So many proxies in a row are looked at.
inline constexpr std::size_t most_forwarded_elements = 64;

/// Takes a whole list apart, all field lines joined by commas.  Returns the number of elements, which is at most
/// `elements.size()`; nothing if the list is malformed, repeats a parameter within an element, or has more.
/// The elements refer to `list`.
std::optional<std::size_t> parse_forwarded(std::string_view list,
                                           std::span<ForwardedElement> elements);

}  // namespace weir::http
