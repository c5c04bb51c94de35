// SPDX-License-Identifier: Apache-2.0
//
// A name that has a token is known to be well-formed, so that only other names are looked at byte by
// byte; values are searched for the first control, which has to be the CR.
#include "http/field_lines.h"

#include "http/characters.h"

#include <new>

namespace weir::http {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// The sets that the bytes of a name have in common, and whether there is an underscore.
struct NameCheck {
  bool is_token;
  bool has_underscore;
};

NameCheck check_name(std::string_view name) {
  unsigned all = TokenSet;
  unsigned any = 0;
  for (const char c : name) {
    const unsigned sets = character_sets[static_cast<unsigned char>(c)];
    all &= sets;
    any |= sets;
  }
  return {!name.empty() && all != 0, (any & UnderscoreSet) != 0};
}

}  // namespace

FieldLines::Outcome FieldLines::read(std::span<const char> bytes, bool drop_underscores) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (end - at >= 2 && *at != '\r') {
    const char* const colon = find_colon(at, end);
    if (colon == end) return Outcome::Malformed;
    const std::string_view name(at, static_cast<std::size_t>(colon - at));
    const FieldName id = field_name(name);
    bool keep = true;
    if (id == FieldName::Other) {
      const NameCheck check = check_name(name);
      if (!check.is_token) return Outcome::Malformed;
      keep = !(check.has_underscore && drop_underscores);
    }

    const char* first = colon + 1;
    while (first < end && is_blank(*first)) ++first;
    const char* const line_end = find_value_end(first, end);
    if (end - line_end < 2 || line_end[0] != '\r' || line_end[1] != '\n') return Outcome::Malformed;
    const char* last = line_end;
    while (last > first && is_blank(last[-1])) --last;

    if (keep) {
      if (count_ == most) return Outcome::TooMany;
      const bool canonical = first == colon + 2 && colon[1] == ' ' && last == line_end;
      new (storage_ + sizeof(Field) * count_++)
          Field{name, {first, static_cast<std::size_t>(last - first)}, id, canonical};
    } else {
      ++dropped_;
    }
    at = line_end + 2;
  }
  const bool complete = end - at == 2 && at[0] == '\r' && at[1] == '\n';
  return complete ? Outcome::Complete : Outcome::Malformed;
}

}  // namespace weir::http
