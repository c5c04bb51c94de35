// SPDX-License-Identifier: Apache-2.0
//
// The small grammars inside field values: tokens, comma lists, cookies, dates, media ranges
// (RFC 9110 §5.6, §8.3, §12.5.1; RFC 6265 §5.2).
#pragma once

#include <weir/headers.h>

#include <cstdint>
#include <string_view>

namespace weir::http {

/// The spelling of a token in HTTP/2 ("content-length").
std::string_view lower_spelling(FieldName id);

/// A field value without CR, LF, NUL or other controls (tab allowed).
bool is_field_value(std::string_view text);

/// Takes the next element off a comma list, trimmed; skips empty ones.  Empty when there is none.
std::string_view next_element(std::string_view& list);

/// The values of all fields of that name as one list (RFC 9110 §5.3); in `arena` if there are several.
std::string_view combined_list(const Headers& headers, FieldName id, Arena& arena);

/// True if a comma list in any field of that name holds `token`, without regard to case.
bool list_has(const Headers& headers, FieldName id, std::string_view token);

/// The value of a cookie, or a view with null data if there is none.
std::string_view cookie(const Headers& headers, std::string_view name);

/// The raw value of a query parameter, or a view with null data if there is none.
std::string_view query_parameter(std::string_view query, std::string_view name);

/// True if the client would rather have JSON than HTML, by its Accept field.
bool prefers_json(const Headers& headers);

/// "Sun, 06 Nov 1994 08:49:37 GMT": 29 bytes written to `out`.  Seconds since the epoch.
void write_date(char* out, std::int64_t seconds);

}  // namespace weir::http
