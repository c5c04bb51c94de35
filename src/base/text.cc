// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace weir {

namespace {

constexpr std::size_t longest_word = 64;  // nobody misspells longer ones

// "leastconn" was meant to be "least_request": far apart, but more than half of it is the same.
std::optional<std::string_view> same_beginning(std::string_view word,
                                               std::span<const std::string_view> candidates) {
  std::optional<std::string_view> best;
  std::size_t longest = std::max<std::size_t>(4, (word.size() + 1) / 2) - 1;
  for (const std::string_view candidate : candidates) {
    const auto [here, there] =
        std::mismatch(word.begin(), word.end(), candidate.begin(), candidate.end());
    const auto same = static_cast<std::size_t>(here - word.begin());
    if (same <= longest) continue;
    best = candidate;
    longest = same;
  }
  return best;
}

// Bytes at the beginning that stand for themselves in quotes: printable ASCII without the quote and the backslash.
bool is_plain(unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

constexpr std::uint64_t each(unsigned char byte) { return byte * 0x0101010101010101ULL; }

// All eight of them, without looking at each.
bool are_plain(std::uint64_t eight) {
  const auto below = [](std::uint64_t bytes, unsigned char limit) {
    return (bytes - each(limit)) & ~bytes;
  };
  const std::uint64_t odd = below(eight, 0x20) | eight | (eight + each(1)) |
                            below(eight ^ each('"'), 1) | below(eight ^ each('\\'), 1);
  return (odd & each(0x80)) == 0;
}

std::size_t plain_run(std::string_view text) {
  std::size_t at = 0;
  for (std::uint64_t eight; text.size() - at >= sizeof(eight); at += sizeof(eight)) {
    std::memcpy(&eight, text.data() + at, sizeof(eight));
    if (!are_plain(eight)) break;
  }
  while (at < text.size() && is_plain(static_cast<unsigned char>(text[at]))) ++at;
  return at;
}

void append_hex(std::string& out, unsigned char c) {
  out += hex_digits[c >> 4];
  out += hex_digits[c & 15];
}

// Length of the UTF-8 sequence at the start of `text`, or 0 if it is none (RFC 3629 §4).
std::size_t utf8_length(std::string_view text) {
  auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char c = byte(0);
  std::size_t length = c >= 0xc2 && c <= 0xdf   ? 2
                       : (c & 0xf0) == 0xe0     ? 3
                       : c >= 0xf0 && c <= 0xf4 ? 4
                                                : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  bool overlong = (c == 0xe0 && byte(1) < 0xa0) || (c == 0xf0 && byte(1) < 0x90);
  bool outside = (c == 0xed && byte(1) > 0x9f) || (c == 0xf4 && byte(1) > 0x8f);
  return overlong || outside ? 0 : length;
}

}  // namespace

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = to_lower(c);
  return lower;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string in_quotes(std::string_view word) {
  constexpr std::size_t most = 64;
  return concat("\"", word.substr(0, most), word.size() > most ? "..." : "", "\"");
}

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > most || b.size() > longest_word) return most + 1;
  // Three rows of the usual matrix: swapped neighbours look two rows back (Damerau, restricted).
  using Row = std::array<std::size_t, longest_word + 1>;
  Row before{}, last{}, row{};
  for (std::size_t i = 0; i <= a.size(); ++i) last[i] = i;
  for (std::size_t j = 1; j <= b.size(); ++j) {
    row[0] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
      const std::size_t differs = a[i - 1] == b[j - 1] ? 0 : 1;
      row[i] = std::min({last[i] + 1, row[i - 1] + 1, last[i - 1] + differs});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[i] = std::min(row[i], before[i - 2] + 1);
    }
    before = last;
    last = row;
  }
  return std::min(last[a.size()], most + 1);
}

std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates) {
  std::optional<std::string_view> best;
  std::size_t most = std::min<std::size_t>(2, (word.size() + 1) / 3);
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate, most);
    if (distance > most || (best && distance == most)) continue;
    best = candidate;
    most = distance;
  }
  return best ? best : same_beginning(word, candidates);
}

std::size_t find_bad_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return std::string_view::npos;
}

void append_json(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t run = plain_run(text);
    out.append(text.substr(0, run));
    text.remove_prefix(run);
    if (text.empty()) return;
    const auto c = static_cast<unsigned char>(text[0]);
    std::size_t length = 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[0];
    } else if (c < 0x80) {
      out += "\\u00";
      append_hex(out, c);
    } else if ((length = utf8_length(text)) > 0) {
      out += text.substr(0, length);
    } else {
      out += "\\ufffd";
      length = 1;
    }
    text.remove_prefix(length);
  }
}

void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t run = plain_run(text);
    out.append(text.substr(0, run));
    if (run == text.size()) return;
    out += "\\x";
    append_hex(out, static_cast<unsigned char>(text[run]));
    text.remove_prefix(run + 1);
  }
}

void append_number(std::string& out, std::uint64_t number) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof(digits), number).ptr);
}

}  // namespace weir
