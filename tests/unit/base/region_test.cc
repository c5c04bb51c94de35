// SPDX-License-Identifier: Apache-2.0
//
// Memory that rests comes back as it was, where it was.
#include "base/region.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace weir {
namespace {

struct Piece {
  char* at;
  std::string text;
};

Piece fill(Region& region, std::size_t size, char with) {
  std::string text(size, with);
  char* at = static_cast<char*>(region.take(size));
  std::memcpy(at, text.data(), size);
  return {at, text};
}

TEST(Region, WakesAsItWas) {
  Region region;
  std::vector<Piece> pieces;
  char with = 'a';
  for (std::size_t size : {1, 8, 9, 100, 1024, 2928, 4096, 16'394, 20'000, 40'000})
    pieces.push_back(fill(region, size, with++));
  auto* empty = static_cast<char*>(region.take_cleared(500));
  for (int i = 0; i < 3; ++i) {
    region.rest();
    EXPECT_TRUE(region.is_resting());
    region.wake();
    EXPECT_FALSE(region.is_resting());
    for (const Piece& piece : pieces)
      EXPECT_EQ(std::string(piece.at, piece.text.size()), piece.text) << piece.text.size();
    EXPECT_EQ(std::string(empty, 500), std::string(500, '\0'));
  }
  for (const Piece& piece : pieces) region.give(piece.at);
}

TEST(Region, IsAlignedForAnything) {
  Region region;
  std::vector<void*> all;
  for (std::size_t size : {1, 7, 24, 25, 1000, 5000, 50'000}) {
    all.push_back(region.take(size));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(all.back()) % alignof(std::max_align_t), 0U) << size;
  }
  for (void* memory : all) region.give(memory);
}

TEST(Region, GivesOutAgainWhatCameBackAcrossARest) {
  Region region;
  void* one = region.take(200);
  void* other = region.take(200);
  std::memset(one, 'x', 200);
  std::memset(other, 'x', 200);
  region.give(one);
  region.give(other);
  region.rest();
  region.wake();
  EXPECT_EQ(region.take(200), other);
  auto* cleared = static_cast<char*>(region.take_cleared(199));
  EXPECT_EQ(static_cast<void*>(cleared), one);
  EXPECT_EQ(std::string(cleared, 199), std::string(199, '\0'));
}

// What a busy owner needs beyond the region keeps its content as well, whatever comes and goes around it.
TEST(Region, GoesOnBeyondItsCapacity) {
  for (int round = 0; round < 3; ++round) {
    Region region;
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < 400; ++i)
      pieces.push_back(fill(region, 1 + i * 37 % 1500, static_cast<char>('a' + i % 26)));
    for (std::size_t i = 0; i < pieces.size(); i += 2) region.give(pieces[i].at);
    for (std::size_t i = 0; i < pieces.size(); i += 2)
      pieces[i] = fill(region, 1 + i * 53 % 1500, static_cast<char>('A' + i % 26));
    for (const Piece& piece : pieces) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(piece.at) % alignof(std::max_align_t), 0U);
      EXPECT_EQ(std::string(piece.at, piece.text.size()), piece.text);
      region.give(piece.at);
    }
  }
}

TEST(Region, GrowsInPlaceOrMoves) {
  Region region;
  Piece piece = fill(region, 20, 'p');
  piece.at = static_cast<char*>(region.resize(piece.at, 24));
  for (std::size_t size : {100, 3000, 60'000, 120'000}) {
    piece.at = static_cast<char*>(region.resize(piece.at, size));
    EXPECT_EQ(std::string(piece.at, 20), piece.text);
  }
  region.give(piece.at);
  void* fresh = region.resize(nullptr, 10);
  ASSERT_NE(fresh, nullptr);
  region.give(fresh);
  region.give(nullptr);
}

TEST(Region, BeginsWithoutATraceOfTheOneBefore) {
  for (int round = 0; round < 3; ++round) {
    Region region;
    auto* memory = static_cast<char*>(region.take(16'000));
    EXPECT_EQ(std::string(memory, 16'000), std::string(16'000, '\0'));
    std::memset(memory, 'x', 16'000);
    if (round == 1) region.rest();
  }
}

}  // namespace
}  // namespace weir
