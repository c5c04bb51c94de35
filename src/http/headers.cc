// SPDX-License-Identifier: Apache-2.0
//
// The contract's Headers, and the names that have a token.  A name is recognised by one hash of its
// length and its ends, and one comparison of words in which only letters may differ in case.
#include <weir/headers.h>

#include "base/characters.h"
#include "http/field.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <memory>

namespace weir {

namespace {

constexpr auto token_count = static_cast<std::size_t>(FieldName::Count);
static_assert(token_count <= 64, "presence is kept in one word");

constexpr std::array<std::string_view, token_count> spellings = {
    "",
    "Accept",
    "Accept-Encoding",
    "Authorization",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Date",
    "Early-Data",
    "Expect",
    "Forwarded",
    "Host",
    "Keep-Alive",
    "Location",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Referer",
    "Server",
    "Set-Cookie",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
};

constexpr std::size_t shortest = 2;
constexpr std::size_t longest = 19;
constexpr std::size_t slots = 128;

// The numbers were found by trying; that no two names share a slot is checked below.
constexpr std::size_t hash(std::size_t length, char first, char last) {
  return (length + 3 * (static_cast<unsigned char>(first) | 0x20U) +
          4 * (static_cast<unsigned char>(last) | 0x20U)) %
         slots;
}

// What a name is compared with: its spelling, and for each byte the bits that count (all but 0x20
// of a letter, so that only case is ignored).
struct Name {
  std::size_t length = 0;
  std::array<char, longest + 1> text{};
  std::array<char, longest + 1> mask{};
};

constexpr std::array<Name, token_count> make_names() {
  std::array<Name, token_count> made{};
  for (std::size_t id = 1; id < token_count; ++id) {
    made[id].length = spellings[id].size();
    for (std::size_t i = 0; i < spellings[id].size(); ++i) {
      const char c = spellings[id][i];
      made[id].text[i] = c;
      made[id].mask[i] = static_cast<char>(c == '-' ? 0xff : 0xdf);
    }
  }
  return made;
}

constexpr std::array<FieldName, slots> make_tokens() {
  std::array<FieldName, slots> made{};
  for (std::size_t id = 1; id < token_count; ++id) {
    std::string_view name = spellings[id];
    made[hash(name.size(), name.front(), name.back())] = static_cast<FieldName>(id);
  }
  return made;
}

constexpr std::array<std::array<char, longest>, token_count> make_lower() {
  std::array<std::array<char, longest>, token_count> made{};
  for (std::size_t id = 1; id < token_count; ++id)
    for (std::size_t i = 0; i < spellings[id].size(); ++i)
      made[id][i] = static_cast<char>(spellings[id][i] | 0x20);  // of '-' it is set already
  return made;
}

constexpr std::array<Name, token_count> names = make_names();
constexpr std::array<std::array<char, longest>, token_count> lower = make_lower();
constexpr std::array<FieldName, slots> tokens = make_tokens();
static_assert(std::count(tokens.begin(), tokens.end(), FieldName::Other) ==
                  static_cast<std::ptrdiff_t>(slots - (token_count - 1)),
              "two names share a slot");

template <typename Word>
bool differs_at(const Name& known, const char* name, std::size_t at) {
  Word theirs, ours, mask;
  std::memcpy(&theirs, name + at, sizeof(Word));
  std::memcpy(&ours, known.text.data() + at, sizeof(Word));
  std::memcpy(&mask, known.mask.data() + at, sizeof(Word));
  return ((theirs ^ ours) & mask) != 0;
}

// Words overlap at the end instead of leaving a rest.
bool is_same(const Name& known, std::string_view name) {
  const std::size_t length = name.size();
  const char* text = name.data();
  if (length >= 8) {
    if (differs_at<std::uint64_t>(known, text, 0)) return false;
    if (length > 16 && differs_at<std::uint64_t>(known, text, 8)) return false;
    return !differs_at<std::uint64_t>(known, text, length - 8);
  }
  if (length >= 4)
    return !differs_at<std::uint32_t>(known, text, 0) &&
           !differs_at<std::uint32_t>(known, text, length - 4);
  return !differs_at<std::uint16_t>(known, text, 0) &&
         !differs_at<std::uint16_t>(known, text, length - 2);
}

template <typename Predicate>
std::size_t erase(Field* fields, std::uint32_t& count, Predicate is_unwanted) {
  Field* const end = fields + count;
  const auto removed = static_cast<std::size_t>(end - std::remove_if(fields, end, is_unwanted));
  count -= static_cast<std::uint32_t>(removed);
  return removed;
}

std::uint64_t bit(FieldName id) { return std::uint64_t{1} << static_cast<unsigned>(id); }

}  // namespace

FieldName field_name(std::string_view name) {
  if (name.size() < shortest || name.size() > longest) return FieldName::Other;
  const FieldName id = tokens[hash(name.size(), name.front(), name.back())];
  const Name& known = names[static_cast<std::size_t>(id)];
  return known.length == name.size() && is_same(known, name) ? id : FieldName::Other;
}

std::string_view spelling(FieldName id) { return spellings[static_cast<std::size_t>(id)]; }

std::string_view http::lower_spelling(FieldName id) {
  const auto index = static_cast<std::size_t>(id);
  return {lower[index].data(), spellings[index].size()};
}

void Headers::assign(Arena& arena, std::span<const Field> fields) {
  constexpr std::size_t room = 6;  // what forwarding adds
  count_ = static_cast<std::uint32_t>(fields.size());
  capacity_ = static_cast<std::uint32_t>(fields.size() + room);
  fields_ = static_cast<Field*>(arena.allocate(sizeof(Field) * capacity_, alignof(Field)));
  std::uninitialized_copy(fields.begin(), fields.end(), fields_);
  recount();
}

void Headers::recount() {
  present_ = 0;
  for (const Field& field : *this) present_ |= bit(field.id);
}

const Field* Headers::find(FieldName id) const {
  if (!has(id)) return nullptr;
  return std::find_if(begin(), end(), [id](const Field& field) { return field.id == id; });
}

const Field* Headers::find(std::string_view name) const {
  if (FieldName id = field_name(name); id != FieldName::Other) return find(id);
  for (const Field& field : *this)
    if (field.id == FieldName::Other && iequals(field.name, name)) return &field;
  return nullptr;
}

void Headers::append(Arena& arena, const Field& field) {
  if (count_ == capacity_) {
    const std::uint32_t capacity = std::max<std::uint32_t>(8, capacity_ * 2);
    auto* fields = static_cast<Field*>(arena.allocate(sizeof(Field) * capacity, alignof(Field)));
    std::uninitialized_copy(begin(), end(), fields);
    fields_ = fields;
    capacity_ = capacity;
  }
  new (&fields_[count_++]) Field(field);
  present_ |= bit(field.id);
}

void Headers::add(Arena& arena, std::string_view name, std::string_view value) {
  append(arena, {name, value, field_name(name)});
}

void Headers::add(Arena& arena, FieldName id, std::string_view value) {
  append(arena, {spelling(id), value, id});
}

void Headers::set(Arena& arena, std::string_view name, std::string_view value) {
  remove(name);
  add(arena, name, value);
}

std::size_t Headers::remove(std::string_view name) {
  if (FieldName id = field_name(name); id != FieldName::Other) return remove(id);
  return erase(fields_, count_, [name](const Field& field) {
    return field.id == FieldName::Other && iequals(field.name, name);
  });
}

std::size_t Headers::remove(FieldName id) {
  if (!has(id)) return 0;
  present_ &= ~bit(id);
  return erase(fields_, count_, [id](const Field& field) { return field.id == id; });
}

std::size_t Headers::remove_if(bool (*is_unwanted)(const Field&)) {
  const std::size_t removed = erase(fields_, count_, is_unwanted);
  if (removed > 0) recount();
  return removed;
}

}  // namespace weir
