// SPDX-License-Identifier: Apache-2.0
//
// Small readers over views; none allocates, none fails: what is malformed is not found.
#include "http/field.h"

#include "base/characters.h"
#include "base/cursor.h"
#include "http/search.h"

#include <algorithm>
#include <chrono>
#include <cstring>
namespace weir::http {

namespace {

// A view that is empty but not null: found, and nothing in it.
std::string_view found(std::string_view text) { return text.data() ? text : std::string_view(""); }

// The q of an element of Accept in thousandths (RFC 9110 §12.4.2); malformed ones count as 0.
int quality(std::string_view parameters) {
  while (!parameters.empty()) {
    std::string_view value = trim(take_until(parameters, ';'));
    if (value.size() < 3 || to_lower(value[0]) != 'q' || value[1] != '=') continue;
    value.remove_prefix(2);
    if (value[0] == '1') return 1000;
    int thousandths = 0;
    int weight = 100;
    for (std::size_t i = 2; i < value.size() && is_digit(value[i]); ++i) {
      thousandths += (value[i] - '0') * weight;
      weight /= 10;
    }
    return thousandths;
  }
  return 1000;
}

// How much a client wants a media type: by its best match, an exact one before a range.
struct Wish {
  int specificity = 0;
  int quality = 0;
  void consider(int how_specific, int q) {
    if (how_specific > specificity) *this = {how_specific, q};
  }
};

void two_digits(char* out, unsigned number) {
  out[0] = static_cast<char>('0' + number / 10 % 10);
  out[1] = static_cast<char>('0' + number % 10);
}

}  // namespace

bool is_field_value(std::string_view text) {
  return find_value_end(text.data(), text.data() + text.size()) == text.data() + text.size();
}

std::string_view next_element(std::string_view& list) {
  while (!list.empty()) {
    // A comma inside a quoted string does not end the element (RFC 9110 §5.6.4).
    bool quoted = false;
    std::size_t end = 0;
    for (; end < list.size() && (quoted || list[end] != ','); ++end) {
      if (list[end] == '"') quoted = !quoted;
      if (quoted && list[end] == '\\' && end + 1 < list.size()) ++end;
    }
    const std::string_view element = trim(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (!element.empty()) return element;
  }
  return {};
}

std::string_view combined_list(const Headers& headers, FieldName id, Arena& arena) {
  if (!headers.has(id)) return {};
  std::size_t size = 0;
  std::size_t count = 0;
  for (const Field& field : headers)
    if (field.id == id) ++count, size += field.value.size() + 2;
  if (count <= 1) return headers.get(id);
  char* const begin = arena.text(size);
  char* out = begin;
  for (const Field& field : headers) {
    if (field.id != id) continue;
    if (out != begin) std::memcpy(out, ", ", 2), out += 2;
    out += field.value.copy(out, field.value.size());
  }
  return {begin, static_cast<std::size_t>(out - begin)};
}

bool list_has(const Headers& headers, FieldName id, std::string_view token) {
  if (!headers.has(id)) return false;
  for (const Field& field : headers) {
    if (field.id != id) continue;
    std::string_view list = field.value;
    for (std::string_view one = next_element(list); !one.empty(); one = next_element(list))
      if (iequals(one, token)) return true;
  }
  return false;
}

std::string_view cookie(const Headers& headers, std::string_view name) {
  if (!headers.has(FieldName::Cookie)) return {};
  for (const Field& field : headers) {
    if (field.id != FieldName::Cookie) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      std::string_view value = trim(take_until(rest, ';'));
      if (value.find('=') == std::string_view::npos) continue;
      if (trim(take_until(value, '=')) != name) continue;
      value = trim(value);
      const bool is_quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
      return found(is_quoted ? value.substr(1, value.size() - 2) : value);
    }
  }
  return {};
}

std::string_view query_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    std::string_view value = take_until(query, '&');
    if (value.empty()) continue;
    if (take_until(value, '=') == name) return found(value);
  }
  return {};
}

bool prefers_json(const Headers& headers) {
  Wish json;
  Wish html;
  for (const Field& field : headers) {
    if (field.id != FieldName::Accept) continue;
    std::string_view list = field.value;
    for (std::string_view range = next_element(list); !range.empty(); range = next_element(list)) {
      const std::string_view type = trim(take_until(range, ';'));
      const int q = quality(range);
      if (iequals(type, "application/json") || iequals(type, "application/problem+json"))
        json.consider(3, q);
      if (iequals(type, "text/html")) html.consider(3, q);
      if (iequals(type, "application/*")) json.consider(2, q);
      if (iequals(type, "text/*")) html.consider(2, q);
      if (type == "*/*") json.consider(1, q), html.consider(1, q);
    }
  }
  if (json.quality != html.quality) return json.quality > html.quality;
  return json.quality > 0 && json.specificity > html.specificity;
}

void write_date(char* out, std::int64_t seconds) {
  constexpr std::string_view weekdays = "SunMonTueWedThuFriSat";
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  using namespace std::chrono;
  const sys_seconds when{std::chrono::seconds(seconds)};
  const sys_days day = floor<days>(when);
  const year_month_day date(day);
  const hh_mm_ss time(when - day);
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  std::memcpy(out, "Sun, 06 Nov 1994 08:49:37 GMT", 29);
  std::memcpy(out, weekdays.data() + weekday(day).c_encoding() * 3, 3);
  two_digits(out + 5, static_cast<unsigned>(date.day()));
  std::memcpy(out + 8, months.data() + (static_cast<unsigned>(date.month()) - 1) * 3, 3);
  two_digits(out + 12, year / 100);
  two_digits(out + 14, year);
  two_digits(out + 17, static_cast<unsigned>(time.hours().count()));
  two_digits(out + 20, static_cast<unsigned>(time.minutes().count()));
  two_digits(out + 23, static_cast<unsigned>(time.seconds().count()));
}

}  // namespace weir::http
