// SPDX-License-Identifier: Apache-2.0
//
// The contract's Headers, and the names that have a token.
#include <weir/headers.h>

#include <algorithm>
#include <memory>

#include "http/field.h"

namespace weir {

namespace {

constexpr std::string_view spellings[] = {
    "",           "Accept",     "Accept-Encoding",     "Authorization",       "Connection",       "Content-Encoding",
    "Content-Length", "Content-Type", "Cookie",        "Date",                "Early-Data",       "Expect",
    "Forwarded",  "Host",       "Keep-Alive",          "Location",            "Proxy-Authenticate",
    "Proxy-Authorization",      "Proxy-Connection",    "Referer",             "Server",           "Set-Cookie",
    "TE",         "Trailer",    "Transfer-Encoding",   "Upgrade",             "User-Agent",       "Via",
    "X-Forwarded-For",          "X-Forwarded-Host",    "X-Forwarded-Proto"};
static_assert(std::size(spellings) == static_cast<std::size_t>(FieldName::Count));
static_assert(static_cast<int>(FieldName::Count) <= 64);

constexpr std::size_t longest = 19;

// Tokens by length: few share one, so a look-up compares one or two names.
struct ByLength {
  std::uint8_t ids[longest + 1][6] = {};
  constexpr ByLength() {
    for (std::uint8_t id = 1; id < static_cast<std::uint8_t>(FieldName::Count); ++id) {
      std::uint8_t* slot = ids[spellings[id].size()];
      while (*slot) ++slot;
      *slot = id;
    }
  }
};
constexpr ByLength by_length;

}  // namespace

FieldName field_name(std::string_view name) {
  if (name.size() > longest) return FieldName::Other;
  for (std::uint8_t id : by_length.ids[name.size()]) {
    if (id == 0) break;
    if (((name[0] ^ spellings[id][0]) & 0xdf) == 0 && http::iequals(name, spellings[id]))
      return static_cast<FieldName>(id);
  }
  return FieldName::Other;
}

std::string_view spelling(FieldName id) { return spellings[static_cast<std::size_t>(id)]; }

void Headers::assign(Arena& arena, std::span<const Field> fields) {
  capacity_ = static_cast<std::uint32_t>(fields.size()) + 6;
  fields_ = static_cast<Field*>(arena.allocate(sizeof(Field) * capacity_, alignof(Field)));
  std::uninitialized_copy(fields.begin(), fields.end(), fields_);
  count_ = static_cast<std::uint32_t>(fields.size());
  recount();
}

void Headers::recount() {
  present_ = 0;
  for (std::uint32_t i = 0; i < count_; ++i) present_ |= std::uint64_t{1} << static_cast<unsigned>(fields_[i].id);
}

const Field* Headers::find(FieldName id) const {
  if (!has(id)) return nullptr;
  for (const Field& field : *this)
    if (field.id == id) return &field;
  return nullptr;
}

const Field* Headers::find(std::string_view name) const {
  FieldName id = field_name(name);
  if (id != FieldName::Other) return find(id);
  for (const Field& field : *this)
    if (field.id == FieldName::Other && http::iequals(field.name, name)) return &field;
  return nullptr;
}

void Headers::add(Arena& arena, std::string_view name, std::string_view value) {
  if (count_ == capacity_) {
    std::uint32_t capacity = std::max<std::uint32_t>(8, capacity_ * 2);
    auto* fields = static_cast<Field*>(arena.allocate(sizeof(Field) * capacity, alignof(Field)));
    std::uninitialized_copy(fields_, fields_ + count_, fields);
    fields_ = fields;
    capacity_ = capacity;
  }
  FieldName id = field_name(name);
  new (&fields_[count_++]) Field{name, value, id, false};
  present_ |= std::uint64_t{1} << static_cast<unsigned>(id);
}

void Headers::set(Arena& arena, std::string_view name, std::string_view value) {
  remove(name);
  add(arena, name, value);
}

std::size_t Headers::remove(std::string_view name) {
  FieldName id = field_name(name);
  if (id != FieldName::Other) return remove(id);
  Field* last = std::remove_if(fields_, fields_ + count_, [name](const Field& field) {
    return field.id == FieldName::Other && http::iequals(field.name, name);
  });
  std::size_t removed = static_cast<std::size_t>(fields_ + count_ - last);
  count_ -= static_cast<std::uint32_t>(removed);
  return removed;
}

std::size_t Headers::remove(FieldName id) {
  if (!has(id)) return 0;
  Field* last = std::remove_if(fields_, fields_ + count_, [id](const Field& field) { return field.id == id; });
  std::size_t removed = static_cast<std::size_t>(fields_ + count_ - last);
  count_ -= static_cast<std::uint32_t>(removed);
  present_ &= ~(std::uint64_t{1} << static_cast<unsigned>(id));
  return removed;
}

}  // namespace weir
