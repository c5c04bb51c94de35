// SPDX-License-Identifier: Apache-2.0
//
// The list is read as a whole from left to right, since a quoted string may hold any separator: a reader that started
// at the right end could be made to see elements inside a string.
#include "http/forwarded.h"

#include "base/characters.h"
#include "http/field.h"

#include <cstdint>

namespace weir::http {

namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool is_done() const { return rest_.empty(); }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }
  std::string_view token() {
    std::size_t size = 0;
    while (size < rest_.size() && is_in(rest_[size], TokenSet)) ++size;
    return cut(size);
  }
  // A token or a quoted string; false if it is neither.
  bool value(std::string_view& value) {
    if (take('"')) return quoted(value);
    value = token();
    return !value.empty();
  }

 private:
  std::string_view cut(std::size_t size) {
    const std::string_view front = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return front;
  }
  bool quoted(std::string_view& value) {
    for (std::size_t at = 0; at < rest_.size(); ++at) {
      if (rest_[at] == '\\') {
        ++at;  // the byte behind it stands for itself
      } else if (rest_[at] == '"') {
        value = cut(at);
        rest_.remove_prefix(1);
        return true;
      }
    }
    return false;
  }

  std::string_view rest_;
};

// Bits: which parameters an element has.  Any is set for every parameter, known or not.
enum Parameter : std::uint8_t { Other = 0, For = 1, Host = 2, Proto = 4, By = 8, Any = 16 };

Parameter parameter(std::string_view name) {
  if (iequals(name, "for")) return For;
  if (iequals(name, "host")) return Host;
  if (iequals(name, "proto")) return Proto;
  return iequals(name, "by") ? By : Other;
}

// name=value, or nothing, which the grammar allows.
bool read_pair(Reader& reader, ForwardedElement& element, std::uint8_t& seen) {
  const std::string_view name = reader.token();
  if (name.empty()) return true;
  std::string_view value;
  if (!reader.take('=') || !reader.value(value)) return false;
  const Parameter which = parameter(name);
  if ((seen & which) != 0) return false;
  seen |= which | Any;
  if (which == For) element.node = value;
  if (which == Host) element.host = value;
  if (which == Proto) element.proto = value;
  return true;
}

}  // namespace

std::optional<std::size_t> parse_forwarded(std::string_view list,
                                           std::span<ForwardedElement> elements) {
  Reader reader(list);
  std::size_t count = 0;
  while (true) {
    ForwardedElement element;
    std::uint8_t seen = 0;
    do {
      reader.skip_blanks();
      if (!read_pair(reader, element, seen)) return std::nullopt;
      reader.skip_blanks();
    } while (reader.take(';'));
    if (seen != 0) {
      if (count == elements.size()) return std::nullopt;
      elements[count++] = element;
    }
    if (reader.is_done()) return count;
    if (!reader.take(',')) return std::nullopt;
  }
}

}  // namespace weir::http
