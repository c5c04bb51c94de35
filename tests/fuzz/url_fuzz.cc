// SPDX-License-Identifier: Apache-2.0
//
// Authorities and decoding: what comes out of an authority is one, and decoding adds nothing.
#include "http/url.h"

#include "base/assert.h"
#include "http/field.h"

#include <cstdint>
#include <string>

namespace {

using namespace weir::http;

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
  check_authority(bytes);
  std::string decoded(size, '\0');
  WEIR_ASSERT(percent_decode(bytes, decoded.data(), true).size() <= size);
  return 0;
}
