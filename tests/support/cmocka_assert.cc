// SPDX-License-Identifier: Apache-2.0
// The asserts of the cmocka layer, and the memory and assert() checks: each says what it saw, then ends the test.

#include "cmocka_run.h"

#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sstream>
#include <string>
#include <string_view>

namespace weir::cmocka {
namespace {

constexpr std::size_t guard_size = 16;  // keeps malloc's alignment
constexpr unsigned char guard_byte = 0xdb;

struct Block {
  std::size_t size;
  const char* file;
  int line;
  std::uint64_t number;  ///< in the order of allocation
};

std::uint64_t blocks_ever = 0;

std::map<unsigned char*, Block>& blocks() {
  static std::map<unsigned char*, Block> all;
  return all;
}

/// Text of several parts; the streams are gone when it returns.
template <typename... Part>
std::string text(const Part&... part) {
  std::ostringstream out;
  (out << ... << part);
  return out.str();
}

std::string quoted(const char* string) {
  return string == nullptr ? "NULL" : text('"', string, '"');
}

bool is_same(const char* a, const char* b) {
  return a == nullptr || b == nullptr ? a == b : std::strcmp(a, b) == 0;
}

bool is_guard_whole(const unsigned char* guard) {
  return std::all_of(guard, guard + guard_size,
                     [](unsigned char byte) { return byte == guard_byte; });
}

void* allocate(std::size_t size, const char* file, int line) {
  auto* raw = static_cast<unsigned char*>(std::malloc(size + 2 * guard_size));
  if (raw == nullptr) return nullptr;
  std::memset(raw, guard_byte, size + 2 * guard_size);
  blocks().emplace(raw + guard_size, Block{size, file, line, blocks_ever++});
  return raw + guard_size;
}

/// False, and reported, if the block is unknown or was written past its ends; a known block is freed either way.
bool release(void* block, const char* file, int line) {
  auto* start = static_cast<unsigned char*>(block);
  const auto found = blocks().find(start);
  if (found == blocks().end()) {
    report(file, line, "test_free() of what test_malloc() did not return, or freed already");
    return false;
  }
  const Block known = found->second;
  const bool is_whole = is_guard_whole(start - guard_size) && is_guard_whole(start + known.size);
  if (!is_whole) {
    report(file, line,
           text("written outside of the ", known.size, " bytes allocated at ", known.file, ":",
                known.line));
  }
  blocks().erase(found);
  std::free(start - guard_size);
  return is_whole;
}

}  // namespace

std::uint64_t memory_mark() { return blocks_ever; }

void report_leaks(std::uint64_t mark) {
  std::erase_if(blocks(), [mark](const auto& entry) {
    const auto& [start, block] = entry;
    if (block.number < mark) return false;
    report(block.file, block.line, text("these ", block.size, " bytes were not freed"));
    std::free(start - guard_size);
    return true;
  });
}

}  // namespace weir::cmocka

using namespace weir::cmocka;

extern "C" {

jmp_buf weir_cmocka_assert_jump;
int weir_cmocka_assert_expected = 0;

void mock_assert(int result, const char* expression, const char* file, int line) {
  if (result != 0) return;
  if (weir_cmocka_assert_expected != 0) std::longjmp(weir_cmocka_assert_jump, 1);
  report(file, line, text("assert(", expression, ") failed"));
  abandon();
}

void weir_cmocka_assert_int(LargestIntegralType a, enum weir_cmocka_relation relation,
                            LargestIntegralType b, const char* what, const char* file, int line) {
  const bool is_equal = a == b;
  if (is_equal == (relation == WEIR_CMOCKA_EQUAL)) return;
  report(file, line,
         text(what, ": ", static_cast<intmax_t>(a),
              is_equal ? " == " : " != ", static_cast<intmax_t>(b)));
  abandon();
}

void weir_cmocka_assert_near(double a, double b, double epsilon, int equal, const char* what,
                             const char* file, int line) {
  const bool is_near = std::fabs(a - b) <= std::fabs(epsilon);
  if (is_near == (equal != 0)) return;
  report(file, line,
         text(what, ": ", a, " and ", b, is_near ? " are" : " are not", " within ", epsilon));
  abandon();
}

void weir_cmocka_assert_return_code(intmax_t code, int error, const char* what, const char* file,
                                    int line) {
  if (code >= 0) return;
  report(file, line, text(what, ": ", code, error > 0 ? text(", ", std::strerror(error)) : ""));
  abandon();
}

void weir_cmocka_assert_string(const char* a, const char* b, int equal, const char* what,
                               const char* file, int line) {
  if (is_same(a, b) == (equal != 0)) return;
  report(file, line, text(what, ": ", quoted(a), equal != 0 ? " != " : " == ", quoted(b)));
  abandon();
}

void weir_cmocka_assert_memory(const void* a, const void* b, size_t size, int equal,
                               const char* what, const char* file, int line) {
  const auto* left = static_cast<const unsigned char*>(a);
  const auto* right = static_cast<const unsigned char*>(b);
  const auto difference =
      static_cast<std::size_t>(std::mismatch(left, left + size, right).first - left);
  if ((difference == size) == (equal != 0)) return;
  report(file, line,
         equal != 0 ? text(what, ": byte ", difference, " differs: ", +left[difference],
                           " != ", +right[difference])
                    : text(what, ": all ", size, " bytes are equal"));
  abandon();
}

void weir_cmocka_assert_range(LargestIntegralType value, LargestIntegralType minimum,
                              LargestIntegralType maximum, int inside, const char* what,
                              const char* file, int line) {
  const bool is_inside = value >= minimum && value <= maximum;
  if (is_inside == (inside != 0)) return;
  report(file, line,
         text(what, ": ", value, is_inside ? " is" : " is not", " within ", minimum, "-", maximum));
  abandon();
}

void weir_cmocka_assert_set(LargestIntegralType value, const LargestIntegralType values[],
                            size_t count, int inside, const char* what, const char* file,
                            int line) {
  const bool is_inside = std::find(values, values + count, value) != values + count;
  if (is_inside == (inside != 0)) return;
  report(file, line,
         text(what, ": ", value, is_inside ? " is" : " is not", " in the set of ", count));
  abandon();
}

void* _test_malloc(size_t size, const char* file, int line) {
  return size > SIZE_MAX / 2 ? nullptr : allocate(size, file, line);
}

void* _test_calloc(size_t number, size_t size, const char* file, int line) {
  if (size != 0 && number > SIZE_MAX / 2 / size) return nullptr;
  void* block = allocate(number * size, file, line);
  if (block != nullptr) std::memset(block, 0, number * size);
  return block;
}

void* _test_realloc(void* block, size_t size, const char* file, int line) {
  if (block != nullptr && size == 0) {
    _test_free(block, file, line);
    return nullptr;
  }
  void* next = _test_malloc(size, file, line);
  if (block == nullptr || next == nullptr) return next;
  const auto old = blocks().find(static_cast<unsigned char*>(block));
  if (old != blocks().end()) std::memcpy(next, block, std::min(size, old->second.size));
  if (!release(block, file, line)) abandon();
  return next;
}

void _test_free(void* block, const char* file, int line) {
  if (block != nullptr && !release(block, file, line)) abandon();
}

}  // extern "C"
