// SPDX-License-Identifier: Apache-2.0
#include "http/hop_limit.h"

#include "base/characters.h"
#include "base/cursor.h"
#include "http/field.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace weir::http {

namespace {

constexpr std::string_view max_forwards = "max-forwards";
constexpr std::string_view pseudonym = "weir";

// 1*DIGIT; numbers that nobody could count down count as the largest.
std::optional<std::uint32_t> parse_count(std::string_view text) {
  constexpr std::uint32_t most = INT32_MAX;
  if (text.empty()) return std::nullopt;
  std::uint32_t count = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    count = count > most / 10 - 1 ? most : count * 10 + static_cast<unsigned>(c - '0');
  }
  return count;
}

// Each visit has left at least this in a Via.
constexpr std::string_view shortest_visit = "2 weir";

// Nearly every request has passed fewer proxies than it takes to suspect a loop.
bool may_loop(const Headers& headers) {
  std::size_t size = 0;
  for (const Field& field : headers)
    if (field.id == FieldName::Via) size += field.value.size();
  return size > most_visits * shortest_visit.size();
}

// Elements of Via are "[protocol/]version received-by [comment]".
int count_visits(const Headers& headers) {
  int count = 0;
  for (const Field& field : headers) {
    if (field.id != FieldName::Via) continue;
    std::string_view list = field.value;
    for (std::string_view one = next_element(list); !one.empty(); one = next_element(list)) {
      one.remove_prefix(find_any_or_end(one, " \t"));
      take_while(one, " \t");
      if (one.substr(0, one.find_first_of(" \t")) == pseudonym) ++count;
    }
  }
  return count;
}

HopVerdict count_down(RequestHead& head, Arena& arena) {
  const Field* field = head.headers.find(max_forwards);
  if (!field) return HopVerdict::Forward;
  const bool is_alone = std::none_of(field + 1, head.headers.end(), [](const Field& other) {
    return iequals(other.name, max_forwards);
  });
  const auto count = parse_count(field->value);
  if (!count || !is_alone) return HopVerdict::Malformed;
  if (*count == 0) return HopVerdict::Answer;
  constexpr std::size_t most_digits = 10;
  char* const digits = arena.text(most_digits);
  const char* const end = std::to_chars(digits, digits + most_digits, *count - 1).ptr;
  head.headers.set(arena, field->name, {digits, static_cast<std::size_t>(end - digits)});
  return HopVerdict::Forward;
}

bool is_secret(std::string_view line) {
  const std::string_view name = line.substr(0, line.find(':'));
  return iequals(name, "authorization") || iequals(name, "proxy-authorization") ||
         iequals(name, "cookie");
}

}  // namespace

HopVerdict count_hop(RequestHead& head, Arena& arena) {
  if (may_loop(head.headers) && count_visits(head.headers) > most_visits) return HopVerdict::Loop;
  const bool counts = head.method == Method::Trace || head.method == Method::Options;
  return counts ? count_down(head, arena) : HopVerdict::Forward;
}

std::string reflection(std::string_view received) {
  std::string text;
  if (received.starts_with("\r\n")) received.remove_prefix(2);
  while (!received.empty()) {
    const std::string_view rest = received;
    const std::string_view line = take_until(received, "\r\n");
    if (!is_secret(line)) text += rest.substr(0, rest.size() - received.size());  // with its end
  }
  return text;
}

}  // namespace weir::http
