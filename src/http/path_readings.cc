// SPDX-License-Identifier: Apache-2.0
//
// Each level of decoding is made of the one before it, in place, for several kinds of readers at once: those
// that cut parameters first or not, and those that find segments first or not.
#include "http/path_readings.h"

#include "base/characters.h"

#include <algorithm>
#include <cstring>

namespace weir::http {

namespace {

constexpr std::size_t cuts = 3;  // of parameters: none, up to '/', up to either slash
// Stand for decoded slashes that are no separators: no path with readings to tell holds a control character.
constexpr char kept_slash = '\0', kept_backslash = '\1';

constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }

// Decodes each well-formed escape once, in place, and leaves the others.  Returns the new size.
std::size_t decode(char* text, std::size_t size, bool keeps_slashes) {
  const char* escape = static_cast<const char*>(std::memchr(text, '%', size));
  if (!escape) return size;
  std::size_t from = static_cast<std::size_t>(escape - text), to = from;
  while (from < size) {
    const bool is_escape = text[from] == '%' && size - from >= 3 && is_in(text[from + 1], HexSet) &&
                           is_in(text[from + 2], HexSet);
    if (!is_escape) {
      text[to++] = text[from++];
      continue;
    }
    char c = static_cast<char>(hex_value(text[from + 1]) * 16 + hex_value(text[from + 2]));
    if (keeps_slashes && c == '/') c = kept_slash;
    if (keeps_slashes && c == '\\') c = kept_backslash;
    text[to++] = c;
    from += 3;
  }
  return to;
}

// Takes ";..." off each segment, in place.  Returns the new size.
std::size_t cut_parameters(char* text, std::size_t size, char other_separator) {
  std::size_t to = 0;
  bool in_parameters = false;
  for (std::size_t from = 0; from < size; ++from) {
    if (text[from] == ';') in_parameters = true;
    if (text[from] == '/' || text[from] == other_separator) in_parameters = false;
    if (!in_parameters) text[to++] = text[from];
  }
  return to;
}

// A segment "." or "..", or one with parameters behind it, between slashes of either kind.
bool has_dot_segment(std::string_view text) {
  for (std::size_t at = text.find('.'); at != std::string_view::npos; at = text.find('.', at)) {
    std::size_t end = at;
    while (end < text.size() && text[end] == '.') ++end;
    const bool begins = text[at - 1] == '/' || text[at - 1] == '\\';
    const bool ends =
        end == text.size() || text[end] == '/' || text[end] == '\\' || text[end] == ';';
    if (begins && ends && end - at <= 2) return true;
    at = end;
  }
  return false;
}

}  // namespace

Hidden find_hidden(const Path& path, Arena& arena) {
  if (!path.has_readings) return Hidden::Nothing;
  std::size_t size = path.forwarded.size();
  char* const text = arena.text(size);
  path.forwarded.copy(text, size);
  for (int level = 0;; ++level) {
    if (has_dot_segment({text, size})) return Hidden::Dots;
    const std::size_t decoded = decode(text, size, false);
    if (decoded == size) return Hidden::Nothing;
    if (level == most_decodings) return Hidden::TooDeep;
    size = decoded;
    if (std::any_of(text, text + size, is_control)) return Hidden::Control;
  }
}

PathReadings::PathReadings(const Path& path, std::size_t most, Arena& arena)
    : path_(path), most_(std::min(most, 3 * path.forwarded.size())) {
  const std::string_view sent = path.forwarded;
  const bool has_parameters = sent.find(';') != std::string_view::npos;
  const bool has_backslash = sent.find('\\') != std::string_view::npos;
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    const std::size_t cut = i % cuts;
    if ((cut > 0 && !has_parameters) || (cut == 2 && !has_backslash)) continue;
    Text& text = texts_[i] = {arena.text(sent.size()), sent.size(), i >= cuts};
    sent.copy(text.begin, sent.size());
    if (cut > 0) text.size = cut_parameters(text.begin, text.size, cut == 2 ? '\\' : '/');
  }
  out_ = arena.text(most_ + 3);
}

// False if nobody would find anything more to decode.
bool PathReadings::decode_once() {
  bool any = false;
  for (Text& text : texts_) {
    if (!text.begin) continue;
    const std::size_t size = decode(text.begin, text.size, text.keeps_slashes);
    any = any || size != text.size;
    text.size = size;
  }
  return any;
}

// Spells a reading into `out_`.  False if one of the ways makes no difference: another reading is the same.
bool PathReadings::spell(const Text& text, unsigned how) {
  unsigned used = 0;
  char* out = out_;
  char* const limit = out_ + most_;
  const auto separates = [how](char c) { return c == '/' || (c == '\\' && (how & Backslash)); };
  for (std::size_t at = 0; at < text.size && out < limit; ++at) {
    char c = text.begin[at];
    if (c == ';' && (how & Cut)) {
      used |= Cut;
      while (at + 1 < text.size && !separates(text.begin[at + 1])) ++at;
      continue;
    }
    if (c == '\\' && (how & Backslash)) {
      used |= Backslash;
      c = '/';
    }
    if (c == '/' && (how & Merge) && out > out_ && out[-1] == '/') {
      used |= Merge;
    } else if (c == '%' && level_ == 0) {
      const unsigned byte = hex_value(text.begin[at + 1]) * 16 + hex_value(text.begin[at + 2]);
      out = put_plain(out, static_cast<unsigned char>(byte), true);
      at += 2;
    } else if (c == kept_slash) {
      out = put_plain(out, '/', true);
    } else {
      out = put_plain(out, static_cast<unsigned char>(c == kept_backslash ? '\\' : c), false);
    }
  }
  size_ = std::min(static_cast<std::size_t>(out - out_), most_);
  return used == how;
}

std::optional<std::string_view> PathReadings::next() {
  while (true) {
    if (step_ == texts_.size() * all_ways) {
      if (level_ == most_decodings || !decode_once()) return std::nullopt;
      ++level_;
      step_ = 0;
    }
    const std::size_t which = step_ / all_ways;
    const unsigned how = step_++ % all_ways;
    const Text& text = texts_[which];
    const std::size_t cut = which % cuts;
    if (!text.begin || (cut > 0 && (how & Cut)) || (cut == 2 && !(how & Backslash))) continue;
    if (level_ == 0 && which >= cuts) continue;  // nothing has been decoded that could be kept
    if (!spell(text, how)) continue;
    const std::string_view reading(out_, size_);
    if (reading != path_.plain.substr(0, most_)) return reading;
  }
}

}  // namespace weir::http
