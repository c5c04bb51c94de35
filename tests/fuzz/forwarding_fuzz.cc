// SPDX-License-Identifier: Apache-2.0
//
// Fields of trusted proxies: the first byte says which of them are trusted, the rest are field lines.  Whatever
// they are, what is believed is an address, a scheme and a host, and what goes on can be read again.
#include "http/forwarding.h"

#include "base/assert.h"
#include "http/forwarded.h"
#include "http/h1_parser.h"
#include "http/url.h"
#include "net/address.h"

#include <array>
#include <cstdint>
#include <string>

namespace {

using namespace weir;
using namespace weir::http;

// Addresses with an even last byte are proxies, trusted with all that the first byte says.
Hop find(const void* context, std::string_view text) {
  const auto address = net::Address::from_ip(text);
  if (!address) return {};
  int count = 0;
  const std::uint8_t* bytes = address->bytes(count);
  const bool is_proxy = bytes[count - 1] % 2 == 0;
  return {true, is_proxy ? *static_cast<const std::uint8_t*>(context) : std::uint8_t{0}};
}

void check_client(const NamedClient& client, std::uint8_t bits) {
  WEIR_ASSERT(client.address.empty() || net::Address::from_ip(client.address));
  WEIR_ASSERT(client.scheme.empty() || client.scheme == "http" || client.scheme == "https");
  WEIR_ASSERT(client.authority.empty() || parse_authority(client.authority));
  WEIR_ASSERT(bits != 0 || (client.address.empty() && client.scheme.empty() &&
                            client.authority.empty() && !client.malformed));
}

void check_written(const RequestHead& head, const NamedClient& client) {
  std::size_t claims = 0;
  for (const Field& field : head.headers)
    claims += field.name.size() > 12 && field.name.substr(0, 12) == "X-Forwarded-";
  WEIR_ASSERT(claims == 3);
  const std::string_view chain = head.headers.get(FieldName::XForwardedFor);
  WEIR_ASSERT(chain.ends_with("2001:db8::1"));
  if (!head.headers.has(FieldName::Forwarded)) return;
  std::array<ForwardedElement, most_forwarded_elements + 1> elements;
  const auto count = parse_forwarded(head.headers.get(FieldName::Forwarded), elements);
  WEIR_ASSERT(count && *count > 0 && elements[*count - 1].node == "[2001:db8::1]");
  WEIR_ASSERT(!client.malformed || *count == 1 || !client.address.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint8_t bits = data[0] & 31;
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
  text.append(reinterpret_cast<const char*>(data) + 1, size - 1).append("\r\n");
  Arena arena;
  RequestHead head;
  if (parse_request({text.data(), text.size()}, arena, head) != Failure::None) return 0;
  const NamedClient client = find_client(head.headers, {bits, {}}, find, &bits, arena);
  check_client(client, bits);
  set_forwarding(head, arena, {"2001:db8::1", "https", {bits, {}}, client});
  check_written(head, client);
  return 0;
}
