// SPDX-License-Identifier: Apache-2.0
//
// The arena: alignment, blocks, and giving back.
#include <weir/arena.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace weir {
namespace {

TEST(Arena, HandsOutAlignedMemoryThatDoesNotOverlap) {
  Arena arena;
  std::vector<std::pair<char*, std::size_t>> pieces;
  for (std::size_t i = 1; i < 400; ++i) {
    const std::size_t align = std::size_t{1} << (i % 5);
    char* piece = static_cast<char*>(arena.allocate(i, align));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(piece) % align, 0u);
    std::memset(piece, static_cast<int>(i % 251), i);
    pieces.emplace_back(piece, i);
  }
  for (const auto& [piece, size] : pieces)
    for (std::size_t i = 0; i < size; ++i)
      ASSERT_EQ(static_cast<unsigned char>(piece[i]), size % 251);
}

TEST(Arena, GivesEverythingBack) {
  Arena arena;
  EXPECT_EQ(arena.held(), 0u);
  arena.allocate(1);
  EXPECT_EQ(arena.held(), Arena::block_size);
  arena.allocate(10'000);
  EXPECT_GE(arena.held(), Arena::block_size + 10'000);
  arena.reset();
  EXPECT_EQ(arena.held(), 0u);
  arena.reset();
  EXPECT_EQ(arena.held(), 0u);
  std::memset(arena.allocate(100), 1, 100);
}

TEST(Arena, GivesLargeWishesABlockOfTheirOwn) {
  Arena arena;
  char* before = arena.text(10);
  char* large = arena.text(Arena::block_size);
  std::memset(large, 1, Arena::block_size);
  EXPECT_EQ(arena.text(10), before + 10) << "the room in the ordinary block is still used";
}

TEST(Arena, UsesAnOrdinaryBlockToItsLastByte) {
  Arena arena;
  arena.allocate(1);
  const std::size_t held = arena.held();
  char* last = nullptr;
  for (char* next = arena.text(1); arena.held() == held; next = arena.text(1)) last = next;
  ASSERT_NE(last, nullptr);
  Arena other;
  std::memset(other.allocate(Arena::block_size - 16), 1, Arena::block_size - 16);
  EXPECT_EQ(other.held(), Arena::block_size);
}

TEST(Arena, CopiesTextsAndMakesArrays) {
  Arena arena;
  std::string text = "hello";
  const std::string_view copy = arena.copy(text);
  text = "xxxxx";
  EXPECT_EQ(copy, "hello");
  EXPECT_EQ(arena.copy("").size(), 0u);
  for (const int number : arena.array<int>(1000)) ASSERT_EQ(number, 0);
}

}  // namespace
}  // namespace weir
