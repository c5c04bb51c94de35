// SPDX-License-Identifier: Apache-2.0
//
// Answers of name servers: the first byte chooses the type of record, the second the length of the name that was asked
// and follows; the rest is the answer.  Addresses have the size of their type and a time that c-ares can have given.
#include "base/assert.h"
#include "event/dns_answer.h"

#include <algorithm>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::event;
  if (size < 2) return 0;
  const int type = data[0] % 2 == 0 ? type_a : type_aaaa;
  const std::size_t length = std::min<std::size_t>(data[1], size - 2);
  const std::string_view name(reinterpret_cast<const char*>(data) + 2, length);
  const std::span<const unsigned char> answer(data + 2 + length, size - 2 - length);
  // A name that is repeated lies in the answer, behind the head and the length of its first label.
  if (repeats_question(name, answer)) WEIR_ASSERT(answer.size() >= 14 + name.size());
  DnsAnswer found;
  if (read_addresses(type, answer, found) != 0) {
    WEIR_ASSERT(found.addresses.empty() && found.ttl_seconds == 0);
    return 0;
  }
  WEIR_ASSERT(!found.addresses.empty() && found.addresses.size() <= most_addresses);
  WEIR_ASSERT(found.ttl_seconds <= INT32_MAX);
  for (const std::string& address : found.addresses)
    WEIR_ASSERT(address.size() == (type == type_a ? 4U : 16U));
  return 0;
}
