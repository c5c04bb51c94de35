// SPDX-License-Identifier: Apache-2.0
#include "http/path.h"

#include "base/characters.h"
#include "base/cursor.h"
#include "http/search.h"

#include <cstddef>
#include <cstring>

namespace weir::http {

namespace {

// How many bytes the path begins with are one byte in another spelling of '.': 1, 3, or 0 for none.
std::size_t dot_length(std::string_view text) {
  if (text.starts_with('.')) return 1;
  const bool is_escaped =
      text.size() >= 3 && text[0] == '%' && text[1] == '2' && (text[2] | 0x20) == 'e';
  return is_escaped ? 3 : 0;
}

// 1 for a segment ".", 2 for "..", however they are spelled; else 0.
int dots_of(std::string_view segment) {
  int dots = 0;
  for (std::size_t length; dots < 3 && (length = dot_length(segment)) != 0; ++dots)
    segment.remove_prefix(length);
  return segment.empty() && dots < 3 ? dots : 0;
}

bool is_escape_at(std::string_view text, std::size_t at) {
  return text.size() - at >= 3 && is_in(text[at + 1], HexSet) && is_in(text[at + 2], HexSet);
}

unsigned char escaped_byte(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(hex_value(text[at + 1]) * 16 + hex_value(text[at + 2]));
}

// Escapes never overlap, so decoding each as soon as it is complete comes to the same as decoding
// the whole path again and again, in one pass.  `scratch` has room for the path.
bool decodes_to_nul(std::string_view path, char* scratch) {
  std::size_t size = 0;
  for (const char c : path) {
    scratch[size++] = c;
    while (size >= 3 && scratch[size - 3] == '%' && is_escape_at({scratch, size}, size - 3)) {
      const unsigned char byte = escaped_byte({scratch, size}, size - 3);
      if (byte == 0) return true;
      size -= 2;
      scratch[size - 1] = static_cast<char>(byte);
    }
  }
  return false;
}

bool is_well_formed(std::string_view path) {
  if (path.empty() || path.front() != '/') return false;
  for (std::size_t at = 0; at < path.size(); ++at) {
    const auto byte = static_cast<unsigned char>(path[at]);
    if (byte <= ' ' || byte == 0x7f || byte == '#' || byte == '?') return false;
    if (byte == '%' && !is_escape_at(path, at)) return false;
  }
  return true;
}

// RFC 3986 §5.2.4; never above the root.  `out` has room for the path.
std::string_view resolve_dots(std::string_view path, char* out) {
  std::size_t to = 0;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = find_or_end(path, '/', at + 1);
    const int dots = dots_of(path.substr(at + 1, end - at - 1));
    if (dots == 0) to += path.copy(out + to, end - at, at);
    if (dots == 2)
      while (to > 0 && out[--to] != '/') continue;
    if (dots != 0 && end == path.size()) out[to++] = '/';
    at = end;
  }
  return {out, to};
}

// `out` has room for three times the path.
std::string_view spell_plainly(std::string_view path, char* out) {
  char* end = out;
  for (std::size_t at = 0; at < path.size(); ++at) {
    const bool is_escape = path[at] == '%';
    end = put_plain(end, is_escape ? escaped_byte(path, at) : static_cast<unsigned char>(path[at]),
                    is_escape);
    if (is_escape) at += 2;
  }
  return {out, static_cast<std::size_t>(end - out)};
}

}  // namespace

char* put_plain(char* out, unsigned char byte, bool is_escape) {
  const char c = static_cast<char>(byte);
  if (is_in(c, is_escape ? UnreservedSet : PathSet)) {
    *out++ = c;
    return out;
  }
  *out++ = '%';
  *out++ = upper_hex_digits[byte >> 4];
  *out++ = upper_hex_digits[byte & 15];
  return out;
}

#if defined(__SSE2__)
// All bytes are of PathSet, and none is ';'; no slash is followed by another one, or by a dot.
bool is_ordinary(const Sixteen& sixteen, unsigned& after_slash) {
  const unsigned bad = mask_of(sixteen.equal('%')) | mask_of(sixteen.in_range('"', '#')) |
                       mask_of(sixteen.in_range(';', '<')) | mask_of(sixteen.in_range('>', '?')) |
                       mask_of(sixteen.in_range('[', '^')) | mask_of(sixteen.equal('`')) |
                       mask_of(sixteen.in_range('{', '}')) | mask_of(sixteen.at_most(' ')) |
                       mask_of(sixteen.at_least(0x7f));
  const unsigned slashes = mask_of(sixteen.equal('/'));
  const unsigned dots = mask_of(sixteen.equal('.'));
  const bool is_fine = bad == 0 && ((slashes << 1 | after_slash) & (slashes | dots)) == 0;
  after_slash = slashes >> 15 & 1U;
  return is_fine;
}
#endif

// Any segment that begins with a dot may be one of dots: the long way finds out.
bool is_ordinary_path(std::string_view path) {
  if (path.empty() || path.front() != '/') return false;
  const char* at = path.data();
  const char* const end = at + path.size();
  unsigned after_slash = 0;
#if defined(__SSE2__)
  for (; end - at >= 16; at += 16)
    if (!is_ordinary(Sixteen(at), after_slash)) return false;
  if (at < end) {
    char rest[16];
    std::memset(rest, 'a', sizeof(rest));
    std::memcpy(rest, at, static_cast<std::size_t>(end - at));
    return is_ordinary(Sixteen(rest), after_slash);
  }
#endif
  for (; at < end; ++at) {
    if (!is_in(*at, PathSet) || *at == ';') return false;
    if (after_slash != 0 && (*at == '/' || *at == '.')) return false;
    after_slash = *at == '/' ? 1 : 0;
  }
  return true;
}

std::optional<Path> read_path(std::string_view sent, Arena& arena) {
  if (is_ordinary_path(sent)) return Path{sent, sent};
  if (!is_well_formed(sent)) return std::nullopt;
  char* const plain = arena.text(3 * sent.size());
  if (decodes_to_nul(sent, plain)) return std::nullopt;
  Path path;
  path.forwarded = resolve_dots(sent, arena.text(sent.size()));
  path.plain = spell_plainly(path.forwarded, plain);
  path.has_readings = path.forwarded.find_first_of("%\\;") != std::string_view::npos ||
                      path.forwarded.find("//") != std::string_view::npos;
  return path;
}

std::size_t leading_slashes(std::string_view text) { return take_while(text, "/\\").size(); }

std::string_view reduce_slashes(std::string_view reference, Arena& arena) {
  const std::size_t slashes = leading_slashes(reference);
  if (slashes < 2) return reference;
  char* const out = arena.text(reference.size());
  *out = '/';
  return {out, 1 + reference.copy(out + 1, reference.size() - slashes, slashes)};
}

}  // namespace weir::http
