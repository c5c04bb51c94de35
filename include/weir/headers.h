// SPDX-License-Identifier: Apache-2.0
//
// Headers: the fields of one message, in order, duplicates kept (RFC 9110 §5).  Names compare
// without regard to case.  The texts are views: into the head as it was received (which lives in
// the stream's arena) or into the arena itself; adding a field copies nothing.
//
// Fields that weir itself looks at have a token (FieldName), so that the usual question "is there
// a Host?" is one comparison of bytes, and "is there no Upgrade?" one test of a bit.
#pragma once

#include <weir/arena.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace weir {

/// Fields with a token.  At most 63, because their presence is kept in one 64-bit word.
enum class FieldName : std::uint8_t {
  Other,
  Accept,
  AcceptEncoding,
  Authorization,
  Connection,
  ContentEncoding,
  ContentLength,
  ContentType,
  Cookie,
  Date,
  EarlyData,
  Expect,
  Forwarded,
  Host,
  KeepAlive,
  Location,
  ProxyAuthenticate,
  ProxyAuthorization,
  ProxyConnection,
  Referer,
  Server,
  SetCookie,
  Te,
  Trailer,
  TransferEncoding,
  Upgrade,
  UserAgent,
  Via,
  XForwardedFor,
  XForwardedHost,
  XForwardedProto,
  Count
};

/// One field line.
struct Field {
  std::string_view name;   ///< as spelled by the sender; never empty
  std::string_view value;  ///< without surrounding blanks
  FieldName id = FieldName::Other;
  /// The bytes from name.begin() on are exactly "Name: value\r\n" in memory, so a run of such
  /// neighbours may be forwarded as one block.
  bool canonical = false;
  /// The sender does not want it in anybody's table of compressed fields (RFC 7541 §7.1.3).
  bool never_index = false;
};

/// The token of a name, or FieldName::Other.
FieldName field_name(std::string_view name);

/// The usual spelling of a token ("Content-Length").
std::string_view spelling(FieldName id);

/// The list itself lies in an arena and is changed in place, so a Headers cannot be copied: two copies would
/// overwrite each other's fields.  `assign` makes a second list; moving leaves an empty one behind.
class Headers {
 public:
  Headers() = default;
  Headers(const Headers&) = delete;
  Headers& operator=(const Headers&) = delete;
  Headers(Headers&& other) noexcept { *this = std::move(other); }
  Headers& operator=(Headers&& other) noexcept {
    fields_ = std::exchange(other.fields_, nullptr);
    count_ = std::exchange(other.count_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    present_ = std::exchange(other.present_, 0);
    return *this;
  }

  /// Makes `this` a list of its own of these fields, with room for a few more, all in `arena`.  Names and
  /// values are not copied.  `fields` may be those of another Headers.
  void assign(Arena& arena, std::span<const Field> fields);

  std::span<const Field> fields() const { return {fields_, count_}; }
  const Field* begin() const { return fields_; }
  const Field* end() const { return fields_ + count_; }
  std::size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }

  bool has(FieldName id) const { return (present_ >> static_cast<unsigned>(id)) & 1U; }

  /// The first field with this name, or null.
  const Field* find(FieldName id) const;
  const Field* find(std::string_view name) const;

  /// The value of the first field with this name, or an empty text.
  std::string_view get(FieldName id) const {
    const Field* f = find(id);
    return f ? f->value : std::string_view();
  }

  /// Appends a field.  Name and value must outlive the message (arena or static text).
  void add(Arena& arena, std::string_view name, std::string_view value);
  /// The same in the usual spelling of its name, which must have a token.
  void add(Arena& arena, FieldName id, std::string_view value);

  /// Replaces all fields of that name by one.
  void set(Arena& arena, std::string_view name, std::string_view value);

  /// Removes all fields of that name; tells how many there were.
  std::size_t remove(std::string_view name);
  std::size_t remove(FieldName id);

  /// Removes the fields for which `is_unwanted` holds; tells how many there were.
  std::size_t remove_if(bool (*is_unwanted)(const Field&));

  void clear() { count_ = 0, present_ = 0; }

 private:
  void append(Arena& arena, const Field& field);
  void recount();

  Field* fields_ = nullptr;
  std::uint32_t count_ = 0;
  std::uint32_t capacity_ = 0;
  std::uint64_t present_ = 0;
};

}  // namespace weir
