// SPDX-License-Identifier: Apache-2.0
#include "http/received_fields.h"

#include "base/characters.h"
#include "base/cursor.h"

#include <algorithm>
#include <cstddef>
#include <span>

namespace weir::http {

namespace {

// A line that goes on with the one before (RFC 9112 §5.2) has no name, like one without a colon.
ReceivedField read_field(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || is_blank(line.front())) return {{}, trim(line), false};
  const std::string_view name = line.substr(0, colon);
  return {name, trim(line.substr(colon + 1)), name.find('_') != std::string_view::npos};
}

}  // namespace

std::string_view take_line(std::string_view& text) {
  std::string_view line = take_until(text, '\n');
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Received read_received(std::string_view head, Arena& arena) {
  if (head.starts_with("\r\n")) head.remove_prefix(2);  // forgiven (RFC 9112 §2.2)
  Received received;
  received.line = take_line(head);
  const auto lines = static_cast<std::size_t>(std::count(head.begin(), head.end(), '\n')) + 1;
  const std::span<ReceivedField> fields =
      arena.array<ReceivedField>(std::min(lines, most_received));
  std::size_t count = 0;
  while (!head.empty()) {
    const bool is_cut = head.find('\n') == std::string_view::npos;
    const std::string_view line = take_line(head);
    if (line.empty()) {
      received.is_complete = !is_cut;
      break;
    }
    if (count == fields.size()) break;
    fields[count++] = read_field(line);
  }
  received.fields = fields.first(count);
  return received;
}

}  // namespace weir::http
