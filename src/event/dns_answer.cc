// SPDX-License-Identifier: Apache-2.0
#include "event/dns_answer.h"

// Debian 12 has none of what later versions of c-ares have instead.
#define CARES_NO_DEPRECATED
#include <ares.h>

#include <algorithm>
#include <type_traits>

namespace weir::event {

namespace {

template <typename Record, typename Parse>
int read_records(Parse parse, std::span<const unsigned char> answer, DnsAnswer& into) {
  Record records[most_addresses];
  int count = most_addresses;
  const int status =
      parse(answer.data(), static_cast<int>(answer.size()), nullptr, records, &count);
  if (status != ARES_SUCCESS) return status;
  if (count == 0) return ARES_ENODATA;
  into.ttl_seconds = UINT32_MAX;
  for (int i = 0; i < count; ++i) {
    const auto& address = [&]() -> const auto& {
      if constexpr (std::is_same_v<Record, ares_addrttl>)
        return records[i].ipaddr;
      else
        return records[i].ip6addr;
    }
    ();
    into.addresses.emplace_back(reinterpret_cast<const char*>(&address), sizeof(address));
    into.ttl_seconds =
        std::min(into.ttl_seconds, static_cast<std::uint32_t>(std::max(records[i].ttl, 0)));
  }
  return ARES_SUCCESS;
}

}  // namespace

bool repeats_question(std::string_view name, std::span<const unsigned char> answer) {
  constexpr std::size_t header = 12;
  const std::string_view bytes(reinterpret_cast<const char*>(answer.data()), answer.size());
  if (bytes.size() < header + name.size() + 2) return false;
  const std::string_view asked = bytes.substr(header + 1, name.size());
  return std::equal(name.begin(), name.end(), asked.begin(),
                    [](char ours, char theirs) { return ours == '.' || ours == theirs; });
}

int read_addresses(int type, std::span<const unsigned char> answer, DnsAnswer& found) {
  return type == type_a ? read_records<ares_addrttl>(ares_parse_a_reply, answer, found)
                        : read_records<ares_addr6ttl>(ares_parse_aaaa_reply, answer, found);
}

}  // namespace weir::event
