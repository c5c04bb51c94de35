// SPDX-License-Identifier: Apache-2.0
#include "http/field.h"

#include <time.h>

#include <array>
#include <cstring>

#include "http/characters.h"

namespace weir::http {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

void two_digits(char* out, int number) {
  out[0] = static_cast<char>('0' + number / 10);
  out[1] = static_cast<char>('0' + number % 10);
}

}  // namespace

bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
  return true;
}

bool is_token(std::string_view text) {
  for (char c : text)
    if (!is_token_char(c)) return false;
  return !text.empty();
}

bool is_field_value(std::string_view text) {
  for (char c : text)
    if (!is_value_char(c)) return false;
  return true;
}

std::string_view next_element(std::string_view& list) {
  while (!list.empty()) {
    // A comma inside a quoted string does not end the element (RFC 9110 §5.6.4).
    std::size_t end = 0;
    bool quoted = false;
    for (; end < list.size() && (quoted || list[end] != ','); ++end) {
      if (list[end] == '"') quoted = !quoted;
      else if (quoted && list[end] == '\\' && end + 1 < list.size()) ++end;
    }
    std::string_view element = trim(list.substr(0, end));
    list.remove_prefix(end < list.size() ? end + 1 : end);
    if (!element.empty()) return element;
  }
  return {};
}

bool list_has(const Headers& headers, FieldName id, std::string_view token) {
  if (!headers.has(id)) return false;
  for (const Field& field : headers) {
    if (field.id != id) continue;
    std::string_view list = field.value;
    for (std::string_view element = next_element(list); !element.empty(); element = next_element(list))
      if (iequals(element, token)) return true;
  }
  return false;
}

std::string_view cookie(const Headers& headers, std::string_view name) {
  for (const Field& field : headers) {
    if (field.id != FieldName::Cookie) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      std::size_t end = std::min(rest.find(';'), rest.size());
      std::string_view pair = trim(rest.substr(0, end));
      rest.remove_prefix(end < rest.size() ? end + 1 : end);
      std::size_t equals = pair.find('=');
      if (equals == std::string_view::npos || trim(pair.substr(0, equals)) != name) continue;
      std::string_view value = trim(pair.substr(equals + 1));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
      return value.data() ? value : std::string_view("");
    }
  }
  return {};
}

std::string_view query_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    std::size_t end = std::min(query.find('&'), query.size());
    std::string_view pair = query.substr(0, end);
    query.remove_prefix(end < query.size() ? end + 1 : end);
    std::size_t equals = std::min(pair.find('='), pair.size());
    if (pair.substr(0, equals) != name) continue;
    return equals < pair.size() ? pair.substr(equals + 1) : std::string_view("");
  }
  return {};
}

bool prefers_json(const Headers& headers) {
  std::string_view list = headers.get(FieldName::Accept);
  for (std::string_view element = next_element(list); !element.empty(); element = next_element(list)) {
    std::string_view type = trim(element.substr(0, element.find(';')));
    if (iequals(type, "text/html")) return false;
    if (iequals(type, "application/json") || iequals(type, "application/problem+json")) return true;
  }
  return false;
}

void write_date(char* out, std::int64_t seconds) {
  static constexpr const char* days = "SunMonTueWedThuFriSat";
  static constexpr const char* months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  time_t when = static_cast<time_t>(seconds);
  tm parts;
  gmtime_r(&when, &parts);
  std::memcpy(out, "Sun, 06 Nov 1994 08:49:37 GMT", 29);
  std::memcpy(out, days + parts.tm_wday * 3, 3);
  two_digits(out + 5, parts.tm_mday);
  std::memcpy(out + 8, months + parts.tm_mon * 3, 3);
  two_digits(out + 12, (parts.tm_year + 1900) / 100);
  two_digits(out + 14, (parts.tm_year + 1900) % 100);
  two_digits(out + 17, parts.tm_hour);
  two_digits(out + 20, parts.tm_min);
  two_digits(out + 23, parts.tm_sec);
}

}  // namespace weir::http
