// SPDX-License-Identifier: Apache-2.0
//
// Paths and authorities: normalising twice is normalising once, the quick test agrees with the slow
// work, and what comes out has nothing left in it that a server could resolve.
#include "http/url.h"

#include "base/assert.h"
#include "http/field.h"

#include <cstdint>
#include <string>

namespace {

using namespace weir::http;

void check_path(std::string_view raw) {
  std::string once(raw);
  const auto normal = normalise_path({once.data(), once.size()});
  WEIR_ASSERT(!is_normal_path(raw) || (normal && *normal == raw));
  if (!normal) return;
  WEIR_ASSERT(normal->front() == '/' && normal->size() <= raw.size());
  WEIR_ASSERT(is_safe_query(*normal));
  const std::string closed = std::string(*normal) + "/";
  for (const std::string_view left :
       {"//", "/./", "/../", "\\", "/.;", "/..;", "%2F", "%2f", "%00"})
    WEIR_ASSERT(normal->find(left) == std::string_view::npos &&
                (left == "//" || closed.find(left) == std::string::npos));
  std::string twice(*normal);
  const auto again = normalise_path({twice.data(), twice.size()});
  WEIR_ASSERT(again && *again == *normal);
}

void check_authority(std::string_view text) {
  const auto authority = parse_authority(text);
  if (!authority) return;
  WEIR_ASSERT(!authority->host.empty() && is_field_value(authority->host));
  const auto host = parse_authority(authority->host);
  WEIR_ASSERT(host && host->host == authority->host && host->port.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_path(bytes);
  check_authority(bytes);
  std::string decoded(size, '\0');
  WEIR_ASSERT(percent_decode(bytes, decoded.data(), true).size() <= size);
  return 0;
}
