// SPDX-License-Identifier: Apache-2.0
#include "http/fingerprint.h"

#include "base/cursor.h"
#include "base/hash.h"
#include "base/text.h"

#include <algorithm>
#include <cstddef>

namespace weir::http {

namespace {

// Without regard to case.  Beyond what fits the length alone counts.
std::uint64_t hash_lowered(std::string_view text, std::uint64_t seed) {
  char lowered[256];
  std::size_t size = std::min(text.size(), sizeof(lowered));
  for (std::size_t i = 0; i < size; ++i) lowered[i] = to_lower(text[i]);
  return fast_hash({lowered, size}, seed + text.size());
}

}  // namespace

std::uint64_t fingerprint(std::string_view head, std::string_view listener) {
  if (head.starts_with("\r\n")) head.remove_prefix(2);
  std::string_view line = take_until(head, "\r\n");
  std::uint64_t print = fast_hash(take_until(line, ' '), fast_hash(listener));
  std::string_view target = take_until(line, ' ');
  print = fast_hash(target.substr(0, target.find('?')), print);
  std::uint64_t names = 0, host = 0;
  while (!head.empty() && !head.starts_with("\r\n")) {
    std::string_view value = take_until(head, "\r\n");
    std::string_view name = take_until(value, ':');
    names += hash_lowered(name, 1);  // in whichever order
    if (iequals(name, "host")) host = hash_lowered(trim(value), 2);
  }
  const std::uint64_t parts[] = {print, names, host};
  print = fast_hash({reinterpret_cast<const char*>(parts), sizeof(parts)});
  return print == 0 ? 1 : print;
}

}  // namespace weir::http
