// SPDX-License-Identifier: Apache-2.0
//
// Names are skipped in blocks as long as they are of the usual characters; values are searched for
// the first control, which has to be the CR.
#include "http/field_lines.h"

#include "base/characters.h"
#include "http/search.h"

#include <new>

namespace weir::http {

namespace {

// The end of a token; tells whether there is an underscore in it.
const char* find_token_end(const char* at, const char* end, bool& has_underscore) {
  has_underscore = false;
  at = skip_name(at, end);
  if (at < end && *at == ':') return at;
  for (; at < end && is_in(*at, TokenSet); ++at)
    has_underscore = has_underscore || is_in(*at, UnderscoreSet);
  return at;
}

}  // namespace

FieldLines::Outcome FieldLines::read(std::span<const char> bytes, bool drop_underscores) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (end - at >= 2 && *at != '\r') {
    bool has_underscore;
    const char* const colon = find_token_end(at, end, has_underscore);
    if (colon == at || colon == end || *colon != ':') return Outcome::Malformed;
    const std::string_view name(at, static_cast<std::size_t>(colon - at));

    const char* first = colon + 1;
    while (first < end && is_blank(*first)) ++first;
    const char* const line_end = find_value_end(first, end);
    if (end - line_end < 2 || line_end[0] != '\r' || line_end[1] != '\n') return Outcome::Malformed;
    const char* last = line_end;
    while (last > first && is_blank(last[-1])) --last;

    if (!has_underscore || !drop_underscores) {
      if (count_ == most) return Outcome::TooMany;
      const bool canonical = first == colon + 2 && colon[1] == ' ' && last == line_end;
      new (storage_ + sizeof(Field) * count_++)
          Field{name, {first, static_cast<std::size_t>(last - first)}, field_name(name), canonical};
    } else {
      ++dropped_;
    }
    at = line_end + 2;
  }
  const bool complete = end - at == 2 && at[0] == '\r' && at[1] == '\n';
  return complete ? Outcome::Complete : Outcome::Malformed;
}

}  // namespace weir::http
